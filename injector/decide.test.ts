import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Decision, type DecisionInput, decide } from './decide.ts';
import type { Container, Pod } from './pod.ts';

const main: Container = { name: 'main' };

function decideOn(pod: Pod, rest: Partial<DecisionInput> = {}): Decision {
  return decide({
    pod,
    namespace: 'shop',
    namespaceLabels: undefined,
    systemNamespace: 'remora-system',
    ...rest,
  });
}

const plain: Pod = { spec: { containers: [main] } };
const labelled = (value: string): Pod => ({
  metadata: { labels: { 'remora.dev/inject': value } },
  ...plain,
});
const annotated = (annotations: Record<string, string>): Pod => ({
  metadata: { annotations },
  ...plain,
});
const withContainer = (container: Container): Pod => ({ spec: { containers: [main, container] } });

const cases: readonly {
  name: string;
  decision: Decision;
  is: string;
  saying?: RegExp;
}[] = [
  { name: 'a plain pod', decision: decideOn(plain), is: 'inject' },
  {
    name: 'a pod that opts in once more',
    decision: decideOn(labelled('enabled')),
    is: 'inject',
  },
  {
    name: 'a pod with the opt-out label',
    decision: decideOn(labelled('disabled')),
    is: 'skip disabled',
  },
  {
    name: 'a pod with the opt-out annotation',
    decision: decideOn(annotated({ 'remora.dev/inject': 'disabled' })),
    is: 'skip disabled',
  },
  {
    name: 'a label that is neither',
    decision: decideOn(labelled('false')),
    is: 'refuse bad-annotation',
    saying: /remora\.dev\/inject: "false" is bad/,
  },
  {
    name: 'an annotation that is a number, as a manifest without quotes has it',
    decision: decideOn({
      metadata: JSON.parse('{"annotations":{"remora.dev/trunk-port":15108}}'),
      spec: { containers: [main] },
    }),
    is: 'refuse bad-annotation',
    saying: /remora\.dev\/trunk-port must be a text: put its value in quotes/,
  },
  {
    name: 'a namespace that is known to have opted in',
    decision: decideOn(plain, { namespaceLabels: { 'remora.dev/inject': 'enabled' } }),
    is: 'inject',
  },
  {
    name: 'a namespace that is known not to have opted in',
    decision: decideOn(plain, { namespaceLabels: {} }),
    is: 'skip namespace-not-enabled',
  },
  {
    name: 'the own namespace, even if it opted in',
    decision: decideOn(plain, {
      namespace: 'remora-system',
      namespaceLabels: { 'remora.dev/inject': 'enabled' },
    }),
    is: 'skip system-namespace',
  },
  {
    name: 'kube-system',
    decision: decideOn(plain, { namespace: 'kube-system' }),
    is: 'skip system-namespace',
  },
  {
    name: 'a copy of a static pod',
    decision: decideOn(annotated({ 'kubernetes.io/config.mirror': 'x' })),
    is: 'skip mirror-pod',
  },
  {
    name: 'a pod on the host network with annotations that are bad',
    decision: decideOn({
      metadata: { annotations: { 'remora.dev/exclude-inbound-ports': 'x' } },
      spec: { hostNetwork: true, containers: [main] },
    }),
    is: 'skip host-network',
  },
  {
    name: 'a pod without containers',
    decision: decideOn({ spec: {} }),
    is: 'refuse no-containers',
  },
  {
    name: "a container of the sidecar's name without the annotation",
    decision: decideOn(withContainer({ name: 'remora-proxy' })),
    is: 'refuse conflict',
    saying: /container remora-proxy is taken/,
  },
  {
    name: "an init container on one of the sidecar's ports",
    decision: decideOn({
      spec: {
        containers: [main],
        initContainers: [{ name: 'early', ports: [{ containerPort: 15020 }] }],
      },
    }),
    is: 'refuse conflict',
    saying: /port 15020 of container early/,
  },
  {
    name: 'UDP on such a port',
    decision: decideOn(
      withContainer({ name: 'udp', ports: [{ containerPort: 15020, protocol: 'UDP' }] }),
    ),
    is: 'inject',
  },
  {
    name: 'the usual trunk port, where the trunk was moved away',
    decision: decideOn({
      metadata: { annotations: { 'remora.dev/trunk-port': '16008' } },
      spec: { containers: [{ name: 'main', ports: [{ containerPort: 15008 }] }] },
    }),
    is: 'inject',
  },
  {
    name: 'the port to which the trunk was moved',
    decision: decideOn({
      metadata: { annotations: { 'remora.dev/trunk-port': '16008' } },
      spec: { containers: [{ name: 'main', ports: [{ containerPort: 16008 }] }] },
    }),
    is: 'refuse conflict',
    saying: /port 16008/,
  },
  {
    name: "a trunk port that is one of the sidecar's others",
    decision: decideOn(annotated({ 'remora.dev/trunk-port': '15001' })),
    is: 'refuse bad-annotation',
    saying: /trunk-port: "15001" is bad: port 15001 has another use/,
  },
  {
    name: "a pod that runs as the sidecar's user",
    decision: decideOn({ spec: { containers: [main], securityContext: { runAsUser: 15137 } } }),
    is: 'refuse conflict',
    saying: /the pod runs as user 15137/,
  },
  {
    name: "a container that runs as the sidecar's user",
    decision: decideOn(withContainer({ name: 'same', securityContext: { runAsUser: 15137 } })),
    is: 'refuse conflict',
    saying: /container same runs as user 15137/,
  },
  {
    name: 'a list of more ports than anyone writes',
    decision: decideOn(
      annotated({
        'remora.dev/exclude-outbound-ports': Array.from({ length: 65 }, (_, i) => i + 1).join(),
      }),
    ),
    is: 'refuse bad-annotation',
    saying: /65 entries are more than 64/,
  },
  {
    name: 'an annotation named as a property of every object',
    decision: decideOn({
      metadata: { annotations: JSON.parse('{"__proto__": "x", "constructor": "y"}') },
      spec: { containers: [main] },
    }),
    is: 'inject',
  },
];

for (const { name, decision, is, saying } of cases) {
  test(`${name}: ${is}`, () => {
    const reason = decision.action === 'inject' ? '' : ` ${decision.reason}`;
    assert.equal(decision.action + reason, is);
    const said = decision.action === 'refuse' ? decision.message : '';
    if (saying !== undefined) assert.match(said, saying);
    if (decision.action === 'refuse') assert.match(said, /label it remora\.dev\/inject: disabled/);
  });
}
