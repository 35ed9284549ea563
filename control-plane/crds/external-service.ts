import { isIP } from 'node:net';
import { z } from 'zod';
import { acceptedColumns, type CustomResource, conditions, withRules } from './custom-resource.ts';

const HOST = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const HOST_PATTERN = new RegExp(`^(\\*\\.)?${HOST}$`);
const ENDPOINT_PATTERN = new RegExp(`^(${HOST}|[0-9a-f:.]*:[0-9a-f:.]*)$`);

const port = z.int().min(1).max(65535);

const tls = z
  .strictObject({
    serverName: z
      .string()
      .max(253)
      .regex(new RegExp(`^${HOST}$`), 'is not the name of a host')
      .optional()
      .describe('What the server is asked for and checked against; by default the host.'),
    caCertificates: z
      .string()
      .min(1)
      .max(65_536)
      .regex(/-----BEGIN CERTIFICATE-----/, 'holds no certificate in PEM')
      .optional()
      .describe('Certificates (PEM) that the server has to be signed by; by default public ones.'),
  })
  .describe(
    'The application speaks plainly, and the sidecar speaks TLS with the host on its behalf.',
  );

const externalPort = withRules(
  z.strictObject({
    port: port.describe('To which the application connects.'),
    protocol: z
      .enum(['HTTP', 'TLS', 'TCP'])
      .describe(
        'HTTP (1.1, 2, gRPC): told by its Host. TLS of the application: told by its server name. TCP: told by its address.',
      ),
    targetPort: port.optional().describe('On which the host answers; by default the same.'),
    tls: tls.optional(),
  }),
  'A port of the hosts.',
  [
    {
      cel: "!has(self.tls) || self.protocol != 'TLS'",
      holds: (own) => own.tls === undefined || own.protocol !== 'TLS',
      message: 'what is TLS already cannot have tls',
    },
  ],
);

export const externalServiceSpec = withRules(
  z.strictObject({
    hosts: withRules(
      z
        .array(
          z.string().max(253).regex(HOST_PATTERN, 'is not the name of a host, nor "*." before one'),
        )
        .min(1)
        .max(32),
      'Names of hosts outside of the mesh; "*." stands for one label or more.',
      [
        {
          cel: 'self.all(a, self.exists_one(b, a == b))',
          holds: (hosts) => new Set(hosts).size === hosts.length,
          message: 'a host may be named only once',
        },
        {
          cel: "self.all(host, !host.matches('^[0-9.]+$'))",
          holds: (hosts) => hosts.every((host) => isIP(host) === 0 && !/^[0-9.]+$/.test(host)),
          message: 'a host is a name; addresses are endpoints',
        },
      ],
    ),
    ports: withRules(z.array(externalPort).min(1).max(16), 'Where the hosts answer.', [
      {
        cel: 'self.all(a, self.exists_one(b, a.port == b.port))',
        holds: (ports) => new Set(ports.map((own) => own.port)).size === ports.length,
        message: 'a port may stand there only once',
      },
    ]),
    endpoints: z
      .array(
        z.string().max(253).regex(ENDPOINT_PATTERN, 'is neither an address nor the name of a host'),
      )
      .min(1)
      .max(32)
      .optional()
      .describe(
        'Addresses or names of hosts that are connected to instead; by default the host itself, as DNS tells it.',
      ),
  }),
  'Hosts outside of the mesh that pods may call.',
  [
    {
      cel: "has(self.endpoints) || !self.ports.exists(p, p.protocol == 'TCP') || !self.hosts.exists(h, h.startsWith('*.'))",
      holds: ({ hosts, ports, endpoints }) =>
        endpoints !== undefined ||
        !ports.some(({ protocol }) => protocol === 'TCP') ||
        !hosts.some((host) => host.startsWith('*.')),
      message:
        'a TCP port is told by its address, which a host with "*." has not without endpoints',
    },
  ],
);

export const externalService: CustomResource<typeof externalServiceSpec> = {
  kind: 'ExternalService',
  plural: 'externalservices',
  singular: 'externalservice',
  shortNames: ['extsvc'],
  version: 'v1alpha1',
  description: 'Hosts outside of the mesh: how they are recognised, reached, and spoken to.',
  spec: externalServiceSpec,
  status: z.object({ conditions }),
  printerColumns: [{ name: 'Hosts', type: 'string', jsonPath: '.spec.hosts' }, ...acceptedColumns],
};
