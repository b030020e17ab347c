/**
 * Goal: a network does what a far simpler model says: a set of members, and for each broadcast the members it must reach.
 * Commands come in any order and in bursts; after a burst the network gets time to settle, as the model knows no time.
 */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { type SimPeer, Simulation } from '../../runtime/testing.ts';
import { budget } from './support.ts';

/** All that the model knows. Members by the index of their peer. */
interface Model {
  readonly members: Set<number>;
  cap: number;
  burst: number;
}

class Real {
  readonly simulation: Simulation;
  heard = new Map<string, number[]>();

  constructor(seed: number) {
    const heard = this.heard;
    this.simulation = new Simulation({
      seed,
      mesh: { maxPeers: 3 },
      app: (peer) => {
        const listening = peer.mesh.on('message', ({ id }) => heard.set(id, [...(heard.get(id) ?? []), peer.index]));
        return { stop: () => listening.unsubscribe() };
      },
    });
  }

  /** The member that the model and a number name. */
  member(model: Model, pick: number): SimPeer {
    const members = [...model.members].sort((a, b) => a - b);
    return this.simulation.peers[members[pick % members.length] as number] as SimPeer;
  }

  /** Time passes until the network is whole; then reality is compared with the model. */
  settle(model: Model): void {
    const { simulation } = this;
    model.burst = 0;
    simulation.runFor(12_000);
    const whole = simulation.runUntil(() => simulation.components().length <= 1, 120_000, 500);
    expect(whole, 'one component').toBe(true);
    expect(new Set(simulation.living().map((peer) => peer.index))).toEqual(model.members);
    for (const peer of simulation.living()) {
      expect(simulation.linksOf(peer).size).toBeLessThanOrEqual(Math.min(model.cap + 1, model.members.size - 1));
      expect(peer.mesh.status().maxPeers).toBe(model.cap);
    }
  }
}

type Command = fc.Command<Model, Real>;
const tally = { joins: 0, crashes: 0, leaves: 0, broadcasts: 0, caps: 0 };
/** Commands between two rests: a burst may take as many members as it adds. */
const BURST_MAX = 3;

class Join implements Command {
  check = ({ members, burst }: Model): boolean => members.size < 14 && burst < BURST_MAX;
  run(model: Model, real: Real): void {
    model.members.add(real.simulation.addPeer({ mesh: { maxPeers: model.cap } }).index);
    model.burst++;
    tally.joins++;
  }
  toString = (): string => 'join';
}

class Go implements Command {
  readonly #pick: number;
  readonly #crashes: boolean;
  constructor(pick: number, crashes: boolean) {
    this.#pick = pick;
    this.#crashes = crashes;
  }
  check = ({ members, burst }: Model): boolean => members.size > 1 && burst < BURST_MAX;
  run(model: Model, real: Real): void {
    const peer = real.member(model, this.#pick);
    if (this.#crashes) real.simulation.crash(peer);
    else real.simulation.leave(peer);
    model.members.delete(peer.index);
    model.burst++;
    if (this.#crashes) tally.crashes++;
    else tally.leaves++;
  }
  toString = (): string => `${this.#crashes ? 'crash' : 'leave'}(${this.#pick})`;
}

class SetCap implements Command {
  readonly #cap: number;
  constructor(cap: number) {
    this.#cap = cap;
  }
  check = (): boolean => true;
  run(model: Model, real: Real): void {
    model.cap = this.#cap;
    for (const peer of real.simulation.living()) peer.mesh.setMaxPeers(this.#cap);
    real.settle(model);
    tally.caps++;
  }
  toString = (): string => `cap(${this.#cap})`;
}

class Rest implements Command {
  check = (): boolean => true;
  run(model: Model, real: Real): void {
    real.settle(model);
  }
  toString = (): string => 'rest';
}

/** On a network at rest a broadcast reaches every member once, and nobody else. */
class Broadcast implements Command {
  readonly #pick: number;
  constructor(pick: number) {
    this.#pick = pick;
  }
  check = ({ members }: Model): boolean => members.size > 0;
  run(model: Model, real: Real): void {
    real.settle(model);
    const source = real.member(model, this.#pick);
    const id = real.simulation.broadcast(source);
    real.simulation.runFor(3_000);
    const others = [...model.members].filter((index) => index !== source.index).sort((a, b) => a - b);
    expect([...(real.heard.get(id ?? '') ?? [])].sort((a, b) => a - b)).toEqual(others);
    tally.broadcasts++;
  }
  toString = (): string => `broadcast(${this.#pick})`;
}

const pick = fc.nat({ max: 99 });
const commands = fc.commands(
  [
    fc.constant(new Join()),
    fc.constant(new Join()),
    fc.tuple(pick, fc.boolean()).map(([n, crashes]) => new Go(n, crashes)),
    pick.map((n) => new Broadcast(n)),
    fc.constantFrom(2, 3, 5).map((cap) => new SetCap(cap)),
    fc.constant(new Rest()),
  ],
  { maxCommands: 18 },
);

it('behaves as a set of members with one message bus', () => {
  fc.assert(
    fc.property(fc.nat({ max: 9_999 }), commands, (seed, list) => {
      fc.modelRun(() => {
        const real = new Real(seed);
        const members = new Set(real.simulation.addPeers(3, 300).map((peer) => peer.index));
        return { model: { members, cap: 3, burst: 0 }, real };
      }, [
        ...list,
        {
          check: () => true,
          run: (model: Model, real: Real) => {
            real.settle(model);
            expect(real.simulation.finish().violations).toEqual([]);
          },
          toString: () => 'end',
        },
      ]);
    }),
    budget(24),
  );
  for (const [name, count] of Object.entries(tally)) expect(count, name).toBeGreaterThan(2);
});
