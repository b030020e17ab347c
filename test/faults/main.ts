/**
 * `npm run test:faults -- [NAME …] [--rtc NAME] [--runs N]`: real faults between hosts in network namespaces that it makes
 * itself, and removes. One line a run with its figures, then one a scenario with median and maximum. Exit code 1 when a run
 * failed. Where namespaces are not allowed it says so and ends with 0.
 */
import { parseArgs } from 'node:util';
import { medianOf } from '../bench/report.ts';
import * as faults from './faults.ts';
import { labTrouble } from './lab.ts';
import { pageBlackout } from './page.ts';
import { relayOnly, turnTrouble } from './relay.ts';

type Scenario = (rtc: string) => Promise<faults.Figures>;
const SCENARIOS: Readonly<Record<string, Scenario>> = {
  blackout: (rtc) => faults.blackout(rtc, 10_000),
  'blackout-all': (rtc) => faults.blackout(rtc, 10_000, true),
  'one-way': (rtc) => faults.oneWay(rtc, 10_000),
  loss: (rtc) => faults.loss(rtc, 20, 15_000),
  readdress: (rtc) => faults.readdress(rtc),
  stopped: (rtc) => faults.stopped(rtc, 60_000),
  page: () => pageBlackout(10_000),
  relay: () => relayOnly(),
};

const { values, positionals } = parseArgs({
  options: { runs: { type: 'string', default: '1' }, rtc: { type: 'string', default: 'simple-peer' } },
  allowPositionals: true,
});
const names = positionals.length > 0 ? positionals : Object.keys(SCENARIOS);
const runs = Number(values.runs);
const unknown = names.filter((name) => !Object.hasOwn(SCENARIOS, name));
if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1) {
  process.stderr.write(`Usage: [NAME …] [--rtc NAME] [--runs N], NAME one of ${Object.keys(SCENARIOS).join(', ')}\n`);
  process.exit(2);
}
const trouble = labTrouble();
if (trouble !== undefined) {
  process.stderr.write(`Skipped: ${trouble}.\n`);
  process.exit(0);
}
// The exit handler of the lab removes its namespaces.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** Runs one scenario so often; the number of runs that failed. */
async function repeat(name: string, scenario: Scenario): Promise<number> {
  const results: faults.Figures[] = [];
  for (let run = 1; run <= runs; run++) {
    try {
      const figures = await scenario(values.rtc);
      results.push(figures);
      console.log(JSON.stringify({ event: 'run', name, rtc: values.rtc, run, ok: true, ...figures }));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      console.log(JSON.stringify({ event: 'run', name, rtc: values.rtc, run, ok: false, why }));
    }
  }
  const summary = Object.keys(results[0] ?? {}).map((key) => {
    const numbers = results.map((figures) => figures[key] ?? 0);
    return [key, { median: medianOf(numbers), max: Math.max(...numbers) }];
  });
  const passed = results.length;
  console.log(
    JSON.stringify({ event: 'summary', name, rtc: values.rtc, runs, passed, ...Object.fromEntries(summary) }),
  );
  return runs - passed;
}

let failed = 0;
for (const name of names) {
  const missing = name === 'relay' ? turnTrouble() : undefined;
  if (missing !== undefined) process.stderr.write(`Skipped ${name}: ${missing}.\n`);
  else failed += await repeat(name, SCENARIOS[name] as Scenario);
}
process.exit(failed === 0 ? 0 : 1);
