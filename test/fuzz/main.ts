/**
 * `npm run fuzz -- [DECODER…] [--seed S] [--count N] [--json]`: changed, made-up and senseless inputs for every decoder, or for
 * these; 1,000,000 of each unless told otherwise. At least half are valid ones that were changed. Ends with code 1 when one threw,
 * or accepted what it could not keep; prints its number, with which the same seed finds it again, and the input itself.
 */
import { coverageOf } from './coverage.ts';
import { Fuzzing } from './fuzz.ts';
import { targets } from './targets.ts';

/** Inputs whose branches are counted. */
const COVERED = 50_000;
const given = process.argv.slice(2);
const asJson = given.includes('--json');

function numberOf(flag: string, fallback: number): number {
  const at = given.indexOf(flag);
  if (at < 0) return fallback;
  const value = Number(given[at + 1]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`${flag} takes a whole number from 0.\n`);
  process.exit(2);
}

const seed = numberOf('--seed', 1);
const count = numberOf('--count', 1_000_000);
const names = given.filter(
  (word, at) => !word.startsWith('--') && !['--seed', '--count'].includes(given[at - 1] ?? ''),
);
const all = await targets();
const unknown = names.filter((name) => !all.some((target) => target.name === name));
if (unknown.length > 0) {
  process.stderr.write(`Unknown decoder ${unknown.join(', ')}: one of ${all.map(({ name }) => name).join(', ')}.\n`);
  process.exit(2);
}
let failed = false;
for (const target of all) {
  if (names.length > 0 && !names.includes(target.name)) continue;
  const startMs = performance.now();
  const fuzzing = new Fuzzing(target, seed);
  // Counting branches makes a decoder many times slower: the first inputs are enough to know which can be reached.
  const { coverage } = await coverageOf(target.files, () => fuzzing.run(Math.min(count, COVERED)));
  const { result } = fuzzing.run(count - Math.min(count, COVERED));
  const seconds = (performance.now() - startMs) / 1_000;
  failed ||= result.failures.length > 0;
  if (asJson) {
    console.log(JSON.stringify({ event: 'fuzzed', ...result, seconds, coverage }));
    continue;
  }
  const shares = coverage.map(({ file, branches, covered }) => `${file} ${covered}/${branches}`);
  const perSecond = Math.round(count / seconds).toLocaleString('en');
  console.log(
    `${target.name}: ${count.toLocaleString('en')} inputs (${Math.round((100 * result.mutated) / count)} % changed valid ones), ` +
      `${Math.round((100 * result.accepted) / count)} % accepted, ${perSecond}/s, slowest ${result.slowestMs.toFixed(1)} ms; ` +
      `branches ${shares.join(', ')}`,
  );
  for (const { at, input, error } of result.failures) console.log(`  input ${at}: ${input}\n  ${error}`);
}
process.exit(failed ? 1 : 0);
