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

/** The next line that the suite tells. */
export async function told(): Promise<string> {
  return await new Promise((resolve) => {
    process.stdin.setEncoding('utf8').once('data', (text: string) => {
      process.stdin.pause();
      resolve(text.trim());
    });
  });
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
