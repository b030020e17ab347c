/**
 * What one part of a simulation does with the others: runs its window, swaps, takes in what they say of their peers, and
 * in the end adds up what all have counted. Owns no peer and no link.
 */
import type { MemoryNetwork } from '../../adapters/memory.ts';
import type { Figures, Violation } from './figures.ts';
import type { HeapClock } from './heap-clock.ts';
import type { Ledger } from './ledger.ts';
import { leastDelay, type NetworkModel } from './model.ts';
import { type Courier, type Note, Part, type PartWorld } from './part.ts';
import { type Recorder, type TraceSink, textHash } from './recorder.ts';

/** The part's own simulation. */
export interface PartHost {
  readonly clock: HeapClock;
  readonly model: NetworkModel;
  readonly network: MemoryNetwork;
  readonly ledger: Ledger;
  readonly recorder: Recorder;
  readonly violations: Violation[];
}

/** How a run ended, of one part or of all. */
export type Ending = Pick<Figures, 'leaks' | 'hash' | 'events'>;

type LinkTold = (index: number, other: number, stands: boolean) => void;

export class Whole {
  readonly part: Part;
  readonly #host: PartHost;
  readonly #linkTold: LinkTold;
  /** How the other parts ended. */
  readonly #endings: Ending[] = [];

  /** @param linkTold hears what ends in other parts report of their links to peers of this one. */
  constructor(courier: Courier, host: PartHost, linkTold: LinkTold, sink?: TraceSink) {
    this.#host = host;
    this.#linkTold = linkTold;
    const leastMs = Math.min(leastDelay(host.model.latency), leastDelay(host.model.hubLatency));
    const world: PartWorld = {
      frame: (token, dueMs, frame) => host.network.frameFromBeyond(token, dueMs, frame),
      note: (note) => this.#take(note),
      counts: () => {
        const { delivered, links, dials } = host.ledger;
        return { events: host.recorder.count, delivered, links, dials };
      },
    };
    this.part = new Part(courier, leastMs, world, sink);
  }

  /** Goes on alone for as long as nothing that another part sends can reach this one, swaps, and so on until then. */
  runUntil(endMs: number): void {
    const { part } = this;
    const { clock } = this.#host;
    while (clock.now() < endMs) {
      clock.runUntil(Math.min(endMs, clock.now() + part.leastMs));
      part.swap();
    }
  }

  /** The first part adds up what all have counted. All call it at the same place, and once. */
  gather(): void {
    this.part.tell(0, { kind: 'tally', tally: this.#host.ledger.tally() });
    this.part.swap();
  }

  /** The same for what is known at the very end. */
  conclude(own: Ending): Ending {
    this.part.tell(0, { kind: 'ended', ...own, violations: this.#host.violations });
    this.part.swap();
    const all = [own, ...this.#endings];
    const sum = (of: (ending: Ending) => number): number => all.reduce((so, ending) => so + of(ending), 0);
    const hashes = all.map(({ hash }) => hash).join(' ');
    return {
      leaks: { actors: sum(({ leaks }) => leaks.actors), timers: sum(({ leaks }) => leaks.timers) },
      events: sum(({ events }) => events),
      hash: [hashes, `${hashes}.`].map((text) => textHash(text).toString(16).padStart(8, '0')).join(''),
    };
  }

  #take(note: Note): void {
    const { ledger, network, violations } = this.#host;
    switch (note.kind) {
      case 'joined':
        return ledger.joined(note.peer, note.atMs);
      case 'linked':
        return ledger.linked(note.peer, new Set(note.links), note.target, note.atMs);
      case 'link':
        return this.#linkTold(note.peer, note.other, note.stands);
      case 'said':
        ledger.said(note.id, note.peer, note.atMs);
        return;
      case 'tally':
        return ledger.absorb(note.tally);
      case 'ended': {
        const { leaks, hash, events } = note;
        this.#endings.push({ leaks, hash, events });
        violations.push(...note.violations);
        return;
      }
      default:
        return network.fromBeyond(note);
    }
  }
}
