import { startNode } from './servers/node.ts';
import { startAiohttp, startGo, startGunicorn, startUvicorn } from './servers/programs.ts';
import { startApache, startHaproxy, startNginx } from './servers/proxies.ts';
import type { Server } from './servers/server.ts';
import type { Tool } from './tools.ts';

/** A kind of server, and how to get and start it. */
export interface ServerKind {
  readonly name: string;
  readonly tool: Tool;
  /** @param directory of its own, for what it writes */
  start(directory: string): Promise<Server>;
}

export const SERVERS: readonly ServerKind[] = [
  { name: 'node', tool: {}, start: startNode },
  { name: 'go', tool: { program: { name: 'go', package: 'golang-go' } }, start: startGo },
  { name: 'aiohttp', tool: { python: 'aiohttp' }, start: startAiohttp },
  { name: 'uvicorn', tool: { python: 'uvicorn' }, start: startUvicorn },
  { name: 'gunicorn', tool: { python: 'gunicorn' }, start: startGunicorn },
  { name: 'nginx', tool: { program: { name: 'nginx', package: 'nginx' } }, start: startNginx },
  {
    name: 'haproxy',
    tool: { program: { name: 'haproxy', package: 'haproxy' } },
    start: startHaproxy,
  },
  {
    name: 'apache',
    tool: { program: { name: 'apache2', package: 'apache2' } },
    start: startApache,
  },
];
