/** The flags of `npm run simulate:directs`, and the runs that they ask for. */
import { MAX_PEERS_MAX, MAX_PEERS_MIN } from '../../machines/shared/limits.ts';
import { count, integersIn, list, misused, scriptFlags, share, shareIn } from '../tools/script-flags.ts';
import type { DirectsRun } from './directs-run.ts';

export const DIRECTS_FLAGS = [
  list('peers', 'N,…', ['100', '300'], 'Peers of each mesh, 2 to 100000'),
  list('caps', 'N,…', ['2', '3', '8'], `Links each peer keeps, ${MAX_PEERS_MIN} to ${MAX_PEERS_MAX}`),
  list('signing', 'WORD,…', ['on', 'off'], 'Whether messages are signed'),
  count('messages', [1, 200, 1_000_000], 'Messages of each mesh'),
  share('dead', '0', 'Peers that crash before the messages are sent'),
  count('seed', [0, 1, Number.MAX_SAFE_INTEGER], 'Everything random comes from it'),
] as const;

/** What this process was asked for; ends it over a mistake. */
export function directsPlan(): DirectsRun[] {
  const values = scriptFlags({
    name: 'simulate:directs',
    summary:
      'Direct messages between random pairs of a simulated mesh: a JSON line for each size, cap and way of signing.',
    flags: DIRECTS_FLAGS,
  });
  const { messages, seed } = values;
  const dead = shareIn('dead', values.dead);
  const caps = integersIn('caps', values.caps, MAX_PEERS_MIN, MAX_PEERS_MAX);
  const words = values.signing.map((word) =>
    word === 'on' || word === 'off' ? word : misused(`--signing must be on or off, not "${word}"`),
  );
  return integersIn('peers', values.peers, 2, 100_000).flatMap((peers) =>
    caps.flatMap((maxPeers) =>
      words.map((word) => ({ seed, peers, maxPeers, signing: word === 'on', messages, dead })),
    ),
  );
}
