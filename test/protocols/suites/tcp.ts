import type { Suite } from '../suite.ts';

export const tcp: Suite = {
  name: 'tcp',
  title: 'TCP',
  needs: [],
  manifest: 'programs.yaml',
  services: { tcp: ['TCP'], unknown: ['TCP'] },
  quick: true,

  async run(subject) {
    const { bulkBytes, count } = subject.effort;
    for (const host of ['tcp', 'unknown']) {
      await subject
        .labelled(host)
        .program('tcp-client.ts', host, String(2 * bulkBytes), String(count));
    }
  },
};
