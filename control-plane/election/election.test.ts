import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { CandidatePod, MemoryLeases, settle } from '../../test/fakes/candidates.ts';
import type { ElectionSpec } from '../model/types.ts';
import { Election, type ElectionNews } from './election.ts';
import type { LeaseStore } from './lease.ts';

const TERM_MS = 9_000;

/** Pods that renew, and where. */
type Live = [CandidatePod, Election][];

/** One replica of the control plane, for one election. */
function replica(clock: ManualClock, store: LeaseStore, candidates = ['a', 'b', 'c']): Election {
  return new Election({
    spec: spec(candidates),
    ...{ clock, store },
    log: silentLog(),
    lowestToken: 0,
    onLease: () => {},
  });
}

function spec(candidates: string[]): ElectionSpec {
  return {
    namespace: 'shop',
    name: 'e',
    leaseDurationMs: TERM_MS,
    candidates: new Set(candidates),
  };
}

/** Time passes in small steps; live pods renew thrice a term. */
async function pass(clock: ManualClock, byMs: number, live: Live, watch: CandidatePod[] = []) {
  for (let passedMs = 0; passedMs < byMs; passedMs += 500) {
    clock.advance(500);
    if (clock.monotonicMs() % (TERM_MS / 3) === 0) {
      for (const [pod, election] of live) pod.renew(election);
    }
    await settle();
    const leading = watch.filter((pod) => pod.leads).map((pod) => pod.pod);
    assert.ok(leading.length <= 1, `${leading} lead at once`);
  }
}

function scene() {
  const clock = new ManualClock(9_000_000);
  const leases = new MemoryLeases();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new CandidatePod(name, clock)) as [
    CandidatePod,
    CandidatePod,
    CandidatePod,
  ];
  return { clock, leases, a, b, c };
}

function assertNeverFalls(tokens: readonly number[]): void {
  assert.deepEqual(
    tokens,
    [...tokens].sort((one, other) => one - other),
  );
}

test('the first to join leads, the others are told who does', async () => {
  const { clock, leases, a, b } = scene();
  const election = replica(clock, leases);
  election.join(a);
  election.join(b);
  await settle();
  assert.deepEqual(a.news.at(-1), {
    leader: 'a',
    fencingToken: 1,
    leaseDurationMs: TERM_MS,
    sequence: 0,
  });
  assert.equal(b.leader, 'a');
  clock.advance(TERM_MS / 3);
  a.renew(election);
  b.renew(election);
  await settle();
  assert.equal(a.news.at(-1)?.sequence, 1, 'a renewal is answered by its sequence');
  assert.equal(b.news.at(-1)?.sequence, 1);
  assert.equal(leases.lease?.durationMs, TERM_MS);
  election.stop();
});

test('a renewal is granted only after it was written', async () => {
  const { clock, leases, a } = scene();
  const line = leases.line();
  const election = replica(clock, line);
  election.join(a);
  await settle();
  line.cut = true;
  const before = a.news.length;
  a.renew(election);
  await settle();
  assert.equal(a.news.length, before, 'no word while the API is away');
  line.cut = false;
  clock.advance(2_000);
  await settle();
  assert.equal(a.news.at(-1)?.sequence, 1, 'answered once it is back');
  election.stop();
});

test('a lease that somebody deletes stays with its holder, whose next renewal writes it again', async () => {
  const { clock, leases, a, b } = scene();
  const [one, two] = [replica(clock, leases), replica(clock, leases)];
  one.join(a);
  await settle();
  two.join(b);
  await pass(clock, TERM_MS, [[a, one]], [a, b]);
  leases.lease = undefined;
  await pass(
    clock,
    2 * TERM_MS,
    [
      [b, two],
      [a, one],
    ],
    [a, b],
  );
  assert.equal(leases.tokens.at(-1), 1);
  assert.equal(a.leads, true);
  one.leave(a);
  await pass(clock, 2 * TERM_MS, [[b, two]], [a, b]);
  assert.equal(leases.tokens.at(-1), 2);
  assert.equal(b.leads, true);
  one.stop();
  two.stop();
});

test('a deleted lease of a silent leader is given to another when it would have ended', async () => {
  const { clock, leases, a, b } = scene();
  const election = replica(clock, leases);
  election.join(a);
  election.join(b);
  await pass(clock, TERM_MS, [[a, election]], [a, b]);
  leases.lease = undefined;
  await pass(clock, 2 * TERM_MS, [[b, election]], [a, b]);
  assert.equal(b.leads, true);
  assertNeverFalls(leases.tokens);
  election.stop();
});

test('a leader that falls silent is followed by the next within its term and 2 s', async () => {
  const { clock, leases, a, b } = scene();
  const election = replica(clock, leases);
  election.join(a);
  election.join(b);
  await pass(
    clock,
    2 * TERM_MS,
    [
      [a, election],
      [b, election],
    ],
    [a, b],
  );
  election.leave(a);
  await pass(clock, TERM_MS - 1_000, [[b, election]], [a, b]);
  assert.equal(b.leader, 'a', 'the lease is not over');
  await pass(clock, 3_000, [[b, election]], [a, b]);
  assert.ok(b.leads);
  assert.equal(b.token, 2);
  election.stop();
});

test('a leader that resigns is followed at once, and not by itself', async () => {
  const { clock, leases, a, b } = scene();
  const election = replica(clock, leases);
  election.join(a);
  election.join(b);
  await settle();
  a.renew(election);
  await settle();
  a.token = 0;
  election.resign(a);
  await settle();
  assert.ok(b.leads);
  assert.equal(a.leader, 'b');
  election.leave(b);
  await pass(clock, 3 * TERM_MS, [[a, election]], [a]);
  assert.ok(a.leads, 'it may lead again later');
  assertNeverFalls(leases.tokens);
  election.stop();
});

test('a resignation that crosses a renewal is not lost', async () => {
  const { clock, leases, a, b } = scene();
  const election = replica(clock, leases);
  election.join(a);
  election.join(b);
  await settle();
  clock.advance(TERM_MS / 3);
  a.renew(election);
  election.resign(a);
  await settle();
  assert.equal(leases.lease?.holder, 'b');
  election.stop();
});

test('a restarted control plane waits a full term for a leader that it does not hear of', async () => {
  const { clock, leases, a, b } = scene();
  const first = replica(clock, leases);
  first.join(a);
  await pass(clock, TERM_MS, [[a, first]]);
  first.stop();
  const second = replica(clock, leases);
  second.join(b);
  await pass(clock, TERM_MS - 1_000, [[b, second]], [a, b]);
  assert.equal(b.leader, 'a');
  await pass(clock, 2_000, [[b, second]], [a, b]);
  assert.ok(b.leads);
  assertNeverFalls(leases.tokens);
  second.stop();
});

test('a leader that finds the restarted control plane in time goes on under its token', async () => {
  const { clock, leases, a, b } = scene();
  const first = replica(clock, leases);
  first.join(a);
  await pass(clock, TERM_MS, [[a, first]]);
  first.stop();
  const second = replica(clock, leases);
  second.join(b);
  second.join(a);
  a.renew(second);
  await pass(
    clock,
    3 * TERM_MS,
    [
      [a, second],
      [b, second],
    ],
    [a, b],
  );
  assert.ok(a.leads);
  assert.equal(a.token, 1);
  assert.ok(
    a.news.every((news) => news.leader === 'a'),
    'it was never told otherwise',
  );
  second.stop();
});

test('a new instance of the leading pod does not inherit the lease, and gets a higher token', async () => {
  const { clock, leases, a } = scene();
  const election = replica(clock, leases);
  election.join(a);
  await pass(clock, TERM_MS, [[a, election]]);
  const reborn = new CandidatePod('a', clock);
  election.leave(a);
  election.join(reborn);
  await pass(clock, TERM_MS - 3_000, [[reborn, election]], [a, reborn]);
  assert.equal(reborn.leader, '', 'it is told that it does not lead');
  await pass(clock, 4_000, [[reborn, election]], [a, reborn]);
  assert.ok(reborn.leads);
  assert.equal(reborn.token, 2);
  election.stop();
});

test('two replicas agree through the lease', async () => {
  const { clock, leases, a, b } = scene();
  const one = replica(clock, leases.line());
  const two = replica(clock, leases.line());
  one.join(a);
  two.join(b);
  await settle();
  const live: Live = [
    [a, one],
    [b, two],
  ];
  await pass(clock, 3 * TERM_MS, live, [a, b]);
  const [leader, follower, other] = a.leads ? ([a, b, two] as const) : ([b, a, one] as const);
  assert.ok(leader.leads);
  assert.equal(follower.leader, leader.pod);
  // The leader's pod dies.
  await pass(clock, TERM_MS + 2_000, [[follower, other]], [a, b]);
  assert.ok(follower.leads);
  assertNeverFalls(leases.tokens);
  one.stop();
  two.stop();
});

test('a replica that is cut off loses the leader to another, and never two lead', async () => {
  const { clock, leases, a, b } = scene();
  const line = leases.line();
  const one = replica(clock, line);
  const two = replica(clock, leases.line());
  one.join(a);
  await settle();
  two.join(b);
  const live: Live = [
    [a, one],
    [b, two],
  ];
  await pass(clock, 2 * TERM_MS, live, [a, b]);
  assert.ok(a.leads);
  line.cut = true;
  await pass(clock, TERM_MS + 3_000, live, [a, b]);
  assert.ok(b.leads && !a.leads);
  line.cut = false;
  await pass(clock, TERM_MS, live, [a, b]);
  assert.equal(a.leader, 'b', 'told once the line is back');
  assertNeverFalls(leases.tokens);
  one.stop();
  two.stop();
});

test('writes that arrive without an answer do no harm', async () => {
  const { clock, leases, a, b } = scene();
  const line = leases.line();
  const election = replica(clock, line);
  election.join(a);
  election.join(b);
  const live: Live = [
    [a, election],
    [b, election],
  ];
  await pass(clock, TERM_MS, live, [a, b]);
  for (let round = 0; round < 6; round += 1) {
    line.loseAnswers = round % 2 === 0;
    await pass(clock, TERM_MS, live, [a, b]);
  }
  line.loseAnswers = false;
  await pass(clock, 3 * TERM_MS, live, [a, b]);
  assert.ok(a.leads !== b.leads, 'one leads again');
  assertNeverFalls(leases.tokens);
  election.stop();
});

test('a pod that is no candidate is not elected, and a leader that is none is not kept', async () => {
  const { clock, leases, a, b } = scene();
  const election = replica(clock, leases, ['a']);
  election.join(b);
  election.join(a);
  await settle();
  assert.equal(b.leader, 'a');
  election.setSpec(spec(['b']));
  // Its service turns it away, and it is heard no more.
  election.leave(a);
  await pass(clock, 2 * TERM_MS + 2_000, [[b, election]], [a, b]);
  assert.ok(b.leads);
  election.stop();
});

test('a leader stays in office, under its token, however often somebody deletes the lease', async () => {
  const { clock, leases, a, b } = scene();
  const election = replica(clock, leases);
  election.join(a);
  election.join(b);
  const live: Live = [
    [a, election],
    [b, election],
  ];
  for (let round = 1; round <= 3; round += 1) {
    await pass(clock, 3 * TERM_MS, live);
    assert.deepEqual([leases.lease?.holder, leases.lease?.fencingToken], ['a', 1], `${round}`);
    leases.lease = undefined;
  }
  election.stop();
});

test('a first grant may arrive late: the others wait until it was confirmed or is surely over', async () => {
  const { clock, leases, a, b } = scene();
  const election = replica(clock, leases);
  const onItsWay: ElectionNews[] = [];
  election.join({ pod: 'a', tell: (news) => void onItsWay.push(news) });
  await settle();
  election.join(b);
  await pass(clock, TERM_MS - 500, [[b, election]], [a, b]);
  for (const news of onItsWay) a.tell(news);
  assert.ok(a.leads);
  await pass(clock, TERM_MS + 1_000, [[b, election]], [a, b]);
  assert.ok(b.leads);
  election.stop();
});

test('a sidecar that renews all the time does not make us write all the time', async () => {
  const { clock, leases, a } = scene();
  const election = replica(clock, leases);
  election.join(a);
  await settle();
  const before = leases.writes;
  for (let count = 0; count < 100; count += 1) {
    clock.advance(10);
    a.renew(election);
    await settle();
  }
  assert.ok(leases.writes - before <= 2, `${leases.writes - before} writes in a second`);
  assert.ok(a.leads);
  election.stop();
});

test('random failures, restarts and silence never make two lead or a token fall', async () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  const { clock, leases, a, b, c } = scene();
  const pods = [a, b, c];
  const replicas = [0, 1].map(() => {
    const line = leases.line();
    return { line, election: replica(clock, line) };
  });
  const at = new Map<CandidatePod, Election>();
  let led = 0;
  for (let round = 0; round < 120; round += 1) {
    for (const entry of replicas) {
      entry.line.cut = random(5) === 0;
      entry.line.loseAnswers = random(8) === 0;
      if (random(12) === 0) {
        entry.election.stop();
        for (const [pod, election] of at) if (election === entry.election) at.delete(pod);
        entry.election = replica(clock, entry.line);
      }
    }
    for (const pod of pods) {
      const present = at.get(pod);
      if (present !== undefined && random(6) === 0) {
        present.leave(pod);
        at.delete(pod);
      } else if (present === undefined && random(2) === 0) {
        const chosen = replicas[random(2)]?.election;
        if (chosen === undefined) continue;
        chosen.join(pod);
        at.set(pod, chosen);
        pod.renew(chosen);
      }
    }
    await pass(clock, 3_000, [...at], pods);
    if (pods.some((pod) => pod.leads)) led += 1;
  }
  for (const { election } of replicas) election.stop();
  assert.ok(led > 40, `somebody led in ${led} of 120 rounds`);
  assertNeverFalls(leases.tokens);
});
