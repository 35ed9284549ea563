import { HTTP2_OR_BYTES, type Suite } from '../suite.ts';

export const grpc: Suite = {
  name: 'grpc',
  title: 'gRPC: grpc-js',
  needs: [],
  manifest: 'programs.yaml',
  services: { grpc: HTTP2_OR_BYTES },
  quick: true,

  async run(subject) {
    const { bulkBytes, count } = subject.effort;
    const large = String(Math.min(bulkBytes, 16 * 2 ** 20));
    await subject.program('grpc-client.ts', 'grpc:9090', large, String(count));
  },
};
