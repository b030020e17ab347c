/**
 * Goal: the long runs that are too slow for every test: scenarios over many seeds and caps, as a table of the figures that
 * this project promises, each with its bound and its spread. Prints one JSON line a run, then the table; exit code 1 when an
 * invariant broke or a network did not become one (without a hub: fell into more parts than the deaths left). A figure beyond its bound is marked, and fails with --strict.
 *
 *   npm run simulate:deep -- --peers 1000 --seeds 20 --scenarios join,massacre --caps 8,3,2
 */
import { parseArgs } from 'node:util';
import { SCENARIOS, type ScenarioName, ScenarioRun, scenarioDefaults } from '../../runtime/testing.ts';
import { type Deep, rowsOf, spreadRow, TABLE_HEAD } from './deep-table.ts';

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '1000' },
    seeds: { type: 'string', default: '20' },
    'first-seed': { type: 'string', default: '1' },
    scenarios: { type: 'string', default: 'join,massacre,hubless,churn' },
    caps: { type: 'string', default: '8' },
    'live-ms': { type: 'string', default: '60000' },
    broadcasts: { type: 'string', default: '100' },
    sources: { type: 'string', default: '10' },
    kill: { type: 'string', default: '0.3' },
    churn: { type: 'string', default: '0.01' },
    strict: { type: 'boolean', default: false },
  },
});

/** A whole number, or a share where `max` is 1. */
function numberOf(name: keyof typeof values, min: number, max: number): number {
  const value = Number(values[name]);
  if (value >= min && value <= max && (max === 1 || Number.isInteger(value))) return value;
  process.stderr.write(`--${name} must be a number from ${min} to ${max}, not "${values[name]}"\n`);
  process.exit(2);
}

const list = (text: string): string[] => text.split(',').filter((item) => item !== '');
const scenarios = list(values.scenarios) as ScenarioName[];
const unknown = scenarios.find((name) => !(name in SCENARIOS));
if (unknown !== undefined) {
  process.stderr.write(`Unknown scenario "${unknown}": ${Object.keys(SCENARIOS).join(', ')}\n`);
  process.exit(2);
}
const knobs = {
  peers: numberOf('peers', 1, 100_000),
  liveMs: numberOf('live-ms', 1, 86_400_000),
  broadcasts: numberOf('broadcasts', 0, 1_000_000),
  sources: numberOf('sources', 1, 100_000),
  kill: numberOf('kill', 0, 1),
  churn: numberOf('churn', 0, 1),
};
const firstSeed = numberOf('first-seed', 0, Number.MAX_SAFE_INTEGER);
const seeds = numberOf('seeds', 1, 10_000);

/** One run, with what only a look on its way can tell. */
function runDeep(scenario: ScenarioName, maxPeers: number, seed: number): Deep {
  let handOvers = 0;
  const options = { ...scenarioDefaults(scenario, knobs.peers), ...knobs, scenario, maxPeers, seed };
  const run = new ScenarioRun(options, {
    app: ({ mesh }) => {
      mesh.on('peer.evicted', () => {
        handOvers++;
      });
      return undefined;
    },
  });
  const { ledger } = run.simulation;
  /** Halfway through the scenario's own part the network has come to rest, where nothing disturbs it. */
  const restsAtMs = options.joinOverMs + options.settleMs + options.liveMs / 2;
  let resting: { readonly atMs: number; readonly dials: number } | undefined;
  let joinHandOvers = 0;
  let idleDials = 0;
  const steps = run.steps();
  for (;;) {
    const step = steps.next();
    if (step.done) {
      const { figures, notes, samples, topology } = step.value;
      return { options, figures, notes, samples, topology, handOvers: joinHandOvers, idleDials };
    }
    const { atMs, phase } = step.value;
    if (phase === 'joining' || phase === 'settling') joinHandOvers = handOvers;
    if (resting === undefined && atMs >= restsAtMs) resting = { atMs, dials: ledger.dials };
    if (resting !== undefined && atMs > resting.atMs && phase !== 'leaving') {
      idleDials = ((ledger.dials - resting.dials) * 60_000) / (atMs - resting.atMs) / Math.max(1, step.value.living);
    }
  }
}

let broken = 0;
let beyond = 0;
const table: string[] = [];
process.stderr.write(`Seeds ${firstSeed} to ${firstSeed + seeds - 1}, ${knobs.peers} peers\n`);
for (const scenario of scenarios) {
  for (const cap of list(values.caps).map(Number)) {
    const runs: Deep[] = [];
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const deep = runDeep(scenario, cap, seed);
      const { violations, ...rest } = deep.figures;
      const { notes, handOvers, idleDials } = deep;
      const line = { scenario, cap, ...rest, notes, handOvers, idleDials, violations: violations.slice(0, 5) };
      console.log(JSON.stringify(line));
      runs.push(deep);
      // Without a hub nothing leads from one part to another: no more parts than the deaths left is all there is to want.
      const bound = scenario === 'hubless' ? (notes.componentsAtOnce ?? 1) : 1;
      if (violations.length === 0 && rest.components <= bound) continue;
      broken++;
      process.stderr.write(
        `Seed ${seed}: ${violations[0]?.property ?? `${rest.components} components`}. Again with: simulate ${scenario} ` +
          `--seed ${seed} --max-peers ${cap} --peers ${knobs.peers} --live-ms ${knobs.liveMs} --broadcasts ${knobs.broadcasts} ` +
          `--sources ${knobs.sources} --kill ${knobs.kill} --churn ${knobs.churn}\n`,
      );
    }
    table.push('', `${scenario}, ${knobs.peers} peers, cap ${cap}, ${runs.length} seeds`, TABLE_HEAD);
    for (const row of rowsOf(scenario)) {
      const { text, isBeyond } = spreadRow(row, runs);
      if (isBeyond) beyond++;
      table.push(text);
    }
  }
}
process.stderr.write(`${table.join('\n')}\n\n${broken} runs broken, ${beyond} figures beyond their bounds\n`);
process.exitCode = broken > 0 || (values.strict && beyond > 0) ? 1 : 0;
