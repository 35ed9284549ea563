import assert from 'node:assert/strict';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import { AccessLog } from '../../sidecar/access-log/access-log.ts';
import { eventually } from './connections.ts';

const FIELD = / ?([A-Za-z]+)=(?:"((?:[^"\\\r\n]|\\x[0-9a-f]{2})*)"|([!#-<>-[\]-~]+))/y;

/** The fields of a line of the access log in text form, escapes as they stand; fails when it is no such line. */
export function parseTextLine(line: string): Record<string, string> {
  const fields: Record<string, string> = {};
  let at = 0;
  while (at < line.length) {
    FIELD.lastIndex = at;
    const match = FIELD.exec(line);
    assert.ok(match, `no field at ${at} of ${line}`);
    const [all, name = '', quoted, bare] = match;
    assert.ok(!Object.hasOwn(fields, name), `${name} stands twice in ${line}`);
    fields[name] = quoted ?? bare ?? '';
    at += all.length;
  }
  return fields;
}

/** An access log whose lines a test reads as objects. */
export class KeptAccessLog extends AccessLog {
  readonly lines: Record<string, unknown>[];

  constructor(clock: Clock = systemClock) {
    const lines: Record<string, unknown>[] = [];
    super({
      settings: { format: 'json', includesQuery: false },
      identity: () => undefined,
      clock,
      output: { write: (line) => lines.push(JSON.parse(line)) },
    });
    this.lines = lines;
  }

  /** The line of that number, once there is one. */
  async line(index = 0): Promise<Record<string, unknown>> {
    await eventually(() => this.lines.length > index, `line ${index}`);
    return this.lines[index] as Record<string, unknown>;
  }
}
