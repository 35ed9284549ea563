import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { changeConfig } from '../config-changes.ts';
import { CLIENT } from '../protocol-mesh.ts';
import { programPath, type Subject } from '../subject.ts';
import type { Suite } from '../suite.ts';

/**
 * What is killed, again and again. Where the kernel closes the connections of
 * whoever was killed, it sends an end like any other: there, an answer that ends
 * with its connection cannot be told from a part of it, with or without a mesh.
 * The sidecar at this end must tell it when the one at the other end dies.
 */
const KILLS = [
  { phase: 'the-sidecar-of-the-server', workload: 'ledger', container: 'remora-proxy' },
  { phase: 'the-server', workload: 'ledger', container: 'server' },
  { phase: 'the-sidecar-of-the-client', workload: CLIENT, container: 'remora-proxy' },
] as const;
const FRAMED = 'length,chunks';
const ANY = 'length,chunks,close';
const ROUNDS = 3;

export const disruption: Suite = {
  name: 'disruption',
  title: 'Reloads and kills under load',
  needs: [],
  manifest: 'disruption.yaml',
  services: { ledger: ['HTTP'] },
  quick: false,

  async run(subject) {
    const load = subject.start(process.execPath, [
      programPath('ledger-client.ts'),
      'http://ledger',
    ]);
    load.tell(`begin reload ${ANY}`);
    await load.noted('running reload');
    await changeConfig(subject, 'ledger', 60_000);
    load.tell('stop strictly');
    await load.noted('over reload');

    for (const { phase, workload, container } of KILLS) {
      for (let round = 1; round <= ROUNDS; round += 1) {
        const name = `${phase}-${round}`;
        const framings = phase === 'the-sidecar-of-the-server' ? ANY : FRAMED;
        load.tell(`begin ${name} ${framings}`);
        await load.noted(`running ${name}`);
        await kill(subject, workload, container);
        load.tell('disturbed');
        await load.noted(`recovered ${name}`);
        load.tell('stop');
        await load.noted(`over ${name}`);
      }
    }
    load.tell('end');
    await load.ended();

    await subject.check('what is not idempotent was done once, and no more', async () => {
      const text = readFileSync(join(subject.mesh.files, 'ledger.txt'), 'utf8');
      const numbers = text.split('\n').filter((line) => line !== '');
      assert.ok(numbers.length > 100);
      const seen = new Set<string>();
      const again = numbers.filter((number) => seen.size === seen.add(number).size);
      assert.deepEqual(again, []);
    });
  },
};

/** Of several pods, the first. */
async function kill({ mesh }: Subject, workload: string, container: string): Promise<void> {
  const [pid] = await mesh.pids(workload, container);
  if (pid === undefined) throw new Error(`no ${container} of ${workload} runs`);
  process.kill(pid, 'SIGKILL');
}
