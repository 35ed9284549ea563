import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { CommandError } from './harness/command.ts';
import { CHART, helm } from './harness/mesh.ts';

interface Rule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

interface Rendered {
  kind: string;
  metadata: { name: string; annotations?: Record<string, string> };
  rules?: Rule[];
  webhooks?: Record<string, unknown>[];
  spec?: Record<string, unknown>;
}

describe('the chart', () => {
  test('is clean for helm lint', async () => {
    await helm(['lint', CHART, '--strict']);
  });

  test('holds no rule with a wildcard, no Secret of the whole cluster and no exec', async () => {
    const rendered = await render();
    const roles = rendered.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role');
    assert.ok(roles.length >= 3);
    for (const role of roles) {
      for (const rule of role.rules ?? []) {
        const words = [...rule.apiGroups, ...rule.resources, ...rule.verbs];
        assert.ok(!words.includes('*'), `${role.metadata.name} has a wildcard`);
        assert.ok(!rule.resources.includes('pods/exec'), `${role.metadata.name} may exec`);
        if (rule.resources.includes('secrets')) {
          assert.equal(role.kind, 'Role', `${role.metadata.name} reaches Secrets everywhere`);
          if (rule.verbs.some((verb) => verb !== 'create')) {
            assert.deepEqual(rule.resourceNames, ['remora-ca']);
          }
        }
      }
    }
  });

  test('asks the webhook about opted-in namespaces only, never its own, and leaves caBundle alone', async () => {
    const configuration = (await render()).find(
      ({ kind }) => kind === 'MutatingWebhookConfiguration',
    );
    const [webhook] = configuration?.webhooks ?? [];
    assert.ok(webhook);
    assert.deepEqual(webhook.namespaceSelector, {
      matchLabels: { 'remora.dev/inject': 'enabled' },
      matchExpressions: [
        {
          key: 'kubernetes.io/metadata.name',
          operator: 'NotIn',
          values: ['kube-system', 'kube-node-lease', 'somewhere'],
        },
      ],
    });
    assert.equal(webhook.failurePolicy, 'Fail');
    assert.equal(webhook.sideEffects, 'None');
    assert.ok(Number(webhook.timeoutSeconds) <= 5);
    assert.ok(!('caBundle' in (webhook.clientConfig as object)));
  });

  test('keeps the definitions of our kinds on uninstall, and leaves them out when told to', async () => {
    const isDefinition = ({ kind }: Rendered) => kind === 'CustomResourceDefinition';
    const definitions = (await render()).filter(isDefinition);
    assert.deepEqual(
      definitions.map(({ metadata }) => metadata.name),
      [
        'externalservices.remora.dev',
        'faultpolicies.remora.dev',
        'leaderelections.remora.dev',
        'ratelimitpolicies.remora.dev',
        'trafficpolicies.remora.dev',
      ],
    );
    for (const { metadata } of definitions) {
      assert.equal(metadata.annotations?.['helm.sh/resource-policy'], 'keep');
    }
    assert.deepEqual((await render('crds.enabled=false')).filter(isDefinition), []);
  });

  for (const { name, value, says } of [
    {
      name: 'a misspelt value',
      value: 'controlPlane.replica=3',
      says: /'\/controlPlane'.*'replica' not allowed/,
    },
    {
      name: 'a webhook that would hold up the API server',
      value: 'injector.webhook.timeoutSeconds=30',
      says: /timeoutSeconds'.*want 5/,
    },
    {
      name: 'a policy that does not exist',
      value: 'injector.webhook.failurePolicy=Maybe',
      says: /failurePolicy.*'Fail', 'Ignore'/,
    },
    {
      name: 'a memory request that is no quantity',
      value: 'proxy.resources.requests.memory=lots',
      says: /requests\/memory.*'lots' does not match pattern/,
    },
    {
      name: 'an access log in a format that nobody knows',
      value: 'proxy.accessLog=xml',
      says: /accessLog.*must be one of/,
    },
    {
      name: 'a trust domain in capitals',
      value: 'trustDomain=Example.Org',
      says: /trustDomain.*does not match pattern/,
    },
  ]) {
    test(`refuses ${name}`, async () => {
      await assert.rejects(render(value), (error: unknown) => {
        assert.ok(error instanceof CommandError);
        assert.match(error.stderr, says);
        return true;
      });
    });
  }
});

async function render(...values: string[]): Promise<Rendered[]> {
  const text = await helm([
    'template',
    'remora',
    CHART,
    '--namespace',
    'somewhere',
    '--kube-version',
    '1.34.0',
    ...values.flatMap((value) => ['--set', value]),
  ]);
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Rendered | null)
    .filter((object) => object !== null);
}
