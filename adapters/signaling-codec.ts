/**
 * Commands into the JSON frames that a hub takes, and a hub's frames into facts: pure translation, no socket. Total:
 * whatever text a hub sends becomes a fact, at worst `ignored`, and nothing of it is trusted before it was checked.
 */
import * as v from 'valibot';
import { isAttemptId, isPeerId } from '../machines/shared/ids.ts';
import {
  HUB_PEERS_LISTED_MAX,
  HUB_URL_CHARS_MAX,
  HUBS_NAMED_MAX,
  NETWORK_NAME_MAX,
} from '../machines/shared/limits.ts';
import type { SignalingCommand, SignalingFact } from '../runtime/ports/signaling.ts';
import { presenceSchema, readSignal, type SignalType, signalFrame } from '../runtime/wire/peer-signals.ts';
import type { ClientFrame } from '../runtime/wire/signaling-frames.ts';

/** The network of frames that name none; the family's default. */
const DEFAULT_NETWORK = 'global';

const peerId = v.custom<string>(isPeerId);
const attemptId = v.custom<string>(isAttemptId);
const text = (chars: number) => v.pipe(v.string(), v.maxLength(chars));
const count = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max));
const network = v.pipe(v.string(), v.minLength(1), v.maxLength(NETWORK_NAME_MAX));

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
  ageS: v.fallback(v.optional(count(Number.MAX_SAFE_INTEGER), 0), 0),
});
const provenMesh = v.object({ proven: v.boolean() });
const gone = v.object({ peerId });
const list = v.object({ peers: v.array(v.unknown()) });
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
      return {
        type: 'announce',
        networkName: command.network,
        data: { peerId: self, mesh: command.presence },
        lists: true,
      };
    case 'discover':
      return command.presence === undefined
        ? { type: 'discover', networkName: command.network }
        : {
            type: 'discover',
            networkName: command.network,
            data: { peerId: self, mesh: command.presence, ...(command.quiet && { quiet: true }) },
          };
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

const ignored = (why: string): SignalingFact => ({ type: 'ignored', why });

type Frame = v.InferOutput<typeof frame>;

/** A hub's text as facts: a frame is one, one that tells of several peers is several. `host` is the host as dialed. Never throws. */
export function factsOf(received: string, host: string): readonly SignalingFact[] {
  let json: unknown;
  try {
    json = JSON.parse(received);
  } catch {
    // Not JSON: the fact says so.
    return [ignored('not JSON')];
  }
  const parsed = v.safeParse(frame, json);
  if (!parsed.success) return [ignored('not a frame')];
  const { type, data, networkName } = parsed.output;
  if (type === 'peers-discovered') return listed(type, data, (one) => peerOf(one, networkName));
  if (type === 'peers-disconnected') return listed(type, data, (one) => goneOf(one, networkName));
  return [factOf(parsed.output, json, host)];
}

/** The facts of a frame that tells of several peers; what no hub of ours would list is not read. */
function listed(type: string, data: unknown, read: (one: unknown) => SignalingFact): readonly SignalingFact[] {
  const fields = v.safeParse(list, data);
  if (!fields.success) return [ignored(`malformed ${type}`)];
  const { peers } = fields.output;
  const facts = peers.slice(0, HUB_PEERS_LISTED_MAX).map(read);
  return peers.length > HUB_PEERS_LISTED_MAX ? [...facts, ignored(`too many in ${type}`)] : facts;
}

function factOf({ type, data, networkName, fromPeerId }: Frame, json: unknown, host: string): SignalingFact {
  switch (type) {
    case 'connected':
      return welcomeOf(data, host);
    case 'proven': {
      const fields = v.safeParse(proven, data);
      return fields.success ? { type: 'proven', ...fields.output } : ignored('malformed proven');
    }
    case 'peer-discovered':
      return peerOf(data, networkName);
    case 'peer-disconnected':
      return goneOf(data, networkName);
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
      return refusedOf(json, data);
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
  const { peerId: id, isHub, mesh, ageS } = fields.output;
  const ours = v.safeParse(presenceSchema, mesh);
  const told = v.safeParse(provenMesh, mesh);
  const isProven = fields.output.proven || (told.success && told.output.proven);
  const base = { type: 'peer', network: networkName, id, proven: isProven, isHub } as const;
  return ours.success ? { ...base, presence: ours.output, ...(ageS > 0 && { ageS }) } : base;
}

function goneOf(data: unknown, networkName: string): SignalingFact {
  const fields = v.safeParse(gone, data);
  if (!fields.success) return ignored('malformed peer-disconnected');
  return { type: 'gone', network: networkName, id: fields.output.peerId };
}

function signalOf(type: SignalType, data: unknown, networkName: string, fromPeerId: unknown): SignalingFact {
  if (!isPeerId(fromPeerId)) return ignored(`${type} without a sender`);
  const signal = readSignal(type, data);
  if ('problem' in signal) return ignored(`${signal.problem} ${type}`);
  return { type: 'signal', network: networkName, from: fromPeerId, signal };
}

/** What of a list of hubs can be looked at. */
function hubsOf(data: unknown): readonly string[] {
  const read = v.safeParse(v.object({ hubs: v.array(v.unknown()) }), data);
  if (!read.success) return [];
  const first = read.output.hubs.slice(0, HUBS_NAMED_MAX);
  return first.filter((url) => typeof url === 'string' && url.length <= HUB_URL_CHARS_MAX) as string[]; // just checked
}

function refusedOf(json: unknown, data: unknown): SignalingFact {
  const fields = v.safeParse(errorFrame, json);
  if (!fields.success) return ignored('malformed error');
  if (fields.output.code === 'DRAINING') return { type: 'draining', hubs: hubsOf(data) };
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
