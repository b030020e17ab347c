/** What a trace is enough for, of the figures of a run. */
import type { Figures } from '../../runtime/testing.ts';

export function countable({ components, delivery, rmr, rmrAll, lastHop, ...rest }: Figures) {
  const { signalsPerLink, relayedPerLink, dialsPerJoin } = rest;
  const { ratio: _ratio, ...counts } = delivery;
  return { components, delivery: counts, rmr, rmrAll, lastHop, signalsPerLink, relayedPerLink, dialsPerJoin };
}
