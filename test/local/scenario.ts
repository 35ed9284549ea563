import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import type { EdgeRates } from '../../control-plane/telemetry/aggregate.ts';
import { systemPath } from '../../local/command.ts';
import type { LocalStatus } from '../../local/view/status.ts';
import { eventually, LocalMesh, processesOf, TestFolder } from './local-mesh.ts';

export interface Scenario {
  readonly title: string;
  readonly args: readonly string[];
  /** Command that runs the mesh as another user. */
  readonly as?: readonly string[];
  readonly skip?: string | false;
  /** What the status calls the mode. */
  readonly mode: string;
}

/**
 * The mesh end to end, with everything that local mode promises: the same in
 * namespaces, without root and on loopback.
 */
export function describeMesh({ title, args, as = [], skip = false, mode }: Scenario): void {
  suite(title, { skip }, () => {
    let folder: TestFolder;
    let mesh: LocalMesh;
    let machineBefore: string;

    before(async () => {
      machineBefore = machineState();
      folder = new TestFolder().withQuickstart();
      mesh = new LocalMesh(folder, args, as);
      await mesh.until('all pods ready', ({ pods }) => {
        const lasting = pods.filter((pod) => pod.workload !== 'errand');
        return lasting.length === 7 && lasting.every((pod) => pod.ready);
      });
    });

    after(async () => {
      await mesh?.end('SIGINT');
      folder?.remove();
    });

    test('says in which mode it runs', async () => {
      assert.equal((await mesh.status()).mode, mode);
    });

    test('programs reach each other by name, by mutual TLS', async () => {
      await mesh.callsWell('inside-caller', 'http://stock/');
      const fromCaller = ({ edges }: LocalStatus): EdgeRates[] =>
        edges.filter(
          ({ source, destination, reportedBy }) =>
            source.workload === 'inside-caller' &&
            destination.workload.startsWith('stock-') &&
            // Until the caller's own report is there, the callee's stands for it,
            // and that knows neither service nor route.
            reportedBy === 'source',
        );
      const inside = fromCaller(
        await mesh.until('edges to both versions', (status) => fromCaller(status).length === 2),
      );
      for (const edge of inside) {
        assert.equal(edge.mutualTls, true);
        assert.equal(edge.service, 'shop/stock');
        assert.match(edge.route, /^HTTPRoute\/shop\/stock\//);
      }
    });

    test('a pod in the mesh calls one outside, in plain text', async () => {
      const [call] = await mesh.callsWell('inside-caller', 'http://plain.outside/');
      assert.equal(call?.body, 'plain\n');
      await mesh.until('the edge', ({ edges }) =>
        edges.some(
          (edge) =>
            edge.source.workload === 'inside-caller' &&
            edge.service === 'outside/plain' &&
            !edge.mutualTls,
        ),
      );
    });

    test('a pod outside the mesh calls one inside', async () => {
      const [call] = await mesh.callsWell('outside-caller', 'http://orders.shop');
      assert.equal(JSON.parse(call?.body ?? '').id, 3);
    });

    test('a headless service leads to its pods', async () => {
      await mesh.callsWell('inside-caller', 'http://orders-direct:8080/');
    });

    test('a Job ends, and its sidecar with it', async () => {
      await mesh.until('the Job complete', ({ jobs }) =>
        jobs.some((job) => job.name === 'errand' && job.state === 'complete'),
      );
      await eventually(
        () => !processesOf(folder).some(({ variables }) => /=errand-/.test(variables)),
        () => 'the end of its processes',
      );
    });

    test('traffic shifts when the weights in the file do', async () => {
      folder.edit('stock-route.yaml', (text) =>
        text.replace('weight: 80', 'weight: 0').replace('weight: 20', 'weight: 100'),
      );
      await eventually(
        async () => {
          const calls = (await mesh.calls('inside-caller', 'http://stock/')).slice(-20);
          return calls.every(({ body }) => body.includes('"version":"v2"'));
        },
        () => 'nothing but version 2',
      );
    });

    test('a mistake in a file is named with its line, and nothing else happens', async () => {
      const good = readFileSync(`${folder.manifests}/stock-route.yaml`, 'utf8');
      const sinceMs = Date.now();
      folder.edit('stock-route.yaml', (text) => text.replace('  rules:', '\trules:'));
      const line = good.split('\n').indexOf('  rules:') + 1;
      const { problems } = await mesh.until('the problem', (status) => status.problems.length > 0);
      const [problem] = problems;
      assert.match(problem?.where ?? '', new RegExp(`/stock-route\\.yaml:${line}$`));
      assert.notEqual(problem?.message, '');
      await mesh.callsWell('inside-caller', 'http://stock/', 10);
      const calls = await mesh.calls('inside-caller', 'http://stock/', sinceMs);
      assert.ok(calls.every(({ status, body }) => status === 200 && body.includes('"v2"')));
      folder.edit('stock-route.yaml', () => good);
      await mesh.until('no problem', (status) => status.problems.length === 0);
    });

    test('a policy that is not accepted is named with its reason', async () => {
      folder.edit('stock-policy.yaml', (text) =>
        text.replace('name: stock\n  timeouts', 'name: nobody\n  timeouts'),
      );
      const { problems } = await mesh.until('the verdict', (status) => status.problems.length > 0);
      assert.match(problems[0]?.where ?? '', /stock-policy\.yaml:\d+$|^TrafficPolicy shop\/stock$/);
      assert.match(problems[0]?.message ?? '', /nobody/);
      folder.edit('stock-policy.yaml', (text) => text.replace('name: nobody', 'name: stock'));
      await mesh.until('no problem', (status) => status.problems.length === 0);
    });

    test('the mesh goes on without its control plane, and a sidecar starts again', async () => {
      await mesh.controlPlane('stop');
      const sinceMs = Date.now();
      await mesh.callsWell('inside-caller', 'http://stock/', 10);
      const calls = await mesh.calls('inside-caller', 'http://stock/', sinceMs);
      assert.deepEqual(
        calls.filter(({ status }) => status !== 200),
        [],
      );

      const sidecar = processesOf(folder).find(
        ({ command, variables }) =>
          command.includes('sidecar/main.ts') && /REMORA_POD_NAME=inside-caller-/.test(variables),
      );
      assert.ok(sidecar, 'the sidecar is among the processes');
      process.kill(sidecar.pid, 'SIGKILL');
      await eventually(
        async () => (await mesh.container('inside-caller', 'remora-proxy')).restarts === 1,
        () => 'a restart',
      );
      await mesh.callsWell('inside-caller', 'http://stock/');
      assert.equal((await mesh.status()).controlPlane.running, false);
      await mesh.controlPlane('start');
      await mesh.until('telemetry again', ({ edges }) => edges.length > 0);
    });

    test('Ctrl-C ends everything and leaves nothing', async () => {
      assert.equal(await mesh.end('SIGINT'), 0, mesh.output);
      assert.match(mesh.output, /nothing is left running/);
      assert.deepEqual(processesOf(folder), []);
      assert.equal(machineState(), machineBefore);
    });
  });
}

/** What of the machine's network could be ours. Other programs change theirs meanwhile. */
function machineState(): string {
  const run = (command: string, ...args: string[]): string[] => {
    try {
      const env = { ...process.env, PATH: systemPath() };
      return execFileSync(command, args, { encoding: 'utf8', env, stdio: 'pipe' }).split('\n');
    } catch {
      return [];
    }
  };
  return [
    ...run('ip', 'netns').filter((line) => line.includes('remora')),
    ...run('ip', '-brief', 'link').filter((line) => /^remora-\d/.test(line)),
    ...run('iptables-save').filter((line) => /REMORA_|10\.199\./.test(line)),
  ].join('\n');
}
