import type { Suite } from '../suite.ts';

export const http2: Suite = {
  name: 'http2',
  title: 'HTTP/2 without TLS',
  needs: [],
  manifest: 'programs.yaml',
  services: { h2c: ['HTTP'] },
  quick: true,

  async run(subject) {
    const { bulkBytes, count } = subject.effort;
    await subject.program('http2-client.ts', 'http://h2c', String(bulkBytes / 4), String(count));
  },
};
