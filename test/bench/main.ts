/**
 * `npm run bench -- [NAME] [--json]`: measures, and prints one line a figure; with --json as
 * `{"bench","case","value","unit","reference","ratio"}`. The reference is the plainest thing that does the same job, measured
 * in the same run, since figures of different machines and hours do not compare. Without NAME: every bench.
 *
 * Each bench is a program of its own, so that none inherits the heap and the sockets of another. Those that hold the mesh
 * against bare channels run compiled, as the package ships.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compileHere } from '../support/compiled.ts';
import { type Figure, figure } from './report.ts';

/** Programs and their arguments, run one after the other. */
const BENCHES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  hub: [
    ['hub.bench.ts', '1', '100', '64'],
    ['hub.bench.ts', '1', '100', '4096'],
    ['hub.bench.ts', '1', '1000', '300'],
  ],
  signing: [
    ['signing.bench.ts', '5000', '256'],
    ['signing.bench.ts', '1000', '15000'],
  ],
  gossip: [['gossip.bench.ts', '3', '20000']],
  charts: [['charts.bench.ts']],
  node: [['node.bench.ts', '10', '400', '15']],
  links: [
    ['links.bench.ts', 'simple-peer'],
    ['links.bench.ts', 'roamhq'],
    ['links.bench.ts', 'node-datachannel'],
  ],
  cycles: [
    ['cycles.bench.ts', 'simple-peer'],
    ['cycles.bench.ts', 'roamhq'],
    ['cycles.bench.ts', 'node-datachannel'],
  ],
};

/** Programs that start no others, and whose reference is native code. */
const COMPILED: ReadonlySet<string> = new Set([
  'links.bench.ts',
  'gossip.bench.ts',
  'signing.bench.ts',
  'charts.bench.ts',
]);
const RUNNER = join(import.meta.dirname, '..', 'tools', 'run-ts.mjs');
const counted = (value: number): string => (value >= 100 ? Math.round(value).toLocaleString('en') : String(value));
const rounded = (given: Figure): Figure => figure(given.bench, given.case, given.unit, given.value, given.reference);

function show(given: Figure, asJson: boolean): void {
  if (asJson) return console.log(JSON.stringify(given));
  const { bench, value, unit, reference, ratio } = given;
  const beside = reference === null || ratio === null ? '' : `  (${ratio.toFixed(2)} x the bare ${counted(reference)})`;
  console.log(`${bench}: ${given.case}: ${counted(value)} ${unit}${beside}`);
}

/** Runs one program and prints its figures as they come; resolves with its exit code. */
async function run([file = '', ...args]: readonly string[], asJson: boolean): Promise<number> {
  if (!COMPILED.has(file)) return runNode([RUNNER, join(import.meta.dirname, file), ...args], asJson);
  const { program, remove } = await compileHere(`test/bench/${file}`);
  try {
    return await runNode([program, ...args], asJson);
  } finally {
    remove();
  }
}

function runNode(args: readonly string[], asJson: boolean): Promise<number> {
  const child = spawn(process.execPath, ['--expose-gc', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', (line) => show(rounded(JSON.parse(line) as Figure), asJson));
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

const given = process.argv.slice(2);
if (given.includes('--help')) {
  console.log(`npm run bench -- [NAME] [--json]\n\nNAME: ${Object.keys(BENCHES).join(', ')}; none: all of them.`);
  process.exit(0);
}
const asJson = given.includes('--json');
const names = given.filter((word) => word !== '--json');
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  process.stderr.write(
    `Unknown bench ${unknown.join(', ')}: one of ${Object.keys(BENCHES).join(', ')}, or none for all.\n`,
  );
  process.exit(2);
}
for (const name of names.length > 0 ? names : Object.keys(BENCHES)) {
  for (const program of BENCHES[name] ?? []) {
    const code = await run(program, asJson);
    if (code !== 0) process.exit(1);
  }
}
process.exit(0);
