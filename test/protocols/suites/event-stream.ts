import type { Suite } from '../suite.ts';

export const eventStream: Suite = {
  name: 'sse',
  title: 'Server-sent events',
  needs: [],
  manifest: 'programs.yaml',
  services: { http: ['HTTP'] },
  quick: true,

  async run(subject) {
    await subject.program('event-stream-client.ts', 'http://http', '20');
  },
};
