import { describeMesh } from './scenario.ts';

describeMesh({ title: 'local mode on loopback', args: ['--loopback'], mode: 'loopback' });
