import { renderScreen } from './screen.ts';
import type { LocalStatus } from './status.ts';
import type { View } from './terminal.ts';

/** Where there is no terminal: the same as text, every few seconds, and at once when problems change. */
export class LineView implements View {
  readonly #write: (text: string) => void;
  readonly #cwd: string;
  readonly #everyMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  #lastProblems = '';

  constructor(write: (text: string) => void, cwd: string, everyMs: number) {
    this.#write = write;
    this.#cwd = cwd;
    this.#everyMs = everyMs;
  }

  show(status: LocalStatus): void {
    const problems = JSON.stringify(status.problems);
    const due = status.uptimeMs - this.#lastMs >= this.#everyMs;
    if (!due && problems === this.#lastProblems) return;
    this.#lastMs = status.uptimeMs;
    this.#lastProblems = problems;
    const lines = renderScreen(status, this.#cwd).map(({ text }) => text);
    this.#write(`${lines.join('\n')}\n\n`);
  }

  close(): void {}
}
