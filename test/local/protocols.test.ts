import { after, before, suite, test } from 'node:test';
import { missingForMesh, ProtocolMesh } from '../protocols/protocol-mesh.ts';
import { runSuite } from '../protocols/run-suite.ts';
import { QUICK_EFFORT } from '../protocols/subject.ts';
import { SUITES } from '../protocols/suites.ts';
import { missingTools } from '../protocols/tools.ts';

/** Of the protocol suites what needs nothing but Node, and curl where it is there. */
const quick = SUITES.filter(({ quick }) => quick);

suite('protocols through the mesh', { skip: (await missingForMesh()) ?? false }, () => {
  let mesh: ProtocolMesh;

  before(async () => {
    mesh = new ProtocolMesh();
    for (const manifest of new Set(quick.map(({ manifest }) => manifest))) mesh.stage(manifest);
    await mesh.ready();
  });

  after(async () => {
    await mesh?.end();
  });

  for (const one of quick) {
    const missing = missingTools(one.needs);
    const skip = missing.length > 0 ? `there is no ${missing.join(', ')}` : false;
    test(one.title, { skip }, async (t) => {
      await runSuite(one, mesh, QUICK_EFFORT, (name, check) => t.test(name, check));
    });
  }
});
