import { after, describe, test } from 'node:test';
import { ClusterScenarioMesh } from './harness/scenario-mesh.ts';
import { prepare, useMesh } from './harness/topic.ts';
import { NAMESPACE } from './scenarios/manifests.ts';
import { ScenarioPlayer } from './scenarios/player.ts';
import { SCENARIOS } from './scenarios/table.ts';

describe('scenarios', () => {
  useMesh();
  const player = new ScenarioPlayer(new ClusterScenarioMesh());

  prepare(NAMESPACE, () => player.start(SCENARIOS));
  after(() => player.end());

  for (const scenario of SCENARIOS) {
    test(scenario.name, () => player.play(scenario));
  }
});
