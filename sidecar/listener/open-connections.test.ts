import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type OpenConnection, OpenConnections } from './open-connections.ts';

class FakeConnection implements OpenConnection {
  idleSinceMs: number | undefined;
  destroyed = false;

  constructor(idleSinceMs: number | undefined) {
    this.idleSinceMs = idleSinceMs;
  }

  drain(): void {}

  destroy(): void {
    this.destroyed = true;
  }
}

function open(...idleSinceMs: (number | undefined)[]): {
  open: OpenConnections;
  connections: FakeConnection[];
} {
  const open = new OpenConnections();
  const connections = idleSinceMs.map((sinceMs) => new FakeConnection(sinceMs));
  for (const connection of connections) open.add(connection);
  return { open, connections };
}

describe('room for a new connection', () => {
  test('is made by the one that was idle for longest', () => {
    const { open: all, connections } = open(30, undefined, 10, 20);
    assert.equal(all.makeRoom(), true);
    assert.equal(all.makeRoom(), true);
    assert.deepEqual(
      connections.map(({ destroyed }) => destroyed),
      [false, false, true, true],
    );
    assert.equal(all.size, 2);
  });

  test('is not made by what is in use', () => {
    const { open: all, connections } = open(undefined, undefined);
    assert.equal(all.makeRoom(), false);
    assert.ok(connections.every(({ destroyed }) => !destroyed));
  });

  test('is not made by what was used since it was found to be idle', () => {
    // Of 200 connections four are found at a time.
    const { open: all, connections } = open(...Array.from({ length: 200 }, (_, i) => i));
    assert.equal(all.makeRoom(), true);
    (connections[1] as FakeConnection).idleSinceMs = undefined;
    (connections[2] as FakeConnection).idleSinceMs = 1_000;
    all.remove(connections[3] as FakeConnection);
    assert.equal(all.makeRoom(), true);
    const gone = connections.flatMap(({ destroyed }, i) => (destroyed ? [i] : []));
    assert.deepEqual(gone, [0, 4]);
  });

  test('is looked for again, although there was none a while ago', () => {
    const { open: all, connections } = open(...Array.from({ length: 100 }, () => undefined));
    assert.equal(all.makeRoom(), false);
    (connections[50] as FakeConnection).idleSinceMs = 1;
    const tries = Array.from({ length: 10 }, () => all.makeRoom());
    assert.equal(tries.filter((made) => made).length, 1);
    assert.equal(connections[50]?.destroyed, true);
  });
});
