/** What owner and members of a room say about it: an object that remembers, so that every so often it begins anew. */
import { platformCrypto } from '../../runtime/crypto/index.ts';
import { Rooms } from '../../runtime/secrecy/rooms.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { decodePayload, encodePayload } from '../../runtime/wire/payload.ts';
import { PEER_A, PEER_B } from '../wire/sample-messages.ts';
import { ACCEPTED, type Input, type Target } from './target.ts';

const PEER_C = '0c'.repeat(20);
/** Inputs after which a member has heard the last of all keys. */
const RENEWED_EVERY = 512;

/** One that is a member of PEER_A's room `r`, not yet of `s`, and the owner of `mine`, of which PEER_A is a member. */
class Listener {
  readonly #clock = new HeapClock(1_700_000_000_000);
  readonly #random = streams('fuzz').fork('rooms');
  #rooms = this.#fresh();
  #heard = 0;

  #fresh(): Rooms {
    const rooms = new Rooms({
      ...{ crypto: platformCrypto, random: this.#random, clock: this.#clock, self: PEER_B, network: 'fuzz' },
      ...{ send: () => undefined, report: () => undefined },
    });
    rooms.join('r', PEER_A);
    rooms.open('mine', [PEER_A, PEER_C]);
    return rooms;
  }

  run(input: Input): string {
    if (++this.#heard % RENEWED_EVERY === 0) this.#rooms = this.#fresh();
    this.#clock.runFor(1_000);
    const decoded = decodePayload(input as Uint8Array);
    if (!decoded.ok) return decoded.error.code;
    const from = [PEER_A, PEER_C, '0d'.repeat(20)][this.#heard % 3] as string;
    const isWord = this.#rooms.heard(from, decoded.value);
    if (this.#rooms.list().some(({ members }) => members.length > 1_000))
      throw new Error('more members than a room has');
    return isWord ? ACCEPTED : 'none';
  }
}

export function roomTarget(): Target {
  const listener = new Listener();
  return {
    name: 'room',
    entries: ['heard'],
    files: ['runtime/secrecy/rooms.ts'],
    samples: [
      { kind: 'key', room: 'r', epoch: 7, key: new Uint8Array(32), members: [PEER_A, PEER_B] },
      { kind: 'key', room: 's', epoch: 1_700_000_000, key: new Uint8Array(32), members: [PEER_A, PEER_B] },
      { kind: 'ask', room: 'mine' },
      { kind: 'ask', room: 'r' },
      { kind: 'leave', room: 'mine' },
      { kind: 'leave', room: 'r' },
    ].map(encodePayload),
    run: (input) => listener.run(input),
  };
}
