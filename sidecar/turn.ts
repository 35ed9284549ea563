/**
 * The end of a turn of the event loop, for the whole process. What a turn produced
 * leaves then, because what costs a proxy is the number of writes: first codecs hand
 * the frames they gathered to their transports, then transports write to the system.
 */
export interface Flushable {
  flush(): void;
}

const codecs: Flushable[] = [];
let transports: Flushable[] = [];
let scheduled = false;

/** Frames are gathered and will be handed to a transport. Once a turn for each codec. */
export function flushCodecAtTurnEnd(codec: Flushable): void {
  codecs.push(codec);
  schedule();
}

/** Bytes are held back and will be written to the system. Once a turn for each transport. */
export function flushTransportAtTurnEnd(transport: Flushable): void {
  transports.push(transport);
  schedule();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(endTurn);
}

function endTurn(): void {
  // A codec on a stream of another codec adds that one to the list.
  for (let i = 0; i < codecs.length; i++) codecs[i]?.flush();
  codecs.length = 0;
  // What is added from here on belongs to the next turn.
  scheduled = false;
  const written = transports;
  transports = [];
  for (const transport of written) transport.flush();
}
