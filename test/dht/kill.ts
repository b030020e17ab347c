/**
 * Kills holders in the middle of writing, again and again in one directory, and looks each time whether everything that was
 * acknowledged is there. As a program: `node test/tools/run-ts.mjs test/dht/kill.ts [TIMES]`, 50 without an argument.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openStore } from '../../adapters/storage.node.ts';
import { Holdings } from '../../runtime/dht/holdings.ts';
import { Keeper } from '../../runtime/dht/keeper.ts';
import { missingFrom } from './kept-records.ts';

const ROOT = join(import.meta.dirname, '../..');

export interface Killed {
  readonly acknowledged: number;
  readonly wrong: readonly string[];
}

/** Kills one holder after so many acknowledgements and `afterMs` more, and looks at what it left. */
async function killOne(directory: string, acknowledgements: number, afterMs: number): Promise<Killed> {
  const program = join(ROOT, 'test/dht/programs/write-records.ts');
  const child = spawn(process.execPath, [join(ROOT, 'test/tools/run-ts.mjs'), program, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let acknowledged = 0;
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    acknowledged = Math.max(acknowledged, Number(line.split(' ')[1]));
    if (++lines === acknowledgements) setTimeout(() => child.kill('SIGKILL'), afterMs);
  }
  const [, signal] = (await ended) as [number | null, string | null];
  const wrong = signal === 'SIGKILL' ? [] : [`it ended by itself (${signal})`];
  const store = await openStore({ directory });
  const keeper = new Keeper({ store, onError: (error) => wrong.push(String(error)) });
  const holdings = new Holdings({ sink: keeper });
  const { dropped } = await keeper.restore(holdings, Date.now);
  if (dropped > 0) wrong.push(`${dropped} entries are of no use`);
  const get = (key: string) => {
    const record = holdings.get(key, Date.now());
    return record?.kind === 'open' ? record : undefined;
  };
  wrong.push(...missingFrom(get, acknowledged));
  await keeper.stop();
  await store.close();
  return { acknowledged, wrong };
}

/** Kills so many, each at another moment. */
export async function killMany(
  times: number,
  report: (killed: Killed, at: number) => void = () => undefined,
): Promise<Killed[]> {
  const directory = mkdtempSync(join(tmpdir(), 'xstate-mesh-kill-'));
  const all: Killed[] = [];
  try {
    for (let at = 0; at < times; at++) {
      const killed = await killOne(directory, 2 + ((at * 7) % 23), (at * 13) % 29);
      all.push(killed);
      report(killed, at);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  return all;
}

if (process.argv[1] === import.meta.filename) {
  const times = Number(process.argv[2] ?? 50);
  const all = await killMany(times, ({ acknowledged, wrong }, at) => {
    process.stdout.write(
      `${at + 1} of ${times}: ${acknowledged} acknowledged, ${wrong.length === 0 ? 'all there' : wrong.join('; ')}\n`,
    );
  });
  const good = all.filter(({ wrong }) => wrong.length === 0).length;
  process.stdout.write(`${JSON.stringify({ event: 'result', times, good, acknowledged: all.at(-1)?.acknowledged })}\n`);
  process.exitCode = good === times ? 0 : 1;
}
