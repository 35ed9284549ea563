import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { ManualClock } from '../../../runtime/clock.ts';
import { Lease } from './lease.ts';

/** Two thirds of it are 6 s. */
const leaseDurationMs = 9000;

function start(): { clock: ManualClock; lease: Lease } {
  const clock = new ManualClock();
  return { clock, lease: new Lease('me', clock) };
}

const mine = (sequence: number, fencingToken = 5): Parameters<Lease['granted']>[0] => ({
  leader: 'me',
  fencingToken,
  leaseDurationMs,
  sequence,
});

const theirs = (sequence: number, fencingToken = 5): Parameters<Lease['granted']>[0] => ({
  ...mine(sequence, fencingToken),
  leader: 'other',
});

suite('a lease', () => {
  test('is unknown before the first word', () => {
    const { lease } = start();
    assert.deepEqual(lease.leadership(), {
      kind: 'unknown',
      reason: 'the control plane has not answered yet',
    });
  });

  test('is held from the arrival of the first grant, for two thirds of its duration', () => {
    const { clock, lease } = start();
    lease.granted(mine(0));
    assert.deepEqual(lease.leadership(), {
      kind: 'leader',
      leader: 'me',
      term: 5,
      expiresInMs: 6000,
    });
    clock.advance(5999);
    assert.equal(lease.leadership().kind, 'leader');
    clock.advance(1);
    assert.equal(lease.leadership().kind, 'unknown');
  });

  test('counts from when the renewal was sent, not from when it was answered', () => {
    const { clock, lease } = start();
    lease.granted(mine(0));
    clock.advance(3000);
    const sequence = lease.renewalSent();
    clock.advance(2500);
    lease.granted(mine(sequence));
    assert.deepEqual(lease.leadership(), {
      kind: 'leader',
      leader: 'me',
      term: 5,
      expiresInMs: 3500,
    });
  });

  test('is lost in a partition, at two thirds after the last renewal that was answered', () => {
    const { clock, lease } = start();
    lease.granted(mine(0));
    clock.advance(3000);
    const answered = lease.renewalSent();
    lease.granted(mine(answered));
    clock.advance(3000);
    lease.renewalSent(); // Never answered.
    clock.advance(2999);
    assert.equal(lease.leadership().kind, 'leader');
    clock.advance(1);
    assert.deepEqual(lease.leadership(), {
      kind: 'unknown',
      reason: 'the last word from the control plane is too old',
    });
  });

  test('is lost by the clock alone when no timer fires, as in a stalled process', () => {
    let nowMs = 0;
    const lease = new Lease('me', Object.assign(new ManualClock(), { monotonicMs: () => nowMs }));
    lease.granted(mine(0));
    nowMs += 6000;
    assert.equal(lease.leadership().kind, 'unknown');
  });

  test('is not prolonged by an answer that comes after its time', () => {
    const { clock, lease } = start();
    lease.granted(mine(0));
    const sequence = lease.renewalSent();
    clock.advance(7000);
    lease.granted(mine(sequence));
    assert.equal(lease.leadership().kind, 'unknown');
  });

  test('is not prolonged by a grant that answers nothing', () => {
    const { clock, lease } = start();
    lease.granted(mine(0));
    clock.advance(4000);
    lease.granted(mine(0));
    clock.advance(2000);
    assert.equal(lease.leadership().kind, 'unknown');
  });

  test('is not prolonged by an answer that was counted before', () => {
    const { clock, lease } = start();
    const first = lease.renewalSent();
    lease.granted(mine(first));
    clock.advance(3000);
    const second = lease.renewalSent();
    lease.granted(mine(second));
    lease.granted(mine(first));
    assert.equal(lease.leadership().kind === 'leader' && lease.fencingToken, 5);
    clock.advance(5999);
    assert.equal(lease.leadership().kind, 'leader');
    clock.advance(1);
    assert.equal(lease.leadership().kind, 'unknown');
  });

  test('is given up for a larger token of another pod, and not for a smaller one', () => {
    const { lease } = start();
    lease.granted(mine(0, 5));
    lease.granted(theirs(0, 4));
    assert.equal(lease.leadership().kind, 'leader');
    lease.granted(theirs(0, 6));
    assert.deepEqual(lease.leadership(), {
      kind: 'follower',
      leader: 'other',
      term: 6,
      expiresInMs: 9000,
    });
    lease.granted(mine(0, 5));
    assert.equal(lease.leadership().kind, 'follower');
    assert.equal(lease.fencingToken, 0);
  });

  test('begins anew with a larger token after it was lost', () => {
    const { clock, lease } = start();
    lease.granted(mine(0, 5));
    clock.advance(6000);
    lease.granted(mine(0, 7));
    assert.deepEqual(lease.leadership(), {
      kind: 'leader',
      leader: 'me',
      term: 7,
      expiresInMs: 6000,
    });
  });

  test('comes back under the same token when a timely renewal is answered after all', () => {
    const { clock, lease } = start();
    lease.granted(mine(0));
    clock.advance(5000);
    const sequence = lease.renewalSent();
    clock.advance(2000);
    assert.equal(lease.leadership().kind, 'unknown');
    lease.granted(mine(sequence));
    assert.equal(lease.leadership().kind, 'leader');
  });

  test('of another pod is believed for its duration after the last word', () => {
    const { clock, lease } = start();
    lease.granted(theirs(0));
    clock.advance(5000);
    lease.granted(theirs(0));
    clock.advance(8999);
    assert.equal(lease.leadership().kind, 'follower');
    clock.advance(1);
    assert.equal(lease.leadership().kind, 'unknown');
  });

  test('is unknown while nobody leads, and after a refusal', () => {
    const { lease } = start();
    lease.granted({ ...theirs(0), leader: '' });
    assert.deepEqual(lease.leadership(), { kind: 'unknown', reason: 'nobody leads now' });
    lease.refused('no candidate');
    assert.deepEqual(lease.leadership(), { kind: 'unknown', reason: 'no candidate' });
  });
});
