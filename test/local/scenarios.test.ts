import { after, before, suite, test } from 'node:test';
import { ScenarioPlayer } from '../e2e/scenarios/player.ts';
import { SCENARIOS } from '../e2e/scenarios/table.ts';
import { missingForMesh } from '../protocols/protocol-mesh.ts';
import { LocalScenarioMesh } from './scenario-mesh.ts';

suite('scenarios in local mode', { skip: (await missingForMesh()) ?? false }, () => {
  const player = new ScenarioPlayer(new LocalScenarioMesh());

  before(() => player.start(SCENARIOS));
  after(() => player.end());

  for (const scenario of SCENARIOS) {
    test(scenario.name, () => player.play(scenario));
  }
});
