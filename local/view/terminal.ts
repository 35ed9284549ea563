import { renderScreen, type ScreenLine } from './screen.ts';
import type { LocalStatus } from './status.ts';

const ESCAPE = '\u001b[';
const STYLE: Readonly<Record<ScreenLine['style'], string>> = {
  plain: '',
  title: `${ESCAPE}1m`,
  dim: `${ESCAPE}2m`,
  bad: `${ESCAPE}31m`,
};

/** Shows the cursor and the screen as they were before. */
export const RESTORE_TERMINAL = `${ESCAPE}?25h${ESCAPE}?1049l`;

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** Somewhere to show the state of the mesh, again and again. */
export interface View {
  show(status: LocalStatus): void;
  close(): void;
}

/** Redraws one screen in place; on a screen of its own, so that the terminal is as before afterwards. */
export class TerminalView implements View {
  readonly #write: (text: string) => void;
  readonly #cwd: string;
  readonly #size: () => TerminalSize;
  #open = false;

  constructor(write: (text: string) => void, cwd: string, size: () => TerminalSize) {
    this.#write = write;
    this.#cwd = cwd;
    this.#size = size;
  }

  show(status: LocalStatus): void {
    const { columns, rows } = this.#size();
    const start = this.#open ? `${ESCAPE}H` : `${ESCAPE}?1049h${ESCAPE}?25l${ESCAPE}H`;
    this.#open = true;
    const lines = renderScreen(status, this.#cwd).slice(0, rows - 1);
    const colour = process.env.NO_COLOR === undefined;
    const drawn = lines.map(({ text, style }) => {
      const cut = text.length > columns ? `${text.slice(0, columns - 1)}…` : text;
      return colour && style !== 'plain' ? `${STYLE[style]}${cut}${ESCAPE}0m` : cut;
    });
    // Each line erases what stood behind it, the last one what stands below.
    this.#write(`${start}${drawn.map((line) => `${line}${ESCAPE}K`).join('\r\n')}\r\n${ESCAPE}J`);
  }

  close(): void {
    if (this.#open) this.#write(RESTORE_TERMINAL);
    this.#open = false;
  }
}
