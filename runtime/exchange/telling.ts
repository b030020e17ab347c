/**
 * What neighbours are told alone, and what they tell us: no id, no signature, nothing kept but what the session keeps until it
 * is acknowledged.
 */
import { type PeerId, toHex } from '../../machines/shared/ids.ts';
import {
  TELL_FEATURE,
  TELL_NETWORK_BYTES,
  TELL_QUEUE_BYTES_MAX,
  UNHEARD_BYTES_MAX,
} from '../../machines/shared/tell-limits.ts';
import { MeshError } from '../errors.ts';
import type { CryptoPort } from '../ports/crypto.ts';
import type { TellPort } from '../ports/exchange.ts';
import type { Tell } from '../wire/messages.ts';
import { encodeTold } from '../wire/tells.ts';
import type { Counters } from './counters.ts';
import type { Deliveries } from './deliveries.ts';
import type { Flow } from './flow.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';
import { unreachable } from './outgoing.ts';

/** Memory that a message costs beside its bytes. */
const UNHEARD_OVERHEAD_BYTES = 64;

export interface TellingOptions {
  readonly network: string;
  readonly crypto: CryptoPort;
  readonly links: LinkTable;
  readonly counters: Counters;
  readonly flow: Flow;
  readonly deliveries: Pick<Deliveries, 'told'>;
  readonly fault: (entry: LinkEntry) => void;
}

export class Telling implements TellPort {
  readonly #options: TellingOptions;
  /** Those who say the same are of our network, wherever our link is: a guest and its hosts tell each other nothing. */
  readonly feature: string;

  constructor(options: TellingOptions) {
    this.#options = options;
    const name = options.crypto.sha256(new TextEncoder().encode(options.network));
    this.feature = `${TELL_FEATURE}:${toHex(name, 0, TELL_NETWORK_BYTES)}`;
  }

  tell(to: PeerId, data: unknown): boolean {
    const { flow, counters } = this.#options;
    const entry = this.#entryOf(to);
    const part = encodeTold(data);
    if (!entry.isHeard) return this.#wait(entry, part);
    if (entry.queuedBytes + part.length > TELL_QUEUE_BYTES_MAX) throw queueFull(to);
    counters.addType('sent', 'TELL');
    flow.push(entry, part);
    return flow.hasRoom(entry);
  }

  whenRoom(to: PeerId, done: () => void, failed: (error: Error) => void): () => void {
    const { flow } = this.#options;
    const entry = this.#entryOf(to);
    return flow.await(entry, { done, failed }, entry.unheard.length === 0 && flow.hasRoom(entry));
  }

  #entryOf(to: PeerId): LinkEntry {
    const entry = this.#options.links.get(to);
    if (entry?.carries !== true) throw unreachable(to);
    if (entry.features.includes(this.feature)) return entry;
    throw new MeshError('FEATURE_OFF', 'This neighbour is of another network, or too old to be told something alone.', {
      peerId: to,
    });
  }

  /** It may not have admitted us yet, and keeps a few frames only until it has. */
  #wait(entry: LinkEntry, part: Uint8Array): boolean {
    if (entry.unheardBytes + part.length > UNHEARD_BYTES_MAX) throw queueFull(entry.remote);
    entry.unheard.push(part);
    entry.unheardBytes += part.length + UNHEARD_OVERHEAD_BYTES;
    return entry.unheardBytes < UNHEARD_BYTES_MAX / 2;
  }

  /** The neighbour said something that is no greeting: it admitted us. */
  heard(entry: LinkEntry): void {
    entry.isHeard = true;
    const { flow, counters } = this.#options;
    const parts = entry.unheard;
    entry.unheard = [];
    entry.unheardBytes = 0;
    for (const part of parts) {
      counters.addType('sent', 'TELL');
      flow.push(entry, part);
    }
    flow.tellRoom(entry);
  }

  onTell(entry: LinkEntry, { payload }: Tell): void {
    const { counters, deliveries, fault } = this.#options;
    if (entry.mode === 'muted') return counters.add('dropped.muted');
    if (!entry.features.includes(this.feature)) counters.add('dropped.foreign');
    else if (deliveries.told(entry.remote, payload)) return;
    // No honest neighbour tells what cannot be read, or whom it should not.
    fault(entry);
  }

  /** The link is gone, and what was not acknowledged with it: only its app knows what is worth saying again. */
  linkDown(entry: LinkEntry): void {
    if (entry.unheard.length > 0) this.#options.counters.add('lost.told', entry.unheard.length);
    this.#options.flow.gone(entry.remote, unreachable(entry.remote));
  }

  stop(): void {
    this.#options.flow.stop(new MeshError('LEFT', 'The mesh was left.'));
  }
}

const queueFull = (to: PeerId): MeshError =>
  new MeshError('QUEUE_FULL', 'What was told before still waits for this link: await drained().', { peerId: to });
