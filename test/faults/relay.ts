/** Links over a TURN server alone: coturn at the router, and nothing that passes between the hosts. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { must, withFleet } from '../integration/fleet.ts';
import type { Figures } from './faults.ts';
import { ALL, Lab } from './lab.ts';

const PROGRAM = join(import.meta.dirname, 'programs', 'relayed.mjs');
const [USER, PASSWORD, PORT] = ['user', 'password', '3478'];

/** Why there is no TURN server here; undefined when there is one. */
export const turnTrouble = (): string | undefined =>
  spawnSync('turnserver', ['--version']).error === undefined ? undefined : 'no turnserver (Debian: coturn)';

/** Starts coturn at the router; resolves when it listens. */
async function startTurn(lab: Lab): Promise<ChildProcess> {
  const [file = '', ...within] = lab.within;
  const address = lab.gateway;
  const options = ['-n', '--lt-cred-mech', `--user=${USER}:${PASSWORD}`, '--realm=faults', '--no-tls', '--no-dtls'];
  const places = [`--listening-ip=${address}`, `--relay-ip=${address}`, `--listening-port=${PORT}`];
  const quiet = ['--no-cli', '--log-file=stdout', '--simple-log', `--pidfile=/dev/null`, '--userdb=/dev/null'];
  const turn = spawn(file, [...within, 'turnserver', ...options, ...places, ...quiet], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: turn.stdout });
  const seen: string[] = [];
  for await (const line of lines) {
    seen.push(line);
    if (/Total General servers/.test(line)) break;
  }
  must(turn.exitCode === null && seen.length > 0, `coturn ended: ${seen.slice(-5).join('\n')}`);
  turn.stdout.resume();
  return turn;
}

/** From the start of the second peer to its link, and a direct message over it. */
export async function relayOnly(): Promise<Figures> {
  const lab = new Lab('a', 'b');
  let turn: ChildProcess | undefined;
  try {
    turn = await startTurn(lab);
    lab.drop(ALL);
    return await withFleet(async (fleet) => {
      const { url } = await fleet.hub(['--port', '0'], { HOST: '0.0.0.0' }, lab.within);
      const hub = `ws://${lab.gateway}:${new URL(url).port}`;
      const args = [hub, `turn:${lab.gateway}:${PORT}?transport=udp`, USER, PASSWORD];
      const startMs = performance.now();
      const peers = lab.hosts.map(({ within }) => fleet.launch(PROGRAM, args, {}, within));
      await Promise.all(peers.map((peer) => peer.line({ event: 'peer.connected' })));
      const linkedMs = Math.round(performance.now() - startMs);
      const receipts = await Promise.all(peers.map((peer) => peer.line({ event: 'receipt' })));
      const exits = await Promise.all(peers.map((peer) => peer.end()));
      must(
        exits.every((code) => code === 0),
        `exits ${exits.join(', ')}`,
      );
      return { linkedMs, receiptMs: Math.max(...receipts.map(({ ms }) => Number(ms))) };
    });
  } finally {
    turn?.kill('SIGKILL');
    if (turn !== undefined && turn.exitCode === null) await once(turn, 'exit');
    lab.close();
  }
}
