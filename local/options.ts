import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ACCESS_LOG } from '../proto/well-known.ts';
import { describeError, MeshError } from '../runtime/errors.ts';
import { CHECKOUT } from './image-folders.ts';

export const USAGE = `Usage: npm start -- [folder] [options]

Runs the manifests of a folder (default: examples/quickstart) as a mesh on this
machine.

  --loopback            do without network namespaces
  --plain               print lines instead of the live view
  --state <folder>      where to keep files (default: .remora)
  --log-level <level>   of sidecars and control plane: debug, info, warn, error
  --access-log <format> of sidecars: off, text, json
  --control-plane <stop|start>
                        take the control plane of a running mesh away, or bring it back
  --cleanup             end what a killed run has left, and nothing else
  --help
`;

export interface LocalOptions {
  readonly folder: string;
  readonly loopback: boolean;
  readonly plain: boolean;
  /** Undefined: where it can be written. */
  readonly state: string | undefined;
  readonly logLevel: string;
  readonly accessLog: string;
  readonly action: 'run' | 'cleanup' | 'help' | 'stop-control-plane' | 'start-control-plane';
}

/** @throws MeshError `bad-usage` */
export function readOptions(args: readonly string[], cwd: string): LocalOptions {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    throw new MeshError('bad-usage', describeError(error));
  }
  const { values, positionals } = parsed;
  if (positionals.length > 1) {
    throw new MeshError('bad-usage', `one folder, not ${positionals.length}`);
  }
  const logLevel = values['log-level'];
  if (!['debug', 'info', 'warn', 'error'].includes(logLevel)) {
    throw new MeshError('bad-usage', `--log-level ${logLevel}: debug, info, warn or error`);
  }
  const accessLog = values['access-log'];
  if (!ACCESS_LOG.formats.some((format) => format === accessLog)) {
    throw new MeshError('bad-usage', `--access-log ${accessLog}: off, text or json`);
  }
  const controlPlane = values['control-plane'];
  if (controlPlane !== undefined && controlPlane !== 'stop' && controlPlane !== 'start') {
    throw new MeshError('bad-usage', `--control-plane ${controlPlane}: stop or start`);
  }
  return {
    folder: resolve(cwd, positionals[0] ?? resolve(CHECKOUT, 'examples/quickstart')),
    loopback: values.loopback,
    plain: values.plain,
    state: values.state === undefined ? undefined : resolve(cwd, values.state),
    logLevel,
    accessLog,
    action: values.help
      ? 'help'
      : values.cleanup
        ? 'cleanup'
        : controlPlane === undefined
          ? 'run'
          : `${controlPlane}-control-plane`,
  };
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      loopback: { type: 'boolean', default: false },
      plain: { type: 'boolean', default: false },
      state: { type: 'string' },
      'log-level': { type: 'string', default: 'info' },
      'access-log': { type: 'string', default: 'off' },
      'control-plane': { type: 'string' },
      cleanup: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
}
