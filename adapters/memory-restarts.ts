/** Restarts of ICE on one end of an in-memory link: an offer and an answer anew, and who gives way when both offer. */
import type { PeerId } from '../machines/shared/ids.ts';
import type { Link } from '../runtime/ports/link.ts';
import type { LinkFabric } from './memory-fabric.ts';
import type { PendingTurns } from './pending-turns.ts';

const RESTART = /^memory (offer|answer) restart (\d{1,9}) of (\S{1,32})$/;

/** What the end does when it comes to that. */
export interface RestartActs {
  give(kind: 'offer' | 'answer', sdp: string): void;
  /** Both ends have new descriptions of each other. */
  restarted(): void;
  fail(error: Error): void;
}

/** Of an open link: whose ends they are, and their tokens. */
type OpenEnd = Pick<Link, 'fingerprints'> & { readonly local: PeerId; readonly remote: PeerId };

export class MemoryRestarts {
  readonly #fabric: Pick<LinkFabric, 'latencyMs' | 'restart'>;
  readonly #turns: PendingTurns;
  readonly #end: OpenEnd;
  readonly #acts: RestartActs;
  #made = 0;
  /** The one whose answer it waits for. */
  #offering: number | undefined;

  constructor(fabric: Pick<LinkFabric, 'latencyMs' | 'restart'>, turns: PendingTurns, end: OpenEnd, acts: RestartActs) {
    this.#fabric = fabric;
    this.#turns = turns;
    this.#end = end;
    this.#acts = acts;
  }

  offer(): void {
    const restart = ++this.#made;
    this.#offering = restart;
    this.#turns.add(0, () => {
      if (this.#offering === restart) this.#describe('offer', restart, this.#end.fingerprints?.local);
    });
  }

  /** Offers and answers on a link that stands. One for another link, or another restart, does nothing. */
  take(kind: 'offer' | 'answer', sdp: string): void {
    const { local, remote, fingerprints } = this.#end;
    const match = this.#fabric.restart ? RESTART.exec(sdp) : null;
    if (match === null || match[1] !== kind) return this.#acts.fail(new Error(`Cannot apply this ${kind}`));
    const restart = Number(match[2]);
    const of = match[3] as string;
    if (kind === 'answer') {
      if (of !== fingerprints?.local || restart !== this.#offering) return;
      this.#offering = undefined;
      this.#turns.add(2 * this.#fabric.latencyMs(local, remote), () => this.#acts.restarted());
      return;
    }
    if (of !== fingerprints?.remote) return;
    // Both restart at once: the end with the smaller id rolls its own offer back.
    if (this.#offering !== undefined && local > remote) return;
    this.#offering = undefined;
    this.#turns.add(0, () => this.#describe('answer', restart, of));
  }

  #describe(kind: 'offer' | 'answer', restart: number, of: string | undefined): void {
    this.#acts.give(kind, `memory ${kind} restart ${restart} of ${of}`);
  }
}
