import { suite, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { v1 } from '../../proto/load.ts';
import { FakeControlPlane } from '../../test/fakes/control-plane.ts';
import { until } from '../../test/fakes/until.ts';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Together they are less than what the library would keep for retries. */
const MESSAGES = 14;
const MESSAGE_BYTES = 64 * 1024;

suite('a stream to the control plane', () => {
  test('keeps no message that was sent, though nothing is ever answered', async () => {
    await using controlPlane = await FakeControlPlane.start();
    const connection = controlPlane.connection();
    const { client, metadata } = await connection.open(v1.Telemetry);
    const call = client.report(metadata, () => {});
    const route = 'r'.repeat(MESSAGE_BYTES);
    const send = async (): Promise<void> => {
      const { length } = controlPlane.edges;
      call.write({ edges: [{ route }] });
      await until(() => controlPlane.edges.length > length, 'the report');
    };
    await send();
    collect();
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < MESSAGES; i++) await send();
    await until(() => {
      collect();
      return process.memoryUsage().arrayBuffers - before < (MESSAGES * MESSAGE_BYTES) / 4;
    }, 'the messages to be collected');
    call.cancel();
    connection.close();
  });
});
