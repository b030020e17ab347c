/**
 * Goal: 10,000 signals across three hubs before, during and after migration, and through a loss of every link of their
 * mesh: none is lost, none is doubled, in 20 runs with random ids. `npm run test:migration [-- RUNS [SIGNALS]]`.
 */
import { FALL_BACK, MIGRATE, runSignals } from './signal-run.ts';

const [runs = 20, signals = 10_000] = process.argv.slice(2).map(Number);
let failures = 0;
for (let run = 1; run <= runs; run++) {
  const startMs = performance.now();
  const result = await runSignals([...MIGRATE, ...FALL_BACK], signals, 8);
  const isGood = result.received === result.sent && result.doubled === 0 && result.errors.length === 0;
  if (!isGood) failures++;
  const { sent, received, doubled, errors, steps, counters } = result;
  const ms = Math.round(performance.now() - startMs);
  const shown = { run, isGood, ms, sent, lost: sent - received, doubled, errors: errors.slice(0, 5), steps, counters };
  process.stdout.write(`${JSON.stringify(shown)}\n`);
}
process.stdout.write(`${JSON.stringify({ event: 'result', runs, failures })}\n`);
process.exit(failures === 0 ? 0 : 1);
