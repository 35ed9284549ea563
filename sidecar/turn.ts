/**
 * The end of a turn of the event loop, for the whole process. What a turn produced
 * leaves then, because what costs a proxy is the number of writes: first codecs hand
 * the frames they gathered to their transports, then transports write to the system,
 * then codecs take back the memory that is free again.
 */
export interface Flushable {
  flush(): void;
}

export interface Reclaiming {
  reclaim(): void;
}

const codecs: Flushable[] = [];
let transports: Flushable[] = [];
let reclaiming: Reclaiming[] = [];
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

/** Memory was lent to a transport, which may be done with it when all has been written. */
export function reclaimAtTurnEnd(owner: Reclaiming): void {
  reclaiming.push(owner);
  schedule();
}

function schedule(): void {
  if (scheduled) return;
  scheduled = true;
  setImmediate(endTurn);
}

/** Happens by itself; to be called by who feeds codecs in a loop that gives no turn its end. */
export function endTurn(): void {
  // A codec on a stream of another codec adds that one to the list.
  for (let i = 0; i < codecs.length; i++) codecs[i]?.flush();
  codecs.length = 0;
  // What is added from here on belongs to the next turn.
  scheduled = false;
  const written = transports;
  const owners = reclaiming;
  transports = [];
  reclaiming = [];
  for (let i = 0; i < written.length; i++) written[i]?.flush();
  for (let i = 0; i < owners.length; i++) owners[i]?.reclaim();
}
