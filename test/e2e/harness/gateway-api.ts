import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './command.ts';
import { kubectl } from './kubectl.ts';

const VERSION = 'v1.7.0';
const MODULE = `sigs.k8s.io/gateway-api@${VERSION}`;

const ANNOTATION = '{.metadata.annotations.gateway\\.networking\\.k8s\\.io';

/** What has sessions is `experimental`, and all of `standard` with it. */
export type Channel = 'standard' | 'experimental';

/**
 * Installs a channel of the Gateway API where the cluster has another, or an older
 * release, from the Go module; a cluster without Go at hand must bring it.
 */
export async function installGatewayApi(channel: Channel): Promise<void> {
  const present = await kubectl([
    'get',
    'crd',
    'httproutes.gateway.networking.k8s.io',
    '-o',
    `jsonpath=${ANNOTATION}/bundle-version} ${ANNOTATION}/channel}`,
  ]).catch(() => '');
  if (present === `${VERSION} ${channel}`) return;
  let folder: string;
  try {
    // The module asks for a newer Go than many a machine has.
    const download = ['GOTOOLCHAIN=auto', 'go', 'mod', 'download', '-json', MODULE];
    const answer = JSON.parse(await run('env', download)) as { Dir: string };
    folder = join(answer.Dir, `config/crd/${channel}`);
  } catch (error) {
    throw new Error(
      `the cluster has no HTTPRoute of ${VERSION} ${channel}, and ${MODULE} cannot be had through Go: install the Gateway API's ${channel} channel and start again`,
      { cause: error },
    );
  }
  const files = (await readdir(folder)).filter(
    (name) => name.startsWith('gateway.networking.k8s.io_') && !name.includes('vap_'),
  );
  // Too large for the annotation of a client-side apply.
  await kubectl([
    'apply',
    '--server-side',
    '--force-conflicts',
    ...files.flatMap((name) => ['-f', join(folder, name)]),
  ]);
  await kubectl([
    'wait',
    '--for=condition=Established',
    'crd/httproutes.gateway.networking.k8s.io',
    '--timeout=60s',
  ]);
}
