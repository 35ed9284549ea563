import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../fakes/sidecar-process.ts';
import { CACHE, VENV } from '../tools.ts';
import type { Seen } from '../vector.ts';
import { Program, type ProgramOptions } from './program.ts';
import { parseSeen, type Server } from './server.ts';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PYTHON = join(VENV, 'bin', 'python');

/** Go's standard library. */
export async function startGo(directory: string): Promise<Server> {
  mkdirSync(CACHE, { recursive: true });
  const file = join(CACHE, 'go-net-http');
  execFileSync('go', ['build', '-o', file, join(HERE, 'go-net-http.go')], { stdio: 'inherit' });
  return await startProgram('go', (port) => ({ file, args: [String(port)], directory }));
}

/** aiohttp, with the parser that is written in Python. */
export async function startAiohttp(directory: string): Promise<Server> {
  return await startProgram('aiohttp', (port) => ({
    file: PYTHON,
    args: [join(HERE, 'aiohttp_server.py'), String(port)],
    env: { AIOHTTP_NO_EXTENSIONS: '1' },
    directory,
  }));
}

/** uvicorn, with the parser h11. */
export async function startUvicorn(directory: string): Promise<Server> {
  return await startProgram('uvicorn', (port) => ({
    file: PYTHON,
    args: [
      ...['-m', 'uvicorn', 'asgi_server:application', '--app-dir', HERE, '--http', 'h11'],
      ...['--port', String(port), '--log-level', 'critical', '--no-access-log'],
    ],
    directory,
  }));
}

/** gunicorn, with threads, so that it keeps connections open. */
export async function startGunicorn(directory: string): Promise<Server> {
  return await startProgram('gunicorn', (port) => ({
    file: PYTHON,
    args: [
      ...['-m', 'gunicorn', 'wsgi_server:application', '--chdir', HERE],
      ...['--worker-class', 'gthread', '--threads', '8', '--keep-alive', '30'],
      ...['--bind', `127.0.0.1:${port}`, '--log-level', 'critical'],
    ],
    env: { PYTHONDONTWRITEBYTECODE: '1' },
    directory,
  }));
}

async function startProgram(
  name: string,
  options: (port: number) => Omit<ProgramOptions, 'onLine'>,
): Promise<Server> {
  const [port = 0] = await freePorts(1);
  const seen: Seen[] = [];
  const program = new Program({
    ...options(port),
    onLine: (line) => seen.push(parseSeen(line)),
  });
  const server: Server = {
    name,
    port,
    seen,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
  await program.listens(port);
  return server;
}
