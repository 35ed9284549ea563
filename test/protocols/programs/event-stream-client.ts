/** Checks of server-sent events: `<url of the server> <how many events>`. */
import assert from 'node:assert/strict';
import { check } from './report.ts';

const [base = '', count = ''] = process.argv.slice(2);

/** Events as they come; the next is sent only when the one before was acknowledged. */
async function* events(stream: string): AsyncGenerator<string> {
  const answer = await fetch(`${base}/events/${stream}?count=${count}`);
  assert.equal(answer.headers.get('content-type'), 'text/event-stream');
  let text = '';
  for await (const chunk of answer.body ?? []) {
    text += Buffer.from(chunk).toString();
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    yield* parts;
  }
  assert.equal(text, '');
}

async function readAll(stream: string): Promise<void> {
  let last = 0;
  for await (const event of events(stream)) {
    last += 1;
    assert.equal(event, `id: ${last}\nevent: tick\ndata: number ${last}`);
    await fetch(`${base}/acknowledge/${stream}`, { method: 'POST' });
  }
  assert.equal(last, Number(count));
}

await check('each event comes before the next is sent', () => readAll('one'));

await check('several streams at a time', async () => {
  await Promise.all(Array.from({ length: 10 }, (_, i) => readAll(`stream-${i}`)));
});

await check('a reader that leaves is missed by nobody', async () => {
  for await (const _ of events('left')) break;
  await readAll('after');
});
