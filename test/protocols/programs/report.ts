import { createInterface } from 'node:readline';

/** Reports a check as the suites read it (`subject.ts`). Never rejects. */
export async function check(name: string, body: () => Promise<void> | void): Promise<void> {
  try {
    await withinTime(body());
    print({ check: name });
  } catch (error) {
    print({ check: name, error: error instanceof Error ? (error.stack ?? '') : String(error) });
  }
}

/** Tells that something has come to pass. */
export function note(what: string): void {
  print({ note: what });
}

/** The lines that the suite tells. */
export function orders(): AsyncIterable<string> {
  return createInterface({ input: process.stdin });
}

/** What hangs fails. */
const LIMIT_MS = 60_000;

async function withinTime(body: Promise<void> | void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`hangs: ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  try {
    await Promise.race([body, limit]);
  } finally {
    clearTimeout(timer);
  }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
