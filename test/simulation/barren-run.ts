/** Four hostile peers for each honest one, who hear all and pass nothing on: what the honest hear of each other all the same. */
import { runScenario, type ScenarioOptions, type ScenarioResult } from '../../runtime/testing.ts';

export const crowd = (options: Partial<ScenarioOptions>): ScenarioResult =>
  runScenario({
    ...{ scenario: 'hostile', peers: 75, hostile: 0.8, attack: 'censor' },
    ...{ settleMs: 5_000, liveMs: 45_000, broadcasts: 60, sources: 15, checkEveryMs: 5_000 },
    ...options,
  });
