import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pino } from 'pino';
import { ManualClock } from '../../runtime/clock.ts';
import { silentLog } from '../../runtime/log.ts';
import { KubeObjects } from '../../test/fakes/kube-objects.ts';
import { CertificateAuthority } from './authority.ts';
import { createCa, readCa, rotateCa } from './ca-material.ts';
import { type CaStore, FileCaStore, KubernetesCaStore } from './ca-store.ts';
import {
  certificatePem,
  exportSpki,
  generateKeyPair,
  issueLeafCertificate,
  readCertificates,
} from './x509.ts';

const HOUR = 3_600_000;
const TIMING = { rootLifetimeMs: 100 * HOUR, leafLifetimeMs: 4 * HOUR };
const NAMES = { uris: ['spiffe://cluster.local/ns/a/sa/b'], dnsNames: [], ipAddresses: [] };
const SPKI = exportSpki(generateKeyPair().publicKey);
const NEVER = new AbortController().signal;

function authorityOf(store: CaStore, clock = new ManualClock(Date.now())) {
  return new CertificateAuthority({ ...TIMING, store, clock, pollMs: 1_000, log: silentLog() });
}

async function withKubernetes(run: (kube: KubeObjects) => Promise<void>): Promise<void> {
  const kube = await KubeObjects.start();
  try {
    await run(kube);
  } finally {
    await kube.stop();
  }
}

test('replicas that start together agree on one CA', async () => {
  await withKubernetes(async (kube) => {
    // Every replica reads before any of them writes.
    let reading = 0;
    let go = (): void => {};
    const all = new Promise<void>((resolve) => {
      go = resolve;
    });
    kube.intercept = async (method) => {
      if (method !== 'GET' || reading >= 3) return undefined;
      reading += 1;
      if (reading === 3) go();
      await all;
      return { status: 404 };
    };
    const authorities = [1, 2, 3].map(() => authorityOf(new KubernetesCaStore(kube.api(), 'sys')));
    await Promise.all(authorities.map((authority) => authority.start(NEVER)));
    for (const authority of authorities) authority.stop();
    assert.equal(new Set(authorities.map((authority) => authority.roots)).size, 1);
    assert.equal(kube.requests.filter((request) => request.startsWith('POST')).length, 3);
    const [first, second] = authorities;
    const { chain } = second?.issue(SPKI, NAMES) ?? { chain: '' };
    const root = new X509Certificate(first?.roots ?? '');
    assert.ok(new X509Certificate(chain).verify(root.publicKey));
  });
});

test('a start waits for an API that does not answer yet', async () => {
  await withKubernetes(async (kube) => {
    let refusals = 2;
    kube.intercept = () => (refusals-- > 0 ? { status: 503 } : undefined);
    const clock = new ManualClock(Date.now());
    const authority = authorityOf(new KubernetesCaStore(kube.api(), 'sys'), clock);
    let started = false;
    const starting = authority.start(NEVER).then(() => {
      started = true;
    });
    assert.equal(authority.ready, false);
    while (!started) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      clock.advance(1_000);
    }
    await starting;
    authority.stop();
    assert.ok(authority.ready);
  });
});

test('a CA that somebody else stores is taken, and everybody is told', async () => {
  await withKubernetes(async (kube) => {
    const store = new KubernetesCaStore(kube.api(), 'sys');
    const authority = authorityOf(store);
    await authority.start(NEVER);
    const told: boolean[] = [];
    authority.onChange(({ issuerChanged }) => told.push(issuerChanged));
    const stored = await store.read();
    const replacement = createCa(Date.now(), TIMING);
    assert.ok(await store.replace(replacement, stored?.version ?? ''));
    assert.equal(await store.replace(replacement, stored?.version ?? ''), false, 'read before');
    await authority.refresh();
    authority.stop();
    assert.deepEqual(told, [true]);
    assert.equal(authority.roots, replacement['roots.pem']);
  });
});

test('an unusable CA in the store is refused with the reason, and the earlier one stays', async () => {
  await withKubernetes(async (kube) => {
    const store = new KubernetesCaStore(kube.api(), 'sys');
    const authority = authorityOf(store);
    await authority.start(NEVER);
    const { roots } = authority;
    const stored = await store.read();
    const other = createCa(Date.now(), TIMING);
    await store.replace(
      { ...stored?.data, 'ca.key': other['ca.key'] ?? '' },
      stored?.version ?? '',
    );
    await assert.rejects(authority.refresh(), { code: 'bad-ca', message: /key does not belong/ });
    authority.stop();
    assert.equal(authority.roots, roots);
    authority.issue(SPKI, NAMES);
  });
});

test('leaves begin a minute ago, end after their lifetime, and never after their issuer', async () => {
  await withKubernetes(async (kube) => {
    const clock = new ManualClock(Date.now());
    const authority = authorityOf(new KubernetesCaStore(kube.api(), 'sys'), clock);
    await authority.start(NEVER);
    authority.stop();
    const early = authority.issue(SPKI, NAMES);
    assert.equal(early.notBeforeMs, clock.wallMs() - 60_000);
    assert.equal(early.notAfterMs, clock.wallMs() + 4 * HOUR);
    clock.advance(98 * HOUR);
    const late = authority.issue(SPKI, NAMES);
    assert.equal(late.notAfterMs, authority.issuerNotAfterMs);
  });
});

test('a root is followed by one that is trusted before it issues, and is trusted until it ends', () => {
  const start = Date.now();
  const at = (hours: number) => start + hours * HOUR;
  const first = createCa(start, TIMING);
  assert.equal(rotateCa(first, at(79), TIMING), undefined, 'young enough');

  const announced = rotateCa(first, at(81), TIMING) ?? {};
  assert.equal(announced['ca.crt'], first['ca.crt'], 'the old one still issues');
  assert.equal(readCertificates(readCa(announced).roots).length, 2);
  assert.equal(announced['next.from'], new Date(at(85)).toISOString());
  assert.equal(rotateCa(announced, at(84), TIMING), undefined, 'not everybody has the new root');

  const taken = rotateCa(announced, at(86), TIMING) ?? {};
  assert.equal(taken['ca.crt'], announced['next.crt'], 'the new one issues');
  assert.equal(taken['next.crt'], undefined);
  assert.equal(readCertificates(readCa(taken).roots).length, 2, 'the old leaves are still valid');

  const next = rotateCa(rotateCa(taken, at(170), TIMING) ?? {}, at(175), TIMING) ?? {};
  assert.equal(readCertificates(readCa(next).roots).length, 2, 'the first root has ended');
});

test('a root that ended while nobody looked is replaced at once', async () => {
  await withKubernetes(async (kube) => {
    const clock = new ManualClock(Date.now());
    const store = new KubernetesCaStore(kube.api(), 'sys');
    await store.create(createCa(clock.wallMs() - 200 * HOUR, TIMING));
    const authority = authorityOf(store, clock);
    await authority.start(NEVER);
    authority.stop();
    assert.ok(authority.issuerNotAfterMs > clock.wallMs());
  });
});

test('an intermediate issues with its chain, is refused without its root, and its end is warned of', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'remora-ca-'));
  const openssl = (command: string) =>
    execFileSync('openssl', command.split(' '), { cwd: folder, stdio: 'pipe' });
  try {
    const root = createCa(Date.now(), TIMING);
    writeFileSync(join(folder, 'root.crt'), root['ca.crt'] ?? '');
    writeFileSync(join(folder, 'root.key'), root['ca.key'] ?? '');
    writeFileSync(
      join(folder, 'ext'),
      'basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash',
    );
    openssl('genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out sub.key');
    openssl('req -new -key sub.key -subj /CN=sub -out sub.csr');
    openssl('x509 -req -in sub.csr -CA root.crt -CAkey root.key -days 2 -extfile ext -out sub.crt');
    const sub = {
      'ca.crt': readFileSync(join(folder, 'sub.crt'), 'utf8'),
      'ca.key': readFileSync(join(folder, 'sub.key'), 'utf8'),
    };
    const stranger = createCa(Date.now(), TIMING)['ca.crt'] ?? '';
    assert.throws(() => readCa({ ...sub, 'roots.pem': stranger }), /no certificate in "roots.pem"/);
    const { issuer, intermediates, roots } = readCa({ ...sub, 'roots.pem': root['ca.crt'] ?? '' });
    assert.equal(roots, root['ca.crt']);
    const validity = { notBeforeMs: Date.now(), notAfterMs: Date.now() + HOUR };
    const leaf = certificatePem(issueLeafCertificate(issuer, SPKI, NAMES, validity));
    writeFileSync(join(folder, 'leaf.pem'), leaf + intermediates);
    openssl('verify -CAfile root.crt -untrusted leaf.pem leaf.pem');
    assert.equal(
      rotateCa({ ...sub, 'roots.pem': roots }, Date.now() + 47 * HOUR, TIMING),
      undefined,
    );

    const store = new FileCaStore(join(folder, 'state'));
    await store.create({ ...sub, 'roots.pem': roots });
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
    const clock = new ManualClock(Date.now());
    const authority = new CertificateAuthority({ ...TIMING, store, clock, pollMs: HOUR, log });
    await authority.refresh();
    assert.deepEqual(lines, []);
    clock.advance(24 * HOUR);
    await authority.refresh();
    await authority.refresh();
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /state\/ca\.json.*ends soon: renew it/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('in files the CA is readable by its owner alone, and its roots by everybody', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'remora-ca-'));
  try {
    const authority = authorityOf(new FileCaStore(folder));
    await authority.start(NEVER);
    authority.stop();
    assert.equal(statSync(join(folder, 'ca.json')).mode & 0o777, 0o600);
    assert.equal(readFileSync(join(folder, 'roots.pem'), 'utf8'), authority.roots);

    const again = authorityOf(new FileCaStore(folder));
    await again.start(NEVER);
    again.stop();
    assert.equal(again.roots, authority.roots, 'a restart keeps the CA');
    assert.equal(await new FileCaStore(folder).create({}), false, 'nothing is overwritten');

    writeFileSync(join(folder, 'roots.pem'), 'half of it');
    await again.refresh();
    assert.equal(readFileSync(join(folder, 'roots.pem'), 'utf8'), authority.roots, 'repaired');

    writeFileSync(join(folder, 'ca.json'), '{"ca.crt": 1}');
    await assert.rejects(new FileCaStore(folder).read(), /ca\.json is damaged/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
