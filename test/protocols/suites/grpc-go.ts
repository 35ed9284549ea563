import { join } from 'node:path';
import { buildGoProgram } from '../go-program.ts';
import type { Suite } from '../suite.ts';

export const grpcGo: Suite = {
  name: 'grpc-go',
  title: 'gRPC: Go, and Go with grpc-js',
  needs: ['go'],
  manifest: 'grpc-go.yaml',
  services: { 'echo-go': ['HTTP'], 'echo-js': ['HTTP'], echo: ['HTTP'] },
  quick: false,

  prepare: (files) => buildGoProgram(join(files, 'echo')),

  async run(subject) {
    const { bulkBytes, count } = subject.effort;
    const effort = [String(Math.min(bulkBytes, 16 * 2 ** 20)), String(count)];
    const program = join(subject.mesh.files, 'echo');
    for (const server of ['echo-go:80', 'echo-js:80', 'echo:80']) {
      const labelled = subject.labelled(`Go to ${server.split(':')[0]}`);
      await labelled.start(program, ['check', server, ...effort]).ended();
    }
    await subject.labelled('grpc-js to echo-go').program('grpc-client.ts', 'echo-go:80', ...effort);
  },
};
