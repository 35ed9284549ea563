import { type Logger, type LoggerOptions, pino } from 'pino';
import type { LineWriter } from './line-writer.ts';

export type Log = Logger;

/** Takes whole lines. Without one, each line is written at once, and whoever logs waits for that. */
export interface LogOutput {
  write(line: string): void;
}

/**
 * JSON lines on standard output. Messages are constant; what varies goes into
 * fields (`log.warn({ service, error: describeError(e) }, 'endpoint ejected')`).
 * Keys, tokens and bodies are never logged.
 */
export function createLog(process: string, level = 'info', output?: LogOutput): Log {
  const options: LoggerOptions = {
    level,
    base: { process },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  };
  return output === undefined ? pino(options) : pino(options, output);
}

/** Lets the lines of a log wait their turn with others on the same stream. */
export function linesTo(output: LineWriter): LogOutput {
  return {
    write: (line) => output.writeUrgent(toAscii(line.trimEnd())),
  };
}

/** The same JSON: outside of its texts there is nothing but ASCII. */
function toAscii(json: string): string {
  return json.replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** For tests: says nothing. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}
