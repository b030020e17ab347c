/**
 * Signals between two of our peers as hubs carry them, `{type, data}` with `data.mesh`, and back: the same words whether a
 * hub's socket or the mesh itself brings them. Reading is total, and nothing of a stranger's words is trusted unchecked.
 */
import * as v from 'valibot';
import { HEARD_TOLD_MAX } from '../../machines/shared/gossip-limits.ts';
import { isAttemptId, isOperationId, isPeerId, isPublicKeyText } from '../../machines/shared/ids.ts';
import {
  ALTERNATIVES_MAX,
  CANDIDATE_CHARS_MAX,
  MAX_PEERS_MAX,
  NEIGHBOURS_MAX,
  REASON_MAX,
  SDP_CHARS_MAX,
} from '../../machines/shared/limits.ts';
import type { PeerSignal } from '../ports/signaling.ts';

const peerId = v.custom<string>(isPeerId);
const attemptId = v.custom<string>(isAttemptId);
const operationId = v.custom<string>(isOperationId);
const text = (chars: number) => v.pipe(v.string(), v.maxLength(chars));
/** JSON has a zero below zero, which would be told of as another number than it is sent on. */
const unsigned = v.transform((n: number) => n + 0);
const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max), unsigned);
/** Free slots and caps as the wire takes them; a full set of links may stand one over the cap. */
const slots = count(MAX_PEERS_MAX);
const links = count(NEIGHBOURS_MAX);
/** Messages that a peer may say it heard lately. */
const heard = count(HEARD_TOLD_MAX);
/** Restarts of one link, whatever its age. */
const restarts = count(Number.MAX_SAFE_INTEGER);
/** A raw Ed25519 key: 32 bytes in base64url without padding. */
const key = v.custom<string>(isPublicKeyText);
/** 16 random bytes in base64url without padding. */
const nonce = v.pipe(v.string(), v.regex(/^[\w-]{22}$/));

/** What a peer announces of itself. */
export const presenceSchema = v.object({ v: v.literal(1), key, free: slots, degree: links });
const peerAd = v.object({ id: peerId, key, free: slots, degree: v.optional(links, 0) });

const offerMesh = v.object({
  v: v.literal(1),
  kind: v.literal('offer'),
  attempt: attemptId,
  nonce: v.exactOptional(nonce),
  key,
  random: v.boolean(),
  degree: links,
  cap: slots,
  free: slots,
  op: v.exactOptional(operationId),
  beacon: v.exactOptional(peerId),
  heard: v.exactOptional(heard),
  restart: v.exactOptional(restarts),
  resume: v.exactOptional(attemptId),
});
const answerMesh = v.object({
  v: v.literal(1),
  kind: v.literal('answer'),
  attempt: attemptId,
  nonce: v.exactOptional(nonce),
  restart: v.exactOptional(restarts),
});
const candidateMesh = v.object({ v: v.literal(1), kind: v.literal('candidate'), attempt: attemptId });
const refusalMesh = v.object({
  v: v.literal(1),
  kind: v.literal('refusal'),
  attempt: attemptId,
  code: v.picklist(['FULL', 'BUSY', 'BACKOFF', 'SPLICE']),
  alternatives: v.pipe(v.array(peerAd), v.maxLength(ALTERNATIVES_MAX)),
  op: v.exactOptional(operationId),
  via: v.exactOptional(v.tuple([peerAd, peerAd])),
  random: v.exactOptional(v.boolean()),
});
const closeMesh = v.object({
  v: v.literal(1),
  kind: v.literal('close'),
  attempt: attemptId,
  reason: text(REASON_MAX),
  op: v.exactOptional(operationId),
});

const probeMesh = v.object({
  v: v.literal(1),
  kind: v.literal('probe'),
  attempt: attemptId,
  beacon: peerId,
  heard: v.exactOptional(heard),
  reply: v.boolean(),
});

const description = { sdp: v.pipe(text(SDP_CHARS_MAX), v.minLength(1)) };
/** What may ride in each type of frame: hubs of the family route these three and nothing else. */
const signalData = {
  offer: v.object({ ...description, mesh: offerMesh }),
  answer: v.union([v.object({ mesh: refusalMesh }), v.object({ ...description, mesh: answerMesh })]),
  'ice-candidate': v.union([
    v.object({ mesh: closeMesh }),
    v.object({ mesh: probeMesh }),
    v.object({
      candidate: text(CANDIDATE_CHARS_MAX),
      sdpMid: v.exactOptional(v.nullable(text(64))),
      sdpMLineIndex: v.exactOptional(v.nullable(count(65_535))),
      usernameFragment: v.exactOptional(v.nullable(text(256))),
      mesh: candidateMesh,
    }),
  ]),
};

export type SignalType = keyof typeof signalData;
export interface SignalFrame {
  readonly type: SignalType;
  readonly data: object;
}

export const isSignalType = (type: unknown): type is SignalType =>
  typeof type === 'string' && Object.hasOwn(signalData, type);

/** A signal as the frame that travels. */
export function signalFrame(signal: PeerSignal): SignalFrame {
  switch (signal.kind) {
    case 'offer':
    case 'answer': {
      const { sdp, ...mesh } = signal;
      return { type: signal.kind, data: { type: signal.kind, sdp, mesh: { v: 1, ...mesh } } };
    }
    case 'candidate': {
      const { kind, attempt, ...candidate } = signal;
      return { type: 'ice-candidate', data: { ...candidate, mesh: { v: 1, kind, attempt } } };
    }
    case 'refusal':
      return { type: 'answer', data: { mesh: { v: 1, ...signal } } };
    case 'close':
    case 'probe':
      return { type: 'ice-candidate', data: { mesh: { v: 1, ...signal } } };
  }
}

/** The signal in a frame's data, or what is wrong with it. */
export function readSignal(type: SignalType, data: unknown): PeerSignal | { readonly problem: 'legacy' | 'malformed' } {
  if (typeof data !== 'object' || data === null || !('mesh' in data)) return { problem: 'legacy' };
  const fields = v.safeParse(signalData[type], data);
  if (!fields.success) return { problem: 'malformed' };
  const { mesh, ...rest } = fields.output;
  const { v: _version, ...signal } = { ...mesh, ...rest };
  // Each schema above is one PeerSignal split over `data` and `data.mesh`; together again they are that signal.
  return signal as PeerSignal;
}

const toBytes = new TextEncoder();
const toText = new TextDecoder('utf-8', { fatal: true });

/** A signal as bytes, for a message of the mesh. */
export const encodeSignal = (signal: PeerSignal): Uint8Array => toBytes.encode(JSON.stringify(signalFrame(signal)));

/** Undefined for bytes that are no signal of ours. */
export function decodeSignal(bytes: Uint8Array): PeerSignal | undefined {
  try {
    const { type, data } = JSON.parse(toText.decode(bytes)) as { type?: unknown; data?: unknown };
    if (!isSignalType(type)) return undefined;
    const signal = readSignal(type, data);
    return 'problem' in signal ? undefined : signal;
  } catch {
    // Not UTF-8, not JSON, or null: no signal.
    return undefined;
  }
}
