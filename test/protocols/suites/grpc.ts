import type { Suite } from '../suite.ts';

export const grpc: Suite = {
  name: 'grpc',
  title: 'gRPC: grpc-js',
  needs: [],
  manifest: 'programs.yaml',
  services: { grpc: ['HTTP'] },
  quick: true,

  async run(subject) {
    const { bulkBytes, count } = subject.effort;
    const large = String(Math.min(bulkBytes, 16 * 2 ** 20));
    await subject.program('grpc-client.ts', 'grpc:9090', large, String(count));
  },
};
