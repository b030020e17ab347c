/**
 * Runs a scenario of the integration tests many times over:
 *
 *   node test/tools/run-ts.mjs test/bench/soak.ts NAME --runs N
 *
 * One line a run with its figures, then a summary with median and maximum of each. Exit code 1 when a run failed.
 * `XSTATE_MESH_MAIN` names another built command line than dist's.
 */
import { returning } from '../hub/returning.ts';
import { rollingRestart } from '../hub/rolling.ts';
import { DHT_SOAK, dhtOfProcesses } from '../integration/dht-scenarios.ts';
import { gossipOfProcesses } from '../integration/gossip-scenarios.ts';
import * as scenarios from '../integration/scenarios.ts';
import { medianOf } from './report.ts';

type Scenario = () => Promise<scenarios.Figures>;
const all: Readonly<Record<string, Scenario>> = {
  twenty: () => scenarios.twentyPeers(),
  thirty: () => scenarios.thirtyPeers(),
  'thirty-simple-peer': () => scenarios.thirtyPeers('simple-peer'),
  'thirty-node-datachannel': () => scenarios.thirtyPeers('node-datachannel'),
  capped: () => scenarios.cappedPeers(1),
  'capped-processes': () => scenarios.cappedPeers(5),
  restart: () => scenarios.hubRestart(),
  directs: () => scenarios.manyDirects(),
  'directs-capped': () => scenarios.directs(),
  killed: () => scenarios.killedProcess(),
  ends: () => scenarios.endsByItself(),
  'ends-five': () => scenarios.endsByItself(5),
  'ends-without-hub': () => scenarios.endsWithoutHub(),
  gossip: () => gossipOfProcesses(),
  dht: () => dhtOfProcesses(DHT_SOAK, (what) => console.error(what)),
  returning: () => returning(1_000),
  rolling: () => rollingRestart({ clients: 300, links: 'memory', peerToPeer: true }),
  'rolling-real-links': () => rollingRestart({ clients: 30, links: 'real', peerToPeer: true }),
};

const [name = '', ...rest] = process.argv.slice(2);
const runsAt = rest.indexOf('--runs');
const runs = runsAt === -1 ? 1 : Number(rest[runsAt + 1]);
const scenario = all[name];
if (scenario === undefined || !Number.isInteger(runs) || runs < 1) {
  process.stderr.write(`Usage: soak.ts NAME --runs N, NAME one of ${Object.keys(all).join(', ')}\n`);
  process.exit(2);
}

const results: scenarios.Figures[] = [];
let failed = 0;
for (let run = 1; run <= runs; run++) {
  try {
    const figures = await scenario();
    results.push(figures);
    console.log(JSON.stringify({ event: 'run', name, run, ok: true, ...figures }));
  } catch (error) {
    failed++;
    const why = error instanceof Error ? error.message : String(error);
    console.log(JSON.stringify({ event: 'run', name, run, ok: false, why }));
  }
}
const summary = Object.fromEntries(
  Object.keys(results[0] ?? {}).map((key) => {
    const values = results.map((figures) => figures[key] ?? 0);
    return [key, { median: medianOf(values), max: Math.max(...values) }];
  }),
);
console.log(JSON.stringify({ event: 'summary', name, runs, passed: runs - failed, ...summary }));
process.exit(failed === 0 ? 0 : 1);
