import { X509Certificate } from 'node:crypto';
import { INJECTOR_NAME } from '../proto/well-known.ts';
import { AdminServer, readiness } from '../runtime/admin-server.ts';
import { describeError } from '../runtime/errors.ts';
import { CertificateClient } from '../runtime/identity/certificate-client.ts';
import { ControlPlaneConnection } from '../runtime/identity/control-plane-connection.ts';
import { createLog } from '../runtime/log.ts';
import { run } from '../runtime/process.ts';
import { CaBundleKeeper } from './ca-bundle.ts';
import { type InjectorConfig, readConfig } from './env.ts';
import { HttpKubernetesApi } from './kubernetes-api.ts';
import { createMetrics } from './metrics.ts';
import { Webhook } from './webhook.ts';

/** The injector: a certificate from the mesh, the webhook, and the caBundle that vouches for it. */
async function main(config: InjectorConfig): Promise<never> {
  const log = createLog('injector', config.logLevel);
  const connection = new ControlPlaneConnection({
    address: config.controlPlane,
    serverName: config.controlPlaneName,
    trustBundlePath: config.trustBundlePath,
    tokenPath: config.tokenPath,
  });

  const caBundle = new CaBundleKeeper({
    api: new HttpKubernetesApi(),
    webhookName: config.webhookName,
    log,
  });

  const metrics = createMetrics({
    certificateExpirySeconds: () => (certificates.current?.notAfterMs ?? 0) / 1000,
    caBundleInPlace: () => caBundle.inPlace,
  });

  const webhook = new Webhook({
    address: config.webhookAddress,
    settings: { sidecar: config.sidecar, systemNamespace: config.namespace },
    metrics,
    log,
  });

  const serverName = `${INJECTOR_NAME}.${config.namespace}.svc`;
  const certificates = new CertificateClient({
    connection,
    log,
    onChange(issued) {
      if (new X509Certificate(issued.chain).checkHost(serverName) === undefined) {
        log.error(
          { serverName },
          'the certificate lacks the name by which the API server calls the webhook; is the service account right?',
        );
        return;
      }
      webhook.setCertificate(issued);
      caBundle.setRoots(issued.roots);
    },
  });

  const admin = new AdminServer('admin', config.adminAddress, {
    '/live': () => ({ body: 'live\n' }),
    '/ready': readiness({
      certificate: () => webhook.certified,
      'caBundle of the webhook': () => caBundle.inPlace,
    }),
    '/metrics': async () => ({
      contentType: metrics.registry.contentType,
      body: await metrics.registry.metrics(),
    }),
  });

  return run(
    [
      admin,
      { name: 'control-plane connection', start: () => {}, stop: () => connection.close() },
      caBundle,
      webhook,
      certificates,
      {
        name: 'announcement',
        start: () =>
          log.info({ webhookPort: webhook.port, adminPort: admin.port }, 'injector listens'),
      },
    ],
    { log, drainTimeoutMs: 20_000 },
  );
}

try {
  await main(readConfig(process.env));
} catch (error) {
  createLog('injector').fatal({ error: describeError(error) }, 'cannot start');
  process.exitCode = 1;
}
