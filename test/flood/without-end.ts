import type { Duplex } from 'node:stream';

/** A connection that takes all at once must not keep the attacker from his others, nor from noticing that he is cut. */
const PIECES_A_TURN = 16;

/** Writes one piece after the other, as fast as they are taken. */
export function writeWithoutEnd(connection: Duplex, next: () => Buffer): void {
  const more = (): void => {
    for (let i = 0; i < PIECES_A_TURN; i++) {
      if (connection.destroyed || !connection.write(next())) return;
    }
    setImmediate(more);
  };
  connection.on('drain', more);
  more();
}
