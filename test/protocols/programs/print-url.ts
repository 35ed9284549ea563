/** Prints what a URL answers. */
const answer = await fetch(process.argv[2] ?? '');
process.stdout.write(await answer.text());
