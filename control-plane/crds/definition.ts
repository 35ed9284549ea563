import { stringify } from 'yaml';
import { z } from 'zod';
import { GROUP } from '../../proto/well-known.ts';
import type { CustomResource } from './custom-resource.ts';
import { externalService } from './external-service.ts';
import { faultPolicy } from './fault-policy.ts';
import { leaderElection } from './leader-election.ts';
import { rateLimitPolicy } from './rate-limit-policy.ts';
import { trafficPolicy } from './traffic-policy.ts';

/** Every kind of ours. */
const CUSTOM_RESOURCES: readonly CustomResource[] = [
  trafficPolicy,
  faultPolicy,
  rateLimitPolicy,
  leaderElection,
  externalService,
];

/** The CustomResourceDefinitions as files of the chart, by name. */
export function customResourceFiles(): Map<string, string> {
  return new Map(
    CUSTOM_RESOURCES.map((resource) => [
      `${GROUP}_${resource.plural}.yaml`,
      `# Generated from control-plane/crds by \`npm run generate\`.\n${stringify(definitionOf(resource), { lineWidth: 0 })}`,
    ]),
  );
}

/** The CustomResourceDefinition of a kind, as the API server takes it. */
function definitionOf(resource: CustomResource): unknown {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${resource.plural}.${GROUP}`,
      labels: { 'app.kubernetes.io/part-of': 'remora' },
      // Definitions outlive the release, and with them every policy of the users.
      annotations: { 'helm.sh/resource-policy': 'keep' },
    },
    spec: {
      group: GROUP,
      names: {
        kind: resource.kind,
        listKind: `${resource.kind}List`,
        plural: resource.plural,
        singular: resource.singular,
        shortNames: resource.shortNames,
        categories: ['remora'],
      },
      scope: 'Namespaced',
      versions: [
        {
          name: resource.version,
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: resource.printerColumns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description: resource.description,
              required: ['spec'],
              properties: {
                apiVersion: { type: 'string' },
                kind: { type: 'string' },
                metadata: { type: 'object' },
                spec: structural(resource.spec),
                status: structural(resource.status),
              },
            },
          },
        },
      ],
    },
  };
}

/** The schema without what a structural schema may not hold. */
function structural(schema: z.ZodType): unknown {
  const generated = z.toJSONSchema(schema, {
    target: 'openapi-3.0',
    io: 'input',
    reused: 'inline',
  });
  return prune(generated);
}

function prune(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(prune);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).filter(([key, value]) => {
    if (key === '$schema' || key === '~standard') return false;
    // Beside `properties` the API server refuses it; there it drops unknown fields by itself.
    if (key === 'additionalProperties') return value !== false;
    // zod states how it made a record's keys; OpenAPI 3.0 has no word for it.
    return key !== 'propertyNames';
  });
  return Object.fromEntries(entries.map(([key, value]) => [key, prune(value)]));
}
