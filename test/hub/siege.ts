/**
 * Goal: nothing that strangers do to a hub reaches the peers beside them. 20 peers relay signals: in peace, under each attack
 * alone, under all at once. No attack succeeds, and the p99 latency stays within twice that of peace and 5 ms.
 *
 *   npm run test:siege [-- SECONDS]
 *
 * SECONDS of each phase, 3 by default. `hub ms` is CPU time of the hub. Latencies hold for one run on one machine; its load stands beside them.
 */
import { loadavg } from 'node:os';
import { ATTACK_NAMES, type AttackName } from './siege/attacks.ts';
import { isHeld, type PhaseResult, Siege } from './siege/stage.ts';

const PEERS = 20;
/** Well within the rate limit of 500 frames in 10 s for each of them. */
const PER_SECOND = 400;
const SLACK_MS = 5;

const [seconds = 3] = process.argv.slice(2).map(Number);
const load = (): string => (loadavg()[0] ?? 0).toFixed(1);
const cell = (text: string | number, width = 9): string => String(text).padStart(width);

function row(name: string, result: PhaseResult, limitMs: number): boolean {
  const isQuick = result.p99Ms <= limitMs;
  const { sent, lost, stolen, acts, complaints, p50Ms, p99Ms, hubMs } = result;
  const troubles = [lost, result.false + stolen, complaints.length];
  const figures = [acts, sent, ...troubles, p50Ms.toFixed(2), p99Ms.toFixed(2), hubMs.toFixed(0)];
  const verdict = `${isHeld(result) ? 'held' : 'BROKEN'}${isQuick ? '' : ', SLOW'}`;
  process.stdout.write(
    `${name.padEnd(10)}${figures.map((each) => cell(each)).join('')}${cell(load(), 6)}  ${verdict}\n`,
  );
  for (const complaint of new Set(complaints)) process.stdout.write(`  ${complaint}\n`);
  return isHeld(result) && isQuick;
}

const siege = await Siege.start(PEERS);
const count = Math.round(seconds * PER_SECOND);
await siege.phase([], count, PER_SECOND); // compiled code and grown buffers are no matter of peace
const peace = await siege.phase([], count, PER_SECOND);
const limitMs = 2 * peace.p99Ms + SLACK_MS;
const heads = ['acts', 'signals', 'lost', 'false', 'troubled', 'p50 ms', 'p99 ms', 'hub ms']
  .map((head) => cell(head))
  .join('');
process.stdout.write(`${'attack'.padEnd(10)}${heads}${cell('load', 6)}  (p99 at most ${limitMs.toFixed(2)} ms)\n`);
const phases: [string, readonly AttackName[]][] = [
  ...ATTACK_NAMES.map((name): [string, [AttackName]] => [name, [name]]),
  ['all', ATTACK_NAMES],
];
let isGood = row('none', peace, limitMs);
for (const [name, attacks] of phases)
  isGood = row(name, await siege.phase(attacks, count, PER_SECOND), limitMs) && isGood;
siege.end();
process.exit(isGood ? 0 : 1);
