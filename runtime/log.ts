import { type Logger, pino } from 'pino';

export type Log = Logger;

/**
 * JSON lines on standard output. Messages are constant; what varies goes into
 * fields (`log.warn({ service, error: describeError(e) }, 'endpoint ejected')`).
 * Keys, tokens and bodies are never logged.
 */
export function createLog(process: string, level = 'info'): Log {
  return pino({
    level,
    base: { process },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  });
}

/** For tests: says nothing. */
export function silentLog(): Log {
  return pino({ level: 'silent' });
}
