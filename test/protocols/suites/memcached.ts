import type { Suite } from '../suite.ts';

export const memcached: Suite = {
  name: 'memcached',
  title: 'memcached',
  needs: ['memcached'],
  manifest: 'memcached.yaml',
  services: { memcached: ['TCP'] },
  quick: false,

  async run(subject) {
    await subject.program('memcached-client.ts', 'memcached', String(subject.effort.count));
  },
};
