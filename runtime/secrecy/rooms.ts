/**
 * Rooms: broadcasts that their members alone can read. A room belongs to the peer that opened it, its owner, who makes its key
 * and hands it to each member by a sealed direct message. Whenever a member comes or goes there is a new key, so that nobody
 * reads what was said before it came or after it went; the one before still opens what is under way, for ROOM_LATE_MS.
 *
 * A message: name of the room (8 bytes), epoch (4 bytes), ChaCha20-Poly1305 over the data with a key of its own:
 * HKDF-SHA256(room key, salt = source and id of the message). Network, owner, room and epoch are its context.
 */
import { isPeerId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import {
  OFFER_INTERVAL_MS,
  ROOM_INVITATIONS_MAX,
  ROOM_LATE_MS,
  ROOM_MEMBERS_MAX,
  ROOM_NAME_MAX,
  ROOMS_MAX,
} from '../../machines/shared/trust-limits.ts';
import { MeshError } from '../errors.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { CryptoPort } from '../ports/crypto.ts';
import type { RoomInfo } from '../ports/exchange.ts';
import type { RandomPort } from '../ports/random.ts';

const KEY_BYTES = 32;
const NAME_BYTES = 8;
const HEAD_BYTES = NAME_BYTES + 4;
const EPOCH_MAX = 4_294_967_295;
const ZERO_NONCE = new Uint8Array(12);
const MESSAGE_LABEL = new TextEncoder().encode('xstate-mesh/room-message/1');

/** What owner and members tell each other, sealed. */
export type RoomControl =
  | {
      readonly kind: 'key';
      readonly room: string;
      readonly epoch: number;
      readonly key: Uint8Array;
      readonly members: readonly PeerId[];
    }
  | { readonly kind: 'ask' | 'leave'; readonly room: string };

export type RoomFact =
  | { readonly type: 'room.invited'; readonly room: string; readonly owner: PeerId }
  | ({ readonly type: 'room.changed' } & RoomInfo);

export interface RoomsOptions {
  readonly crypto: CryptoPort;
  readonly random: RandomPort;
  readonly clock: MeshClock;
  readonly self: PeerId;
  readonly network: string;
  /** By a sealed direct message. */
  readonly send: (to: PeerId, control: RoomControl) => void;
  readonly report: (fact: RoomFact) => void;
}

interface RoomKey {
  readonly epoch: number;
  readonly key: Uint8Array;
  /** When it was replaced by a newer one. */
  untilMs: number;
}

interface Room {
  readonly name: string;
  readonly owner: PeerId;
  readonly id: string;
  /** Without the owner. */
  members: readonly PeerId[];
  /** The newest last; none before the owner sent one. */
  keys: RoomKey[];
  /** When its owner was asked for the key last. */
  askedMs: number;
}

const utf8 = new TextEncoder();

export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<string, Room>();
  /** Keys of rooms that the app has not joined, by room and owner, the oldest first. */
  readonly #invitations = new Map<string, { readonly from: PeerId; readonly control: RoomControl & { kind: 'key' } }>();

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  // ---- what the app does -------------------------------------------------------------------------------------------

  open(name: string, members: readonly PeerId[]): void {
    const { self } = this.#options;
    const room = this.#make(name, self);
    room.members = this.#checked([...members]);
    this.#rotate(room);
  }

  join(name: string, owner: PeerId): void {
    if (!isPeerId(owner) || owner === this.#options.self) {
      throw new MeshError('UNKNOWN_PEER', 'A room is joined by the peer id of its owner, who is somebody else.');
    }
    const room = this.#make(name, owner);
    const waiting = this.#invitations.get(`${owner} ${name}`);
    this.#invitations.delete(`${owner} ${name}`);
    if (waiting !== undefined) this.#take(room, waiting.control);
    else this.#ask(room);
  }

  #ask(room: Room): void {
    const { self, clock, send } = this.#options;
    const nowMs = clock.now();
    if (room.owner === self || nowMs - room.askedMs < OFFER_INTERVAL_MS) return;
    room.askedMs = nowMs;
    send(room.owner, { kind: 'ask', room: room.name });
  }

  invite(name: string, peer: PeerId): void {
    const room = this.#owned(name);
    if (room.members.includes(peer)) return;
    room.members = this.#checked([...room.members, peer]);
    this.#rotate(room);
  }

  expel(name: string, peer: PeerId): void {
    const room = this.#owned(name);
    if (!room.members.includes(peer)) return;
    room.members = room.members.filter((member) => member !== peer);
    this.#rotate(room);
  }

  leave(name: string): void {
    const room = this.#rooms.get(name);
    if (room === undefined) return;
    this.#rooms.delete(name);
    for (const { key } of room.keys) key.fill(0);
    if (room.owner !== this.#options.self) this.#options.send(room.owner, { kind: 'leave', room: name });
  }

  list(): RoomInfo[] {
    return [...this.#rooms.values()].map(infoOf);
  }

  // ---- messages ----------------------------------------------------------------------------------------------------

  /** Throws NO_ROOM_KEY. */
  seal(name: string, source: PeerId, id: string, data: Uint8Array): Uint8Array {
    const room = this.#rooms.get(name);
    const newest = room?.keys.at(-1);
    if (room === undefined || newest === undefined) {
      throw new MeshError(
        'NO_ROOM_KEY',
        `There is no key for the room "${name}": open it, or join it and wait for its key.`,
      );
    }
    const head = new Uint8Array(HEAD_BYTES);
    for (let i = 0; i < NAME_BYTES; i++) head[i] = Number.parseInt(room.id.slice(i * 2, i * 2 + 2), 16);
    new DataView(head.buffer).setUint32(NAME_BYTES, newest.epoch);
    const sealed = this.#options.crypto.seal(
      this.#messageKey(newest, source, id),
      ZERO_NONCE,
      data,
      this.#context(room, newest.epoch),
    );
    const payload = new Uint8Array(HEAD_BYTES + sealed.length);
    payload.set(head);
    payload.set(sealed, HEAD_BYTES);
    return payload;
  }

  /** What a member said in a room of ours; undefined for other rooms, altered messages and keys that we have no more. */
  unseal(
    source: PeerId,
    id: string,
    payload: Uint8Array,
  ): { readonly room: string; readonly data: Uint8Array } | undefined {
    if (payload.length < HEAD_BYTES) return undefined;
    const roomId = toHex(payload.subarray(0, NAME_BYTES));
    const room = [...this.#rooms.values()].find((each) => each.id === roomId);
    if (room === undefined) return undefined;
    const epoch = new DataView(payload.buffer, payload.byteOffset).getUint32(NAME_BYTES);
    this.#dropOld(room);
    const key = room.keys.find((each) => each.epoch === epoch);
    if (key === undefined) {
      // A key that went astray is asked for; an old one will not come again.
      if (epoch > (room.keys.at(-1)?.epoch ?? 0)) this.#ask(room);
      return undefined;
    }
    const data = this.#options.crypto.open(
      this.#messageKey(key, source, id),
      ZERO_NONCE,
      payload.subarray(HEAD_BYTES),
      this.#context(room, epoch),
    );
    return data && { room: room.name, data };
  }

  /** Word of owner or member, sealed by `from`. False when it is none. */
  heard(from: PeerId, value: unknown): boolean {
    const control = controlOf(value);
    if (control === undefined) return false;
    const room = this.#rooms.get(control.room);
    if (control.kind === 'key') {
      if (room?.owner === from) this.#take(room, control);
      else if (room === undefined) this.#invited(from, control);
      return true;
    }
    if (room === undefined || room.owner !== this.#options.self || !room.members.includes(from)) return true;
    if (control.kind === 'leave') this.expel(room.name, from);
    else this.#hand(room, from);
    return true;
  }

  stop(): void {
    for (const { keys } of this.#rooms.values()) for (const { key } of keys) key.fill(0);
    this.#rooms.clear();
    this.#invitations.clear();
  }

  // ---- inside ------------------------------------------------------------------------------------------------------

  #make(name: string, owner: PeerId): Room {
    if (!isRoomName(name)) throw new MeshError('BAD_OPTION', `A room has a name of 1 to ${ROOM_NAME_MAX} characters.`);
    if (this.#rooms.has(name)) throw new MeshError('BAD_OPTION', `There is a room "${name}" already: leave it first.`);
    if (this.#rooms.size >= ROOMS_MAX) throw new MeshError('QUEUE_FULL', `A peer is in ${ROOMS_MAX} rooms at most.`);
    const hashed = utf8.encode(JSON.stringify(['xstate-mesh/room/1', this.#options.network, owner, name]));
    const id = toHex(this.#options.crypto.sha256(hashed).subarray(0, NAME_BYTES));
    const room: Room = { name, owner, id, members: [], keys: [], askedMs: Number.NEGATIVE_INFINITY };
    this.#rooms.set(name, room);
    return room;
  }

  #owned(name: string): Room {
    const room = this.#rooms.get(name);
    if (room?.owner === this.#options.self) return room;
    throw new MeshError('BAD_OPTION', `"${name}" is no room of this peer: only its owner changes who is in it.`);
  }

  #checked(members: PeerId[]): PeerId[] {
    const others = [...new Set(members)].filter((member) => member !== this.#options.self);
    for (const member of others) {
      if (!isPeerId(member)) throw new MeshError('UNKNOWN_PEER', `"${String(member)}" is not a peer id.`);
    }
    if (others.length <= ROOM_MEMBERS_MAX) return others;
    throw new MeshError('TOO_LARGE', `A room has at most ${ROOM_MEMBERS_MAX} members.`);
  }

  /** A new key for all who are members now. Epochs rise over restarts of the owner too. */
  #rotate(room: Room): void {
    const { random, clock, report } = this.#options;
    const epoch = Math.max((room.keys.at(-1)?.epoch ?? 0) + 1, Math.floor(clock.now() / 1_000));
    this.#add(room, { epoch, key: random.bytes(KEY_BYTES), untilMs: Number.POSITIVE_INFINITY });
    for (const member of room.members) this.#hand(room, member);
    report({ type: 'room.changed', ...infoOf(room) });
  }

  #hand(room: Room, member: PeerId): void {
    const newest = room.keys.at(-1);
    if (newest === undefined) return;
    const { epoch, key } = newest;
    this.#options.send(member, { kind: 'key', room: room.name, epoch, key, members: room.members });
  }

  #add(room: Room, key: RoomKey): void {
    const before = room.keys.at(-1);
    if (before !== undefined) before.untilMs = this.#options.clock.now() + ROOM_LATE_MS;
    room.keys.push(key);
    this.#dropOld(room);
  }

  #dropOld(room: Room): void {
    const nowMs = this.#options.clock.now();
    room.keys = room.keys.filter(({ untilMs, key }) => {
      if (untilMs > nowMs) return true;
      key.fill(0);
      return false;
    });
  }

  #take(room: Room, { epoch, key, members }: RoomControl & { kind: 'key' }): void {
    if (epoch <= (room.keys.at(-1)?.epoch ?? -1)) return;
    room.members = members;
    this.#add(room, { epoch, key: key.slice(), untilMs: Number.POSITIVE_INFINITY });
    this.#options.report({ type: 'room.changed', ...infoOf(room) });
  }

  #invited(from: PeerId, control: RoomControl & { kind: 'key' }): void {
    const name = `${from} ${control.room}`;
    const isNew = !this.#invitations.has(name);
    this.#invitations.delete(name);
    this.#invitations.set(name, { from, control });
    for (const oldest of this.#invitations.keys()) {
      if (this.#invitations.size <= ROOM_INVITATIONS_MAX) break;
      this.#invitations.delete(oldest);
    }
    if (isNew) this.#options.report({ type: 'room.invited', room: control.room, owner: from });
  }

  #messageKey({ key }: RoomKey, source: PeerId, id: string): Uint8Array {
    return this.#options.crypto.derive(key, utf8.encode(`${source} ${id}`), MESSAGE_LABEL, KEY_BYTES);
  }

  #context({ name, owner }: Room, epoch: number): Uint8Array {
    return utf8.encode(JSON.stringify([this.#options.network, owner, name, epoch]));
  }
}

const infoOf = ({ name, owner, members, keys }: Room): RoomInfo => ({
  room: name,
  owner,
  members,
  epoch: keys.at(-1)?.epoch ?? null,
});

const isRoomName = (name: unknown): name is string =>
  typeof name === 'string' && name.length > 0 && name.length <= ROOM_NAME_MAX && !/\p{Surrogate}/u.test(name);

/** What another peer says about a room, once it has the form of it. */
function controlOf(value: unknown): RoomControl | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { kind, room, epoch, key, members } = value as Record<string, unknown>;
  if (!isRoomName(room)) return undefined;
  if (kind === 'ask' || kind === 'leave') return { kind, room };
  if (kind !== 'key' || !(key instanceof Uint8Array) || key.length !== KEY_BYTES) return undefined;
  if (!Number.isInteger(epoch) || (epoch as number) < 1 || (epoch as number) > EPOCH_MAX) return undefined;
  if (!Array.isArray(members) || members.length > ROOM_MEMBERS_MAX || !members.every(isPeerId)) return undefined;
  return { kind, room, epoch: epoch as number, key, members };
}
