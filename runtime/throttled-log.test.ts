import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManualClock } from './clock.ts';
import { type EventLog, ThrottledLog } from './throttled-log.ts';

function lab(): { log: ThrottledLog; clock: ManualClock; lines: string[] } {
  const lines: string[] = [];
  const line =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  const below: EventLog = { debug: line('debug'), info: line('info'), warn: line('warn') };
  const clock = new ManualClock();
  return { log: new ThrottledLog(below, clock), clock, lines };
}

describe('a throttled log', () => {
  test('writes ten lines of one message a second, and then how many it left out', () => {
    const { log, clock, lines } = lab();
    for (let i = 0; i < 25; i++) log.warn({ peer: i }, 'refused');
    assert.equal(lines.length, 10);
    assert.equal(lines[9], 'warn refused {"peer":9}');
    clock.advance(1_000);
    assert.deepEqual(lines.slice(10), ['warn refused {"omitted":15}']);
    log.warn({ peer: 99 }, 'refused');
    assert.equal(lines.at(-1), 'warn refused {"peer":99}');
  });

  test('does not let one message crowd out another, and says nothing of nothing', () => {
    const { log, clock, lines } = lab();
    for (let i = 0; i < 11; i++) log.info({}, 'handshake failed');
    log.warn({}, 'refused');
    clock.advance(5_000);
    assert.deepEqual(lines.slice(10), ['warn refused {}', 'info handshake failed {"omitted":1}']);
  });

  test('writes all at level debug', () => {
    const { log, lines } = lab();
    for (let i = 0; i < 100; i++) log.debug({}, 'protocol found');
    assert.equal(lines.length, 100);
  });
});
