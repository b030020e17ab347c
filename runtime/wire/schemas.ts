/**
 * What each control message must look like once its bytes are MessagePack values: the bounds that a stranger cannot
 * exceed, and the way from raw fields to the types of `messages.ts` and back. GOSSIP, TELL, RECEIPT, PING, PONG, ACK, BEACON and
 * the envelope are read and written by hand in `codec.ts`, since they are the hot path.
 */
import * as v from 'valibot';
import { fromHex, isAttemptId, isOperationId, isPeerId, isPublicKeyText, toHex } from '../../machines/shared/ids.ts';
import {
  ALTERNATIVES_MAX,
  FEATURE_NAME_MAX,
  FEATURES_MAX,
  MAX_PEERS_MAX,
  MAX_PEERS_MIN,
  NEIGHBOURS_MAX,
  REASON_MAX,
  RELAY_BYTES_MAX,
  RELAY_HOPS_MAX,
  SHUFFLE_MAX,
} from '../../machines/shared/limits.ts';
import { ID_BITS } from '../../machines/shared/xor.ts';
import { fromBase64Url, toBase64Url } from '../identity/base64url.ts';
import type { PeerAd } from '../ports/signaling.ts';
import type { Ack, Beacon, Message, Ping, Pong, RoutedMessage, ShuffleEntry, SpreadMessage, Tell } from './messages.ts';

/** The messages whose fields go through these schemas. */
export type ControlMessage = Exclude<Message, SpreadMessage | RoutedMessage | Ping | Pong | Ack | Beacon | Tell>;
export type ControlType = ControlMessage['type'];

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const NO_KEY = new Uint8Array(0);
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Index on the wire; the order is part of the protocol. */
const LOCK_KINDS = ['splice', 'triangle', 'relink'] as const;

const bytes = (count: number) =>
  v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length === count, `is not ${count} bytes`);
const hexOf = (count: number) =>
  v.pipe(
    bytes(count),
    v.transform((value) => toHex(value)),
  );
const bytesUpTo = (max: number) =>
  v.custom<Uint8Array>((value) => value instanceof Uint8Array && value.length <= max, `has more than ${max} bytes`);
const integer = (min: number, max: number) => {
  const problem = `is not an integer from ${min} to ${max}`;
  return v.pipe(v.number(problem), v.safeInteger(problem), v.minValue(min, problem), v.maxValue(max, problem));
};
const text = (min: number, max: number) => {
  const problem = `is not text of ${min} to ${max} characters`;
  return v.pipe(
    v.string(problem),
    v.minLength(min, problem),
    v.maxLength(max, problem),
    v.check((value) => !LONE_SURROGATE.test(value), 'is not well-formed Unicode'),
  );
};
const listOf = <Value>(item: v.GenericSchema<unknown, Value>, max: number) =>
  v.pipe(v.array(item, 'is not a list'), v.maxLength(max, `has more than ${max} entries`));

const peerId = hexOf(20);
const attempt = hexOf(10);
const op = hexOf(8);
/** No bytes: the sender of the list does not know the key. */
const key = v.pipe(
  v.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && (value.length === KEY_BYTES || value.length === 0),
    `is not ${KEY_BYTES} bytes`,
  ),
  v.transform((value) => toBase64Url(value)),
);
/** `v.tuple` drops surplus items, which the codec has counted by then. */
const peerAd = v.pipe(
  v.tuple([peerId, key, integer(0, MAX_PEERS_MAX), integer(0, NEIGHBOURS_MAX)], 'is not a peer'),
  v.transform(([id, key, free, degree]): PeerAd => ({ id, key, free, degree })),
);

const shuffleEntry = v.pipe(
  v.tuple(
    [peerId, key, integer(0, MAX_PEERS_MAX), integer(0, NEIGHBOURS_MAX), integer(0, ID_BITS), integer(0, 65_535)],
    'is not an entry',
  ),
  v.transform(([id, key, free, degree, radius, ageS]): ShuffleEntry => ({ id, key, free, degree, radius, ageS })),
);

type Codec<M extends ControlMessage> = {
  /** Fields after the type that version 1 knows. */
  readonly count: number;
  /** Fields behind these that may be left out. */
  readonly more?: number;
  readonly schema: v.GenericSchema<readonly unknown[], M>;
  readonly fields: (message: M) => unknown[];
};

const operation = <Type extends 'LOCKED' | 'LOCK_REFUSED' | 'UNLOCK' | 'DIALED'>(type: Type) => ({
  count: 1,
  schema: v.pipe(
    v.tuple([op]),
    v.transform(([op]) => ({ type, op })),
  ),
  fields: (message: { readonly op: string }) => [bytesOf('op', message.op, isOperationId)],
});

/** Each control message: how many fields, how they are read, how they are written. */
export const CONTROL: { readonly [Type in ControlType]: Codec<Extract<ControlMessage, { type: Type }>> } = {
  HELLO: {
    count: 6,
    more: 1,
    schema: v.pipe(
      v.tuple([
        peerId,
        attempt,
        attempt,
        v.boolean('is not true or false'),
        integer(MAX_PEERS_MIN, MAX_PEERS_MAX),
        listOf(text(1, FEATURE_NAME_MAX), FEATURES_MAX),
        v.optional(attempt),
      ]),
      v.transform(([peerId, attempt, mark, random, cap, features, resume]) => ({
        type: 'HELLO' as const,
        peerId,
        attempt,
        mark,
        random,
        cap,
        features,
        ...(resume === undefined ? {} : { resume }),
      })),
    ),
    fields: (m) => [
      bytesOf('peerId', m.peerId, isPeerId),
      bytesOf('attempt', m.attempt, isAttemptId),
      bytesOf('mark', m.mark, isAttemptId),
      m.random,
      m.cap,
      m.features,
      ...(m.resume === undefined ? [] : [bytesOf('resume', m.resume, isAttemptId)]),
    ],
  },
  PROOF: {
    count: 2,
    schema: v.pipe(
      v.tuple([bytes(KEY_BYTES), bytes(SIGNATURE_BYTES)]),
      v.transform(([key, sig]) => ({ type: 'PROOF' as const, key, sig })),
    ),
    fields: (m) => [m.key, m.sig],
  },
  CLOSE: {
    count: 2,
    schema: v.pipe(
      v.tuple([text(0, REASON_MAX), listOf(peerAd, ALTERNATIVES_MAX)]),
      v.transform(([reason, alternatives]) => ({ type: 'CLOSE' as const, reason, alternatives })),
    ),
    fields: (m) => [m.reason, m.alternatives.map(adFields)],
  },
  NEIGHBOURS: {
    count: 2,
    schema: v.pipe(
      v.tuple([integer(0, Number.MAX_SAFE_INTEGER), listOf(peerAd, NEIGHBOURS_MAX)]),
      v.transform(([seq, peers]) => ({ type: 'NEIGHBOURS' as const, seq, peers })),
    ),
    fields: (m) => [m.seq, m.peers.map(adFields)],
  },
  SHUFFLE: {
    count: 2,
    schema: v.pipe(
      v.tuple([v.boolean('is not true or false'), listOf(shuffleEntry, SHUFFLE_MAX)]),
      v.transform(([reply, entries]) => ({ type: 'SHUFFLE' as const, reply, entries })),
    ),
    fields: (m) => [m.reply, m.entries.map((entry) => [...adFields(entry), entry.radius, entry.ageS])],
  },
  RELAY: {
    count: 5,
    schema: v.pipe(
      v.tuple([peerId, peerId, integer(1, RELAY_HOPS_MAX), attempt, bytesUpTo(RELAY_BYTES_MAX)]),
      v.transform(([to, from, hops, attempt, signal]) => ({ type: 'RELAY' as const, to, from, hops, attempt, signal })),
    ),
    fields: (m) => [
      bytesOf('to', m.to, isPeerId),
      bytesOf('from', m.from, isPeerId),
      m.hops,
      bytesOf('attempt', m.attempt, isAttemptId),
      m.signal,
    ],
  },
  UNROUTED: {
    count: 3,
    schema: v.pipe(
      v.tuple([peerId, peerId, attempt]),
      v.transform(([to, from, attempt]) => ({ type: 'UNROUTED' as const, to, from, attempt })),
    ),
    fields: (m) => [
      bytesOf('to', m.to, isPeerId),
      bytesOf('from', m.from, isPeerId),
      bytesOf('attempt', m.attempt, isAttemptId),
    ],
  },
  LOCK: {
    count: 4,
    schema: v.pipe(
      v.tuple([op, integer(0, LOCK_KINDS.length - 1), peerId, peerId]),
      v.transform(([op, kind, dropped, other]) => ({
        type: 'LOCK' as const,
        op,
        kind: LOCK_KINDS[kind] ?? 'splice',
        dropped,
        other,
      })),
    ),
    fields: (m) => [
      bytesOf('op', m.op, isOperationId),
      LOCK_KINDS.indexOf(m.kind),
      bytesOf('dropped', m.dropped, isPeerId),
      bytesOf('other', m.other, isPeerId),
    ],
  },
  LOCKED: operation('LOCKED'),
  LOCK_REFUSED: operation('LOCK_REFUSED'),
  UNLOCK: operation('UNLOCK'),
  DIAL: {
    count: 3,
    schema: v.pipe(
      v.tuple([op, peerAd, v.boolean('is not true or false')]),
      v.transform(([op, target, random]) => ({ type: 'DIAL' as const, op, target, random })),
    ),
    fields: (m) => [bytesOf('op', m.op, isOperationId), adFields(m.target), m.random],
  },
  DIALED: operation('DIALED'),
};

/** Raw bytes of an id. Throws when it is none, so that no wrong id ever leaves this peer; the codec names the message. */
export function bytesOf(field: string, id: string, isId: (value: unknown) => boolean): Uint8Array {
  if (!isId(id)) throw new TypeError(`${field} is not an id of its kind: ${JSON.stringify(id)?.slice(0, 80)}`);
  return fromHex(id);
}

/**
 * A key that is none is sent as not known, a count out of range as the nearest one, instead of throwing: they came from a
 * stranger's announcement, and one bad entry must not cost the neighbours the whole list.
 */
function adFields(ad: PeerAd): unknown[] {
  const key = isPublicKeyText(ad.key) ? fromBase64Url(ad.key) : undefined;
  const id = bytesOf('id', ad.id, isPeerId);
  return [id, key ?? NO_KEY, within(ad.free, MAX_PEERS_MAX), within(ad.degree, NEIGHBOURS_MAX)];
}

const within = (count: number, max: number): number => Math.min(max, Math.max(0, Math.trunc(count) || 0));

/** Fields beyond the known ones in the peers that these fields list; nested surplus is counted like that of messages. */
export function surplusInPeers(type: ControlType, fields: readonly unknown[]): number {
  const second = fields[1];
  if (!Array.isArray(second)) return 0;
  const peers =
    type === 'DIAL' ? [second] : type === 'CLOSE' || type === 'NEIGHBOURS' || type === 'SHUFFLE' ? second : [];
  const known = type === 'SHUFFLE' ? 6 : 4;
  return peers.reduce((sum: number, peer) => sum + (Array.isArray(peer) ? Math.max(0, peer.length - known) : 0), 0);
}

/** The first problem valibot found, as `field path: problem`. */
export function firstProblem([issue]: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const path = v.getDotPath(issue);
  return path === null ? issue.message : `field ${path} ${issue.message}`;
}

/** Checks raw fields; the message, or what is wrong with them. */
export function readControl(type: ControlType, fields: readonly unknown[]): Message | { readonly problem: string } {
  const result = v.safeParse(CONTROL[type].schema, fields, { abortEarly: true, abortPipeEarly: true });
  return result.success ? result.output : { problem: firstProblem(result.issues) };
}
