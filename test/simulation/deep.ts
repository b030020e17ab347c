/**
 * Goal: the long runs that are too slow for every test: a scenario over many seeds and caps, with the spread of each
 * figure. Prints one JSON line a run and a table; exit code 1 when an invariant broke or a network did not become one.
 *
 *   node test/tools/run-ts.mjs test/simulation/deep.ts --peers 1000 --seeds 20 --scenarios join,massacre --caps 8,3,2
 */
import { parseArgs } from 'node:util';
import { runScenario, SCENARIOS, type ScenarioName } from '../../runtime/testing.ts';

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '1000' },
    seeds: { type: 'string', default: '20' },
    'first-seed': { type: 'string', default: '1' },
    scenarios: { type: 'string', default: 'join' },
    caps: { type: 'string', default: '8' },
    'live-ms': { type: 'string', default: '60000' },
    broadcasts: { type: 'string', default: '100' },
    kill: { type: 'string', default: '0.3' },
  },
});

const list = (text: string): string[] => text.split(',').filter((item) => item !== '');
const FIGURES = [
  'components',
  'largest',
  'isolated',
  'diameter',
  'rmr',
  'rmrAll',
  'signalsPerLink',
  'dialsPerJoin',
  'events',
] as const;

let failed = false;
const table: string[] = [];

/** Minimum, mean and maximum of the runs of one scenario and cap. */
function spread(name: string, of: readonly number[]): string {
  const mean = of.reduce((sum, value) => sum + value, 0) / of.length;
  const text = [Math.min(...of), mean, Math.max(...of)].map((value) => String(Math.round(value * 1_000) / 1_000));
  return `  ${name.padEnd(20)} ${text.join('  ')}`;
}

for (const scenario of list(values.scenarios)) {
  if (!(scenario in SCENARIOS)) throw new Error(`Unknown scenario ${scenario}`);
  for (const cap of list(values.caps)) {
    const results = new Map<string, number[]>();
    const note = (name: string, value: number): void => {
      const before = results.get(name);
      if (before === undefined) results.set(name, [value]);
      else before.push(value);
    };
    const first = Number(values['first-seed']);
    for (let seed = first; seed < first + Number(values.seeds); seed++) {
      const { figures, notes } = runScenario({
        scenario: scenario as ScenarioName,
        seed,
        peers: Number(values.peers),
        maxPeers: Number(cap),
        liveMs: Number(values['live-ms']),
        broadcasts: Number(values.broadcasts),
        kill: Number(values.kill),
      });
      const { violations, ...rest } = figures;
      console.log(JSON.stringify({ scenario, cap: Number(cap), ...rest, notes, violations: violations.slice(0, 5) }));
      if (violations.length > 0 || figures.largest < 1) failed = true;
      for (const name of FIGURES) note(name, figures[name]);
      note('delivery.ratio', figures.delivery.ratio);
      note('lastHop.max', figures.lastHop.max);
      note('firstLinkMs.p50', figures.firstLinkMs.p50);
      note('fullDegreeMs.p99', figures.fullDegreeMs.p99);
      note('violations', violations.length);
      for (const [name, value] of Object.entries(notes)) note(`notes.${name}`, value);
    }
    table.push(`${scenario}, cap ${cap}: least, mean, most`, ...[...results].map(([name, of]) => spread(name, of)));
  }
}
process.stderr.write(`${table.join('\n')}\n`);
process.exitCode = failed ? 1 : 0;
