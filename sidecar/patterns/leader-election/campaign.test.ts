import assert from 'node:assert/strict';
import { get } from 'node:http';
import { suite, test } from 'node:test';
import { AdminServer } from '../../../runtime/admin-server.ts';
import { Backoff } from '../../../runtime/backoff.ts';
import { silentLog } from '../../../runtime/log.ts';
import {
  type Campaign as FakeCampaign,
  FakeControlPlane,
} from '../../../test/fakes/control-plane.ts';
import { until } from '../../../test/fakes/until.ts';
import { ConfigStore, EMPTY_CONFIG } from '../../config/store.ts';
import { Campaign } from './campaign.ts';
import { leaderRoutes } from './local-api.ts';

/** A candidate `pod-a` with its local API. */
class Candidate implements AsyncDisposable {
  readonly store = new ConfigStore();
  readonly campaign: Campaign;
  readonly #api: AdminServer;
  readonly #close: () => void;

  private constructor(controlPlane: FakeControlPlane) {
    const connection = controlPlane.connection();
    this.campaign = new Campaign({
      connection,
      config: this.store,
      pod: 'pod-a',
      log: silentLog(),
      backoff: new Backoff({ baseMs: 10, maxMs: 50 }),
    });
    this.#api = new AdminServer(
      'local API',
      { host: '127.0.0.1', port: 0 },
      leaderRoutes(this.campaign),
    );
    this.#close = () => connection.close();
  }

  static async start(controlPlane: FakeControlPlane, ...elections: string[]): Promise<Candidate> {
    const candidate = new Candidate(controlPlane);
    await candidate.#api.start();
    candidate.campaign.start();
    candidate.elect(...elections);
    return candidate;
  }

  elect(...elections: string[]): void {
    this.store.replace({
      ...EMPTY_CONFIG,
      settings: { ...EMPTY_CONFIG.settings, elections },
    });
  }

  async ask(path: string): Promise<[status: number, body: Record<string, unknown>]> {
    const response = await fetch(`http://127.0.0.1:${this.#api.port}${path}`);
    return [response.status, (await response.json()) as Record<string, unknown>];
  }

  get url(): string {
    return `http://127.0.0.1:${this.#api.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.campaign.stop(AbortSignal.timeout(1000));
    await this.#api.stop();
    this.#close();
  }
}

function grant(stream: FakeCampaign, leader: string, fencingToken: number, sequence = 0): void {
  stream.send({
    grant: { election: 'jobs', leader, fencingToken, leaseDurationMs: 3000, sequence },
  });
}

suite('a candidate', () => {
  test('opens no stream without an election, and says what is missing', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using candidate = await Candidate.start(controlPlane);
    const [status, body] = await candidate.ask('/v1/leader');
    assert.equal(status, 503);
    assert.match(String(body.error), /candidate in no election/);
    candidate.elect('jobs');
    const stream = await controlPlane.campaign();
    assert.equal((await stream.next()).join, 'jobs');
    assert.equal(controlPlane.campaigns.length, 1);
  });

  test('answers as leader, follower and neither', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using candidate = await Candidate.start(controlPlane, 'jobs');
    const stream = await controlPlane.campaign();
    await stream.next();
    assert.equal((await candidate.ask('/v1/leader'))[0], 503);
    assert.deepEqual(await candidate.ask('/'), [503, { name: '' }]);

    grant(stream, 'pod-a', 3);
    await until(() => candidate.campaign.leadership('jobs')?.kind === 'leader', 'leading');
    const [status, body] = await candidate.ask('/v1/leader');
    assert.equal(status, 200);
    const { expiresInMs, ...rest } = body;
    assert.deepEqual(rest, { election: 'jobs', leader: 'pod-a', isLeader: true, term: 3 });
    assert.ok(Number(expiresInMs) > 0 && Number(expiresInMs) <= 2000);
    assert.deepEqual(await candidate.ask('/'), [200, { name: 'pod-a' }]);

    grant(stream, 'pod-b', 4);
    await until(() => candidate.campaign.leadership('jobs')?.kind === 'follower', 'following');
    const [locked, follower] = await candidate.ask('/v1/leader?election=jobs');
    assert.equal(locked, 423);
    assert.equal(follower.leader, 'pod-b');
    assert.equal(follower.isLeader, false);
    assert.deepEqual(await candidate.ask('/'), [200, { name: 'pod-b' }]);
  });

  test('wants to know which election is meant when there are several', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using candidate = await Candidate.start(controlPlane, 'jobs', 'mail');
    const [status, body] = await candidate.ask('/v1/leader');
    assert.equal(status, 400);
    assert.deepEqual(body.elections, ['jobs', 'mail']);
    assert.equal((await candidate.ask('/v1/leader?election=mail'))[0], 503);
    assert.equal((await candidate.ask('/v1/leader?election=other'))[0], 404);
  });

  test('renews a third of the lease apart, at once after its first grant, with token and sequence', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using candidate = await Candidate.start(controlPlane, 'jobs');
    const stream = await controlPlane.campaign();
    await stream.next();
    grant(stream, 'pod-a', 3);
    const first = (await stream.next()).renew;
    assert.deepEqual(first, { election: 'jobs', fencingToken: 3, sequence: 1 });
    const answeredMs = performance.now();
    grant(stream, 'pod-a', 3, 1);
    const second = (await stream.next()).renew;
    assert.deepEqual(second, { election: 'jobs', fencingToken: 3, sequence: 2 });
    assert.ok(performance.now() - answeredMs > 500, 'not before its time');
    assert.equal(candidate.campaign.leadership('jobs')?.kind, 'leader');
  });

  test('joins again after the stream broke, and shows its token', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using candidate = await Candidate.start(controlPlane, 'jobs');
    const first = await controlPlane.campaign();
    grant(first, 'pod-a', 3);
    await until(() => candidate.campaign.leadership('jobs')?.kind === 'leader', 'leading');
    first.fail('restarting');
    const second = await controlPlane.campaign();
    assert.equal((await second.next()).join, 'jobs');
    assert.equal((await second.next()).renew?.fencingToken, 3);
    assert.equal(candidate.campaign.leadership('jobs')?.kind, 'leader');
  });

  test('tells why it was refused', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using candidate = await Candidate.start(controlPlane, 'jobs');
    const stream = await controlPlane.campaign();
    stream.send({ refusal: { election: 'jobs', reason: 'no longer selected' } });
    await until(async () => {
      const [status, body] = await candidate.ask('/v1/leader');
      return status === 503 && body.reason === 'no longer selected';
    }, 'the refusal');
  });

  test('hands over when it stops, and only what it leads', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const candidate = await Candidate.start(controlPlane, 'jobs', 'mail');
    const stream = await controlPlane.campaign();
    grant(stream, 'pod-a', 3);
    stream.send({
      grant: { election: 'mail', leader: 'pod-b', fencingToken: 9, leaseDurationMs: 3000 },
    });
    await until(() => candidate.campaign.leadership('mail')?.kind === 'follower', 'two grants');
    await candidate[Symbol.asyncDispose]();
    assert.deepEqual(
      stream.received.flatMap(({ resign }) => resign ?? []),
      ['jobs'],
    );
  });

  test('sends an event at each change to whoever watches', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using candidate = await Candidate.start(controlPlane, 'jobs');
    const stream = await controlPlane.campaign();
    let text = '';
    const request = get(`${candidate.url}/v1/leader?watch`, (response) => {
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', () => {});
    });
    request.on('error', () => {});
    await until(() => text.includes('"leader":null'), 'the first event');
    grant(stream, 'pod-a', 3);
    await until(() => text.includes('"isLeader":true'), 'an event');
    grant(stream, 'pod-b', 4);
    await until(() => text.includes('"leader":"pod-b"'), 'another event');
    assert.equal(text.match(/^event: leader$/gm)?.length, 3);
    request.destroy();
  });

  test('tells listeners when the lease ran out without a word', async () => {
    await using controlPlane = await FakeControlPlane.start();
    await using candidate = await Candidate.start(controlPlane, 'jobs');
    const stream = await controlPlane.campaign();
    const kinds: (string | undefined)[] = [];
    candidate.campaign.onChange((election) => {
      kinds.push(candidate.campaign.leadership(election)?.kind);
    });
    stream.send({
      grant: { election: 'jobs', leader: 'pod-a', fencingToken: 1, leaseDurationMs: 300 },
    });
    await until(() => kinds.includes('unknown'), 'the loss');
    assert.deepEqual(kinds, ['leader', 'unknown']);
  });
});
