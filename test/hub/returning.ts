/**
 * One hub that is restarted under many clients, as by a supervisor: everybody is back at it in time, and links stand. Run by
 * `test/bench/soak.ts returning`. The clients are in processes of their own: in one it would be that one which is slow.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { must, withFleet } from '../integration/fleet.ts';
import type { ReturnOrder, ReturnReport } from './returning-process.ts';

/** Clients must be back within this of the moment in which the hub was told to stop. */
const BACK_MS = 10_000;
const RUNNER = join(import.meta.dirname, '..', 'tools', 'run-ts.mjs');
const PROGRAM = join(import.meta.dirname, 'returning-process.ts');

type Word = 'linked' | 'watching' | ReturnReport;

/** The next word of a process; rejects when it ends instead. */
function next<T extends Word>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`A process of clients ended with ${code}.`));
    child.once('exit', ended);
    child.once('message', (word) => {
      child.off('exit', ended);
      resolve(word as T); // the only program that is forked here says nothing else
    });
  });
}
const ask = <T extends Word>(child: ChildProcess, order: ReturnOrder | 'watch'): Promise<T> => {
  const answer = next<T>(child);
  child.send(order);
  return answer;
};
const nowMs = (): number => performance.timeOrigin + performance.now();

/** `clients` meshes in `processes` processes, and a hub that gets SIGTERM and is started again at the same address. */
export function returning(clients: number, processes = 2): Promise<Readonly<Record<string, number>>> {
  return withFleet(async (fleet) => {
    const env = { RATE_LIMIT: '0', MAX_CONNECTIONS: String(clients + 10) };
    const first = await fleet.hub(['--port', '0', '--host', '127.0.0.1'], env);
    const children = Array.from({ length: processes }, () => fork(RUNNER, [PROGRAM], { stdio: 'inherit' }));
    try {
      // One process after the other: how they come at first is not what is measured.
      for (const [i, child] of children.entries()) {
        const order = { url: first.url, network: `returning-${i}`, clients: Math.ceil(clients / processes) };
        await ask<'linked'>(child, order);
      }
      await Promise.all(children.map((child) => ask<'watching'>(child, 'watch')));
      const reports = Promise.all(children.map((child) => next<ReturnReport>(child)));
      const startMs = nowMs();
      must((await first.hub.end('SIGTERM')) === 0, 'the hub did not end well');
      const drainMs = nowMs() - startMs;
      await fleet.hub(['--port', new URL(first.url).port, '--host', '127.0.0.1'], env);
      const upMs = nowMs() - startMs;
      const told = await reports;
      const back = told.flatMap(({ backAtMs }) => backAtMs.map((atMs) => atMs - startMs)).sort((a, b) => a - b);
      const at = (share: number): number => back[Math.min(back.length - 1, Math.floor(back.length * share))] ?? 0;
      const lostLinks = told.reduce((sum, report) => sum + report.lostLinks, 0);
      must(lostLinks === 0, `${lostLinks} links ended`);
      const figures = {
        clients: back.length,
        drainMs,
        upMs,
        backP50Ms: at(0.5),
        backP99Ms: at(0.99),
        backMaxMs: at(1),
      };
      const rounded = Object.entries(figures).map(([name, value]) => [name, Math.round(value)] as const);
      must(figures.backMaxMs <= BACK_MS, `the last client was late: ${JSON.stringify(rounded)}`);
      return Object.fromEntries([...rounded, ['lostLinks', lostLinks]]);
    } finally {
      for (const child of children) child.kill();
    }
  });
}
