/**
 * Schedules: what happens to a simulation as plain data, so that a property test can draw them, a seed file can pin them,
 * and a failing one can be made smaller. Owns the meaning of each step and nothing random: who is hit is in the step.
 */
import type { FaultModel, TimerMode } from './model.ts';
import type { SimPeer } from './sim-peer.ts';
import type { Simulation } from './simulation.ts';

/** One thing that happens. `peer` counts the living in order of their making, modulo their number. */
export type Action =
  | { readonly do: 'join' }
  | { readonly do: 'crash'; readonly peer: number }
  | { readonly do: 'leave'; readonly peer: number }
  | { readonly do: 'sleep'; readonly peer: number }
  /** Wakes whoever sleeps longest. */
  | { readonly do: 'wake' }
  | { readonly do: 'move'; readonly peer: number }
  | { readonly do: 'freeze'; readonly peer: number; readonly mode: TimerMode }
  | { readonly do: 'partition'; readonly groups: number }
  | { readonly do: 'heal' }
  | { readonly do: 'killHub'; readonly hub: number }
  | { readonly do: 'restartHub'; readonly hub: number }
  | { readonly do: 'broadcast'; readonly peer: number }
  | { readonly do: 'faults'; readonly change: Partial<FaultModel> }
  /** Something of the user's own; `what` is a whole number from 0 to 999 that says what. */
  | { readonly do: 'app'; readonly peer: number; readonly what: number };

export type Step = Action & {
  /** Virtual ms since the step before. */
  readonly afterMs: number;
};

/** Carries out an `app` step on a peer that runs. */
export type AppStep = (peer: SimPeer, what: number) => void;

/** Carries a schedule out. Steps that make no sense now (nobody lives, nobody sleeps) do nothing. */
export function runSchedule(simulation: Simulation, steps: readonly Step[], app?: AppStep): void {
  for (const step of steps) {
    if (step.afterMs > 0) simulation.runFor(step.afterMs);
    act(simulation, step, app);
  }
}

/** Undoes what a schedule may have left broken: everybody wakes, wires and hubs work, faults are `faults` again. */
export function repair(simulation: Simulation, faults: Partial<FaultModel> = {}): void {
  simulation.heal();
  for (const index of simulation.hubUrls.keys()) simulation.restartHub(index);
  for (const peer of simulation.living()) {
    if (peer.fate === 'asleep') simulation.wake(peer);
    simulation.freeze(peer, 'running');
  }
  simulation.setFaults(faults);
}

function act(simulation: Simulation, step: Step, app: AppStep | undefined): void {
  const living = simulation.living();
  const of = (index: number): SimPeer | undefined => living[index % Math.max(1, living.length)];
  switch (step.do) {
    case 'join':
      simulation.addPeer();
      return;
    case 'wake': {
      const sleeper = living.find((peer) => peer.fate === 'asleep');
      if (sleeper !== undefined) simulation.wake(sleeper);
      return;
    }
    case 'partition':
      return simulation.partition((peer) => peer.index % Math.max(1, step.groups));
    case 'heal':
      return simulation.heal();
    case 'killHub':
      return simulation.killHub(step.hub % simulation.hubUrls.length);
    case 'restartHub':
      return simulation.restartHub(step.hub % simulation.hubUrls.length);
    case 'faults':
      return simulation.setFaults(step.change);
    default: {
      const peer = of(step.peer);
      if (peer === undefined) return;
      if (step.do === 'crash') simulation.crash(peer);
      else if (step.do === 'leave') simulation.leave(peer);
      else if (step.do === 'sleep') simulation.sleep(peer);
      else if (step.do === 'move') simulation.move(peer);
      else if (step.do === 'freeze') simulation.freeze(peer, step.mode);
      else if (step.do === 'broadcast') simulation.broadcast(peer);
      else if (peer.fate === 'running') app?.(peer, step.what);
    }
  }
}
