import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { describeError } from '../runtime/errors.ts';
import { askControlApi } from './control-api.ts';
import { COMMAND_DESCRIPTOR, chooseState, cleanUp, launch, SETTINGS_VARIABLE } from './launcher.ts';
import { type LocalOptions, readOptions, USAGE } from './options.ts';
import { Supervisor, type SupervisorSettings } from './supervisor.ts';
import { LineView } from './view/lines.ts';
import { TerminalView } from './view/terminal.ts';

/** What is still running after this is killed. */
const PATIENCE_MS = 20_000;
const LINES_EVERY_MS = 10_000;

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** `npm start`: what the user started, and what stands between the terminal and the mesh. */
async function main(args: readonly string[]): Promise<number> {
  // npm changes the folder; what the user types is meant from where they are.
  const options = readOptions(args, process.env.INIT_CWD ?? process.cwd());
  switch (options.action) {
    case 'help':
      print(USAGE);
      return 0;
    case 'cleanup':
      await cleanUp(chooseState(options), print);
      return 0;
    case 'stop-control-plane':
    case 'start-control-plane': {
      const verb = options.action === 'stop-control-plane' ? 'stop' : 'start';
      await askControlApi(chooseState(options).socket, 'POST', `/control-plane/${verb}`);
      print(verb === 'stop' ? 'The control plane is away.' : 'The control plane is starting.');
      return 0;
    }
    case 'run':
      return await launch(options, args, print);
  }
}

/** The process that runs the mesh, started by the launcher. */
async function supervise(settings: SupervisorSettings, options: LocalOptions): Promise<number> {
  const cwd = process.env.INIT_CWD ?? process.cwd();
  let size = { columns: 80, rows: 24 };
  const write = (text: string): void => {
    process.stdout.write(text);
  };
  // A terminal that is closed must not keep the mesh from ending in order.
  process.stdout.on('error', () => {});
  const view =
    process.stdout.isTTY && !options.plain
      ? new TerminalView(write, cwd, () => size)
      : new LineView(write, cwd, LINES_EVERY_MS);
  const supervisor = new Supervisor(settings, view);

  const starting = new AbortController();
  const cut = new AbortController();
  let asked = 0;
  let wake = (): void => {};
  const told = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const commands = new Socket({ fd: COMMAND_DESCRIPTOR, readable: true, writable: false });
  commands.on('error', () => commands.destroy());
  const lines = createInterface(commands);
  lines.on('line', (line) => {
    const [command, first, second] = line.split(' ');
    if (command === 'size') size = { columns: Number(first) || 80, rows: Number(second) || 24 };
    if (command !== 'stop') return;
    asked += 1;
    if (asked > 1) cut.abort();
    starting.abort();
    wake();
  });
  // The launcher is gone without a word: nobody is there to wait.
  lines.on('close', () => {
    cut.abort();
    starting.abort();
    wake();
  });

  let status = 0;
  try {
    await supervisor.start(starting.signal);
    await told;
  } catch (error) {
    if (!starting.signal.aborted) {
      status = 1;
      view.close();
      process.stderr.write(`${describeError(error)}\n`);
    }
  }
  const patience = AbortSignal.any([cut.signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    await supervisor.stop(patience);
    if (asked > 0) print('Stopped; nothing is left running.');
  } catch (error) {
    status = 1;
    process.stderr.write(`stopping: ${describeError(error)}\n`);
  }
  return status;
}

try {
  const args = process.argv.slice(2);
  const settings = process.env[SETTINGS_VARIABLE];
  delete process.env[SETTINGS_VARIABLE];
  process.exit(
    settings === undefined
      ? await main(args)
      : await supervise(JSON.parse(settings), readOptions(args, process.cwd())),
  );
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exit(1);
}
