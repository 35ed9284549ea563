import { describeError } from '../../runtime/errors.ts';
import { type Carried, readCarried } from './carriage.ts';
import { CLIENT, type ProtocolMesh } from './protocol-mesh.ts';
import { type CheckResult, judgeCarriage } from './result.ts';
import { type Effort, type Recorder, Subject } from './subject.ts';
import type { Suite } from './suite.ts';

/** Makes the checks of a suite whose servers run, and asks the sidecars at both ends how they carried them. */
export async function runSuite(
  suite: Suite,
  mesh: ProtocolMesh,
  effort: Effort,
  check: Recorder,
): Promise<readonly Carried[]> {
  const client = await mesh.shell(CLIENT);
  await suite.run(new Subject(mesh, client, effort, check));
  const carried = (await mesh.metrics(CLIENT)).flatMap(readCarried);
  const metrics = await Promise.all(mesh.servers.map((workload) => mesh.metrics(workload)));
  const servers = metrics.flat().flatMap(readCarried);
  await check('all of it by mutual TLS, and carried as it should be', async () => {
    const mistakes = judgeCarriage(suite, carried, servers);
    if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  });
  return carried;
}

/** The same for a suite whose servers may not run yet. What hinders it is a check that failed. */
export async function serveSuite(
  suite: Suite,
  mesh: ProtocolMesh,
  effort: Effort,
  check: Recorder,
): Promise<readonly Carried[]> {
  let carried: readonly Carried[] = [];
  let failure: unknown;
  try {
    await mesh.apply(suite.manifest);
    carried = await runSuite(suite, mesh, effort, check);
  } catch (error) {
    failure = error;
  }
  await check('its servers start, and it comes to its end', async () => {
    if (failure !== undefined) throw failure;
  });
  return carried;
}

/** A recorder that keeps what it is told, and says at once what failed. */
export function keepChecks(checks: CheckResult[], report: (line: string) => void): Recorder {
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
