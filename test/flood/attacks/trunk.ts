import { FLAG, FRAME } from '../../../sidecar/http2/frame.ts';
import { frame, uint32 } from '../../fakes/raw-http2-peer.ts';
import type { Attack, Target } from '../attack.ts';
import { beginHttp2, literal, sendWithoutEnd, streamIds } from '../http2-bytes.ts';

/** A peer with a certificate of the mesh asks for connections to an address, again and again. */
function connectFlood(
  name: string,
  what: string,
  frames: (target: Target, streamId: number) => readonly Buffer[],
  ends: Attack['ends'],
): Attack {
  return {
    name: `trunk-${name}`,
    what: `4 peers, ${what}`,
    seconds: 10,
    ends,
    memoryMib: 128,
    start: (target) =>
      target.keep(4, 'trunk', (connection) => {
        connection.resume();
        beginHttp2(connection);
        const nextId = streamIds();
        sendWithoutEnd(connection, () => Buffer.concat(frames(target, nextId())));
      }),
  };
}

function connect(streamId: number, authority: string): Buffer {
  const block = [
    literal(':method', 'CONNECT'),
    literal(':authority', authority),
    literal('remora-source', 'demo/client'),
  ];
  return frame(FRAME.headers, FLAG.endHeaders, streamId, Buffer.concat(block));
}

const reset = (id: number): Buffer => frame(FRAME.resetStream, 0, id, uint32(8));

export const trunkFloods: readonly Attack[] = [
  connectFlood(
    'rapid-reset',
    'connections to the application that are taken back',
    ({ applicationPort }, id) => [connect(id, `127.0.0.1:${applicationPort}`), reset(id)],
    'cut',
  ),
  connectFlood(
    'strange-places',
    'connections to what is not the application',
    (_target, id) => [connect(id, '10.0.0.1:22'), frame(FRAME.data, FLAG.endStream, id)],
    'cut',
  ),
];

/** Peers that prove who they are, and then ask for nothing. */
export const trunkConnections: Attack = {
  name: 'trunk-connections',
  what: '300 connections of peers that say nothing',
  seconds: 20,
  ends: 'held',
  memoryMib: 96,
  start: (target) => target.keep(300, 'trunk', (connection) => connection.resume()),
};
