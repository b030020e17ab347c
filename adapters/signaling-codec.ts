/**
 * Commands into the JSON frames that a hub takes, and a hub's frames into facts: pure translation, no socket. Total:
 * whatever text a hub sends becomes a fact, at worst `ignored`, and nothing of it is trusted before it was checked.
 */
import * as v from 'valibot';
import { isAttemptId, isOperationId, isPeerId, isPublicKeyText } from '../machines/shared/ids.ts';
import {
  ALTERNATIVES_MAX,
  CANDIDATE_CHARS_MAX,
  MAX_PEERS_MAX,
  NEIGHBOURS_MAX,
  NETWORK_NAME_MAX,
  REASON_MAX,
  SDP_CHARS_MAX,
} from '../machines/shared/limits.ts';
import type { PeerSignal, SignalingCommand, SignalingFact } from '../runtime/ports/signaling.ts';
import type { ClientFrame } from '../runtime/wire/signaling-frames.ts';

/** The network of frames that name none; the family's default. */
const DEFAULT_NETWORK = 'global';

const peerId = v.custom<string>(isPeerId);
const attemptId = v.custom<string>(isAttemptId);
const operationId = v.custom<string>(isOperationId);
const text = (chars: number) => v.pipe(v.string(), v.maxLength(chars));
const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
/** Free slots and caps as the wire takes them; a full set of links may stand one over the cap. */
const slots = count(MAX_PEERS_MAX);
const links = count(NEIGHBOURS_MAX);
/** Restarts of one link, whatever its age. */
const restarts = count(Number.MAX_SAFE_INTEGER);
/** A raw Ed25519 key: 32 bytes in base64url without padding. */
const key = v.custom<string>(isPublicKeyText);
const network = v.pipe(v.string(), v.minLength(1), v.maxLength(NETWORK_NAME_MAX));

const presence = v.object({ v: v.literal(1), key, free: slots, degree: links });
const peerAd = v.object({ id: peerId, key, free: slots, degree: v.optional(links, 0) });

const offerMesh = v.object({
  v: v.literal(1),
  kind: v.literal('offer'),
  attempt: attemptId,
  key,
  random: v.boolean(),
  degree: links,
  cap: slots,
  free: slots,
  op: v.exactOptional(operationId),
  beacon: v.exactOptional(peerId),
  restart: v.exactOptional(restarts),
  resume: v.exactOptional(attemptId),
});
const answerMesh = v.object({
  v: v.literal(1),
  kind: v.literal('answer'),
  attempt: attemptId,
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

const frame = v.object({
  type: text(64),
  data: v.optional(v.unknown()),
  networkName: v.optional(network, DEFAULT_NETWORK),
  fromPeerId: v.optional(v.unknown()),
});
const challenge = v.object({
  mesh: v.object({ v: v.literal(1), nonce: text(256), proof: v.picklist(['optional', 'required']) }),
});
const proven = v.object({ resume: text(1_024), ttlMs: count(Number.MAX_SAFE_INTEGER) });
const discoveredPeer = v.object({
  peerId,
  isHub: v.optional(v.boolean(), false),
  proven: v.optional(v.boolean(), false),
  mesh: v.optional(v.unknown()),
});
const provenMesh = v.object({ proven: v.boolean() });
const gone = v.object({ peerId });
const discovered = v.object({ count: count(Number.MAX_SAFE_INTEGER), networkSize: count(Number.MAX_SAFE_INTEGER) });
/** Old hubs send an `error` text alone. */
const errorFrame = v.object({
  code: v.optional(text(64), 'ERROR'),
  error: v.optional(v.string(), ''),
  inReplyTo: v.optional(v.unknown()),
  retryAfterMs: v.exactOptional(count(Number.MAX_SAFE_INTEGER)),
});
const replyTo = v.object({
  type: v.exactOptional(text(64)),
  targetPeerId: v.exactOptional(peerId),
  attempt: v.exactOptional(attemptId),
});

/** A command as the frame that travels. `self` is the sender's own id, which old hubs want inside the data. */
export function frameOf(command: SignalingCommand, self: string): ClientFrame {
  switch (command.type) {
    case 'announce':
      return { type: 'announce', networkName: command.network, data: { peerId: self, mesh: command.presence } };
    case 'discover':
      return { type: 'discover', networkName: command.network };
    case 'goodbye': {
      const data = { peerId: self };
      return command.network === undefined
        ? { type: 'goodbye', data }
        : { type: 'goodbye', data, networkName: command.network };
    }
    case 'signal': {
      const { type, data } = signalFrame(command.signal);
      return { type, networkName: command.network, targetPeerId: command.to, data };
    }
    case 'prove':
      return { type: 'prove', data: { key: command.key, sig: command.sig } };
    case 'resume':
      return { type: 'prove', data: { resume: command.resume } };
    case 'ping':
      return { type: 'ping', data: {} };
  }
}

function signalFrame(signal: PeerSignal): { type: 'offer' | 'answer' | 'ice-candidate'; data: object } {
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

const ignored = (why: string): SignalingFact => ({ type: 'ignored', why });

/** A hub's text as a fact. `host` is the host as dialed. Never throws. */
export function factOf(received: string, host: string): SignalingFact {
  let json: unknown;
  try {
    json = JSON.parse(received);
  } catch {
    // Not JSON: the fact says so.
    return ignored('not JSON');
  }
  const parsed = v.safeParse(frame, json);
  if (!parsed.success) return ignored('not a frame');
  const { type, data, networkName, fromPeerId } = parsed.output;
  switch (type) {
    case 'connected':
      return welcomeOf(data, host);
    case 'proven': {
      const fields = v.safeParse(proven, data);
      return fields.success ? { type: 'proven', ...fields.output } : ignored('malformed proven');
    }
    case 'peer-discovered':
      return peerOf(data, networkName);
    case 'peer-disconnected': {
      const fields = v.safeParse(gone, data);
      return fields.success
        ? { type: 'gone', network: networkName, id: fields.output.peerId }
        : ignored('malformed peer-disconnected');
    }
    case 'discovered': {
      const fields = v.safeParse(discovered, data);
      return fields.success
        ? { type: 'discovered', network: networkName, ...fields.output }
        : ignored('malformed discovered');
    }
    case 'offer':
    case 'answer':
    case 'ice-candidate':
      return signalOf(type, data, networkName, fromPeerId);
    case 'error':
      return refusedOf(json);
    case 'pong':
      return { type: 'pong' };
    default:
      return ignored(`unknown type ${type}`);
  }
}

function welcomeOf(data: unknown, host: string): SignalingFact {
  const fields = v.safeParse(challenge, data);
  // A hub that knows no proofs, or proofs of a version to come.
  if (!fields.success) return { type: 'welcome' };
  const { nonce, proof } = fields.output.mesh;
  return { type: 'welcome', challenge: { nonce, proof, host } };
}

function peerOf(data: unknown, networkName: string): SignalingFact {
  const fields = v.safeParse(discoveredPeer, data);
  if (!fields.success) return ignored('malformed peer-discovered');
  const { peerId: id, isHub, mesh } = fields.output;
  const ours = v.safeParse(presence, mesh);
  const told = v.safeParse(provenMesh, mesh);
  const isProven = fields.output.proven || (told.success && told.output.proven);
  const base = { type: 'peer', network: networkName, id, proven: isProven, isHub } as const;
  return ours.success ? { ...base, presence: ours.output } : base;
}

function signalOf(
  type: keyof typeof signalData,
  data: unknown,
  networkName: string,
  fromPeerId: unknown,
): SignalingFact {
  if (!isPeerId(fromPeerId)) return ignored(`${type} without a sender`);
  if (typeof data !== 'object' || data === null || !('mesh' in data)) return ignored(`legacy ${type}`);
  const fields = v.safeParse(signalData[type], data);
  if (!fields.success) return ignored(`malformed ${type}`);
  const { mesh, ...rest } = fields.output;
  const { v: _version, ...signal } = { ...mesh, ...rest };
  // Each schema above is one PeerSignal split over `data` and `data.mesh`; together again they are that signal.
  return { type: 'signal', network: networkName, from: fromPeerId, signal: signal as PeerSignal };
}

function refusedOf(json: unknown): SignalingFact {
  const fields = v.safeParse(errorFrame, json);
  if (!fields.success) return ignored('malformed error');
  const { code, error, retryAfterMs, inReplyTo } = fields.output;
  const reply = v.safeParse(replyTo, inReplyTo);
  return {
    type: 'refused',
    code,
    message: error.slice(0, 512),
    ...(reply.success ? { inReplyTo: reply.output } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}
