/** What stands in the logs of a run that should not, and what deserves a look. */
export interface LogFindings {
  /** Each message that is a warning or worse, with how often it came. */
  readonly warnings: Readonly<Record<string, number>>;
  /** What no program of ours says on purpose: stacks, rejections, Node's own warnings. */
  readonly strange: readonly string[];
}

const SEVERE = new Set(['warn', 'error', 'fatal']);

/** Reads the log of one process: JSON lines, and whatever else was printed. */
export function readLog(text: string): LogFindings {
  const warnings: Record<string, number> = {};
  const strange: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const entry = parse(line);
    if (entry === undefined) strange.push(line);
    else if (SEVERE.has(entry.level)) warnings[entry.msg] = (warnings[entry.msg] ?? 0) + 1;
  }
  return { warnings, strange };
}

function parse(line: string): { level: string; msg: string } | undefined {
  try {
    const { level, msg } = JSON.parse(line);
    return typeof level === 'string' ? { level, msg: String(msg) } : undefined;
  } catch {
    return undefined;
  }
}
