/**
 * One visit to a network: owns the mesh actor, the list of lines, what was heard of others, and the timers that gossip our
 * link list. Knows nothing of the page but two callbacks.
 */
import { createMeshActor, type MeshActor, type MeshStatus, type Receipt } from 'xstate-mesh';
import { LINKS_TOPIC, type LinkList, readMessage } from './messages.ts';
import { forget, type Hearsay, hear, isLinked } from './people.ts';

/** Round-trip times and counters move without an event. */
const REFRESH_MS = 1_000;
/** A link list goes out on change, at most each 2 s, and each 10 s for those who came late. */
const LINKS_MIN_MS = 2_000;
const LINKS_REPEAT_MS = 10_000;
/** Who comes in is told for so long what was said before; those who said it long ago may have left since. */
const HISTORY_MS = 5_000;

export type Outcome =
  | { readonly kind: 'delivered'; readonly receipt: Receipt }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string; readonly retryable: boolean };

export interface Line {
  readonly key: number;
  readonly kind: 'broadcast' | 'direct' | 'note';
  /** Peer id; undefined for notes. */
  readonly from?: string;
  /** Addressee of a direct line of ours. */
  readonly to?: string;
  readonly mine: boolean;
  readonly text: string;
  readonly hops?: number;
}

export interface SessionEvents {
  onLine(line: Line): void;
  /** The outcome of a line that was told of. */
  onOutcome(line: Line, outcome: Outcome): void;
  /** Status, people or picture may have changed. */
  onChange(): void;
}

interface Options {
  readonly hub: string;
  readonly network: string;
  readonly name: string;
  readonly maxPeers: number | undefined;
}

/** Lines of this page so far: a key is never used twice, not even after leaving and joining again. */
let lines = 0;

/** A MeshError's fields, or those of whatever else was thrown. */
export function failureOf(error: unknown): { code: string; message: string; retryable: boolean } {
  const message = error instanceof Error ? error.message : String(error);
  const fields = typeof error === 'object' && error !== null ? (error as { code?: unknown; retryable?: unknown }) : {};
  return {
    code: typeof fields.code === 'string' ? fields.code : 'UNKNOWN',
    message,
    retryable: fields.retryable === true,
  };
}

export class ChatSession {
  readonly mesh: MeshActor;
  readonly name: string;
  #known: Hearsay = new Map();
  readonly #events: SessionEvents;
  #joinedAtMs = Number.POSITIVE_INFINITY;
  #sentLinks = '';
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #refresh: ReturnType<typeof setInterval> | undefined;
  #changing = false;

  /** Throws MeshError BAD_OPTION when an option does not suit the mesh. */
  constructor(options: Options, events: SessionEvents) {
    this.name = options.name;
    this.#events = events;
    this.mesh = createMeshActor({
      signaling: options.hub,
      network: options.network,
      ...(options.maxPeers === undefined ? {} : { maxPeers: options.maxPeers }),
    });
    this.#listen();
  }

  /** Starts the mesh. Whether it joined is in the status; a time-out is told as a note, and the mesh keeps trying. */
  start(): void {
    this.mesh.start();
    this.#refresh = setInterval(() => this.#tick(), REFRESH_MS);
    this.mesh.joined().then(
      ({ ms }) => this.#note(`Joined in ${Math.round(ms)} ms.`),
      (error: unknown) => {
        const { code, message } = failureOf(error);
        if (code !== 'LEFT') this.#note(`Not joined yet: ${message} (${code}). Still trying.`);
      },
    );
    this.#change();
  }

  status(): MeshStatus {
    return this.mesh.status();
  }

  get known(): Hearsay {
    return this.#known;
  }

  /** To everybody. Throws a MeshError and shows nothing when it cannot be sent. */
  say(text: string): void {
    this.mesh.broadcast(text);
    this.#line({ kind: 'broadcast', from: this.mesh.peerId, mine: true, text });
  }

  /** To one peer. The line shows at once; its outcome follows. */
  tell(to: string, text: string): void {
    const line = this.#line({ kind: 'direct', from: this.mesh.peerId, to, mine: true, text });
    const settle = (outcome: Outcome): void => this.#events.onOutcome(line, outcome);
    const fail = (error: unknown): void => settle({ kind: 'failed', ...failureOf(error) });
    try {
      this.mesh.direct(to, text).then((receipt) => settle({ kind: 'delivered', receipt }), fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Tells the others and ends everything. Repeated calls share one end. */
  async leave(reason: string): Promise<void> {
    clearInterval(this.#refresh);
    this.#sayGoodbye();
    await this.mesh.leave(reason);
    this.#change();
  }

  #listen(): void {
    this.mesh.on('message', ({ from, data, kind, hops, topic, sentAtMs }) => {
      const message = readMessage(data, topic);
      const atMs = Date.now();
      const said = message.kind === 'links' ? { ...message, gone: message.leaving === true } : {};
      const isHistory = atMs - this.#joinedAtMs < HISTORY_MS && atMs - sentAtMs > HISTORY_MS;
      if (!isHistory) this.#known = hear(this.#known, from, { ...said, atMs, saidMs: sentAtMs });
      if (message.kind === 'text') this.#line({ kind, from, mine: false, text: message.text, hops });
      this.#change();
    });
    this.mesh.on('*', (event) => {
      if (event.type === 'joined') this.#joinedAtMs = Date.now();
      if (event.type === 'hub.connected') this.#note(`Hub ${event.url} is there.`);
      if (event.type === 'hub.disconnected') this.#note(`Hub ${event.url} is away (${event.reason}). Links stay.`);
      if (event.type === 'error') this.#note(`${event.error.code}: ${event.error.message}`);
      if (event.type === 'peer.disconnected' && event.reason === 'left') {
        this.#known = hear(this.#known, event.remote, { gone: true, atMs: Date.now() });
      }
      if (event.type === 'peers.changed') this.#gossipLinks();
      this.#change();
    });
  }

  #tick(): void {
    const { links } = this.mesh.status();
    const linked = new Set(links.filter(({ state }) => isLinked(state)).map(({ peerId }) => peerId));
    this.#known = forget(this.#known, linked, Date.now());
    this.#gossipLinks();
    this.#change();
  }

  /** Tells everybody whom we are linked to, when that is news or was long ago. */
  #gossipLinks(): void {
    const { state, links } = this.mesh.status();
    const ids = links.filter((link) => isLinked(link.state)).map(({ peerId }) => peerId);
    const key = [...ids].sort().join();
    const sinceMs = performance.now() - this.#sentAtMs;
    if (state !== 'joined' || ids.length === 0 || sinceMs < LINKS_MIN_MS) return;
    if (key === this.#sentLinks && sinceMs < LINKS_REPEAT_MS) return;
    this.#sentLinks = key;
    this.#sentAtMs = performance.now();
    try {
      this.mesh.broadcast({ kind: 'links', links: ids, name: this.name } satisfies LinkList, { topic: LINKS_TOPIC });
    } catch (error) {
      // Only the picture of others suffers, and the next tick tries again; a developer may want to know.
      console.warn('link list not sent', error);
    }
  }

  /** Those who are not linked to us would find out by our silence only. Then everybody is forgotten. */
  #sayGoodbye(): void {
    this.#known = new Map();
    if (this.mesh.status().state !== 'joined') return;
    try {
      const goodbye: LinkList = { kind: 'links', links: [], name: this.name, leaving: true };
      this.mesh.broadcast(goodbye, { topic: LINKS_TOPIC });
    } catch (error) {
      console.warn('goodbye not sent', error);
    }
  }

  /** Many events may come at once: one redraw for all of them. */
  #change(): void {
    if (this.#changing) return;
    this.#changing = true;
    queueMicrotask(() => {
      this.#changing = false;
      this.#events.onChange();
    });
  }

  #note(text: string): void {
    this.#line({ kind: 'note', mine: false, text });
  }

  #line(line: Omit<Line, 'key'>): Line {
    const made = { ...line, key: lines++ };
    this.#events.onLine(made);
    return made;
  }
}
