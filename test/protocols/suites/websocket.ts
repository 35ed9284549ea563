import { changeConfig } from '../config-changes.ts';
import { programPath } from '../subject.ts';
import type { Suite } from '../suite.ts';

export const websocket: Suite = {
  name: 'websocket',
  title: 'WebSocket',
  needs: [],
  manifest: 'programs.yaml',
  services: { websocket: ['HTTP'] },
  quick: true,

  async run(subject) {
    const { bulkBytes, count } = subject.effort;
    const client = subject.start(process.execPath, [
      programPath('websocket-client.ts'),
      ...['ws://websocket/', String(Math.floor(bulkBytes / 4)), String(count)],
    ]);
    await client.noted('session');
    // A session is no request that takes too long.
    await changeConfig(subject, 'websocket', 500);
    client.tell('end');
    await client.ended();
  },
};
