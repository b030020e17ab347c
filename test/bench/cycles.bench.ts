/**
 * What links leave behind that come and go, one pair after the other in one process, beside bare connections, and whether
 * the process then ends by itself:
 *
 *   node test/tools/run-ts.mjs test/bench/cycles.bench.ts simple-peer|roamhq|node-datachannel [PAIRS] [ENDS]
 */
import { execFile } from 'node:child_process';
import { figure } from './report.ts';

const [implementation = 'roamhq', pairsText = '200', endsText = '20'] = process.argv.slice(2);
const pairs = Number(pairsText);
const ends = Number(endsText);
/** A bare connection of node-datachannel may take a second to open. */
const CHILD_TIMEOUT_MS = 300_000;

interface Outcome {
  readonly code: number;
  /** NaN when the child told nothing. */
  readonly grownMb: number;
}

function child(count: number, what: 'adapter' | 'bare'): Promise<Outcome> {
  const program = ['test/tools/run-ts.mjs', 'test/bench/cycles-child.ts', implementation, String(count), what];
  return new Promise((resolve) => {
    const running = execFile(process.execPath, program, { timeout: CHILD_TIMEOUT_MS }, (_error, stdout) => {
      const grownMb = stdout === '' ? Number.NaN : (JSON.parse(stdout) as { grownMb: number }).grownMb;
      resolve({ code: running.exitCode ?? -1, grownMb });
    });
  });
}

async function main(): Promise<void> {
  const ours = await child(pairs, 'adapter');
  const bare = await child(pairs, 'bare');
  const print = (...given: Parameters<typeof figure>): void => console.log(JSON.stringify(figure(...given)));
  print('cycles', `${implementation}: memory grown by ${pairs} pairs`, 'MB', ours.grownMb, bare.grownMb);
  let good = 0;
  for (let run = 0; run < ends; run++) if ((await child(3, 'adapter')).code === 0) good++;
  print('cycles', `${implementation}: processes that ended by themselves with code 0`, 'runs', good, ends);
}

await main();
