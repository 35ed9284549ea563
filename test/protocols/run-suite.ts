import { describeError } from '../../runtime/errors.ts';
import { type Carried, carriedSince, readCarried } from './carriage.ts';
import { CLIENT, type ProtocolMesh } from './protocol-mesh.ts';
import { CARRIAGE_CHECK, judgeCarriage } from './result.ts';
import { type Effort, type Recorder, Subject } from './subject.ts';
import type { Suite } from './suite.ts';

/**
 * Starts the servers of a suite, makes its checks, asks the sidecars what they
 * carried and how, and ends the servers.
 */
export async function runSuite(
  suite: Suite,
  mesh: ProtocolMesh,
  effort: Effort,
  check: Recorder,
): Promise<readonly Carried[]> {
  const before = await clientCarried(mesh);
  let failure: unknown;
  try {
    await mesh.apply(suite.manifest);
    const client = await mesh.shell(CLIENT);
    await suite.run(new Subject(mesh, client, effort, check));
  } catch (error) {
    failure = error;
  }
  await check('the servers start, and the suite comes to its end', async () => {
    if (failure !== undefined) throw failure;
  });
  const carried = carriedSince(before, await clientCarried(mesh));
  await check(CARRIAGE_CHECK, async () => {
    const { error } = judgeCarriage(suite, carried);
    if (error !== undefined) throw new Error(error);
  });
  await mesh.withdraw(suite.manifest);
  return carried;
}

async function clientCarried(mesh: ProtocolMesh): Promise<Carried[]> {
  return (await mesh.metrics(CLIENT)).flatMap(readCarried);
}

/** A recorder that keeps what it is told, and says what failed at once. */
export function keepChecks(
  checks: { name: string; error: string | undefined }[],
  report: (line: string) => void,
): Recorder {
  return async (name, check) => {
    let error: string | undefined;
    try {
      await check();
    } catch (cause) {
      error = describeError(cause);
      report(`failed: ${name}: ${error}`);
    }
    checks.push({ name, error });
  };
}
