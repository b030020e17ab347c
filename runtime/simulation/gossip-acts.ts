/** What the scenarios about broadcasts do: who says how much, when, and who comes late. */
import type { Progress, ScenarioRun } from './scenario.ts';
import type { SimPeer } from './sim-peer.ts';

type Act = (run: ScenarioRun) => Generator<Progress, void>;

/** What newcomers are given: as long as a digest and what it asks for take, on slow links too. */
const CATCH_UP_MS = 5_000;

export const GOSSIP_ACTS: Record<'one-source' | 'many-sources' | 'burst' | 'late-joiner', Act> = {
  *'one-source'(run) {
    run.enter('living');
    yield* run.broadcasting(run.options.liveMs);
  },

  *'many-sources'(run) {
    run.enter('living');
    yield* run.broadcasting(run.options.liveMs);
  },

  /** Each source says its share in one turn, twice: the first burst finds no tree of its source. */
  *burst(run) {
    const { simulation, options } = run;
    const sources = run.some(1).slice(0, options.sources);
    const halves = [Math.floor(options.broadcasts / 2), Math.ceil(options.broadcasts / 2)];
    for (const [nth, count] of halves.entries()) {
      run.enter(`burst ${nth + 1}`);
      for (let said = 0; said < count; said++) simulation.broadcast(sources[said % sources.length] as SimPeer);
      yield* run.pass(options.liveMs / 2);
    }
  },

  /** Half is said, then a tenth more peers join, who are to hear of that too; then the rest is said. */
  *'late-joiner'(run) {
    const { simulation, options } = run;
    run.enter('before');
    yield* run.broadcasting(options.liveMs / 2, undefined, Math.floor(options.broadcasts / 2));
    const earlier = [...simulation.ledger.broadcasts.values()];
    run.enter('joining late');
    const late = Array.from({ length: Math.max(1, Math.round(options.peers / 10)) }, () => simulation.addPeer());
    yield* run.pass(CATCH_UP_MS);
    let heard = 0;
    for (const broadcast of earlier) for (const { index } of late) if (broadcast.late.has(index)) heard++;
    run.notes.lateJoiners = late.length;
    run.notes.lateHeard = earlier.length === 0 ? 0 : heard / (earlier.length * late.length);
    run.enter('after');
    yield* run.broadcasting(options.liveMs / 2, undefined, Math.ceil(options.broadcasts / 2));
  },
};
