import { suite, test } from 'node:test';
import { readFound } from './found.ts';
import { Fuzzer } from './fuzzer.ts';
import { TARGETS } from './targets.ts';

/** Few, so that nobody waits; `npm run fuzz` makes many. */
const RUNS = 400;

suite('fuzz targets', () => {
  for (const target of TARGETS) {
    const known = [...target.seeds, ...readFound(target.name)];

    test(`${target.name} holds for its seeds and for what found something before`, () => {
      const fuzzer = new Fuzzer(target, 1);
      for (const input of known) throwFinding(fuzzer, input);
    });

    test(`${target.name} holds for ${RUNS} mutations of them`, () => {
      const fuzzer = new Fuzzer(target, 1, known);
      for (let i = 0; i < RUNS; i++) throwFinding(fuzzer, fuzzer.next());
    });
  }
});

function throwFinding(fuzzer: Fuzzer, input: Buffer): void {
  const finding = fuzzer.run(input);
  if (finding === undefined) return;
  const text = JSON.stringify(finding.input.toString('latin1').slice(0, 1000));
  throw new Error(`for ${text}`, { cause: finding.error });
}
