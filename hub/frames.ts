/**
 * The frames of the signaling socket as a hub reads and writes them. Reading is total: any bytes end in a frame or in a
 * refusal. The routed signals are checked by hand, since they are the hot path; the rare frames by schemas.
 */
import * as v from 'valibot';
import { isAttemptId, isPeerId, type PeerId } from '../machines/shared/ids.ts';
import { HUB_ANNOUNCE_DATA_BYTES_MAX, NETWORK_NAME_MAX } from '../machines/shared/limits.ts';
import type { HubErrorCode, HubFrame } from '../runtime/wire/signaling-frames.ts';

export const NETWORK_DEFAULT = 'global';
/** Characters of a client's `type` that an error frame repeats. */
const TYPE_ECHO_MAX = 64;

export type JsonObject = { readonly [field: string]: unknown };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A frame whose `type` is text; nothing else is known of it. */
export interface RawFrame {
  readonly type: string;
  readonly data?: unknown;
  readonly networkName?: unknown;
  readonly targetPeerId?: unknown;
  readonly lists?: unknown;
}

export interface Refusal {
  readonly code: HubErrorCode;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** Where else to go. */
  readonly hubs?: readonly string[];
}

/** The object in `text`, or undefined when it is none or has no `type`. */
export function parseFrame(text: string): RawFrame | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON: the caller answers BAD_FRAME.
    return undefined;
  }
  return isObject(value) && typeof value['type'] === 'string' ? (value as unknown as RawFrame) : undefined; // type was just checked
}

export const isRouted = (type: string): boolean => type === 'offer' || type === 'answer' || type === 'ice-candidate';

/** The network a frame speaks of, or undefined when its name is none. */
export function networkOf(frame: RawFrame): string | undefined {
  const name = frame.networkName ?? NETWORK_DEFAULT;
  return typeof name === 'string' && name.length > 0 && name.length <= NETWORK_NAME_MAX ? name : undefined;
}

const base64url = (chars: number) => v.pipe(v.string(), v.regex(/^[\w-]*$/), v.length(chars));
const proveSchema = v.union([
  v.object({ resume: v.pipe(v.string(), v.minLength(1), v.maxLength(128)) }),
  v.object({ key: base64url(43), sig: base64url(86) }),
]);
export type ProveData = v.InferOutput<typeof proveSchema>;

const announceSchema = v.looseObject({
  // Clients of the Go hub may leave it out: the socket has named it.
  peerId: v.optional(v.string()),
  isHub: v.optional(v.boolean()),
  mesh: v.optional(v.looseObject({ v: v.number() })),
});

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

const refused = (code: HubErrorCode, message: string): { readonly ok: false; readonly refusal: Refusal } => ({
  ok: false,
  refusal: { code, message },
});

export function readProve(frame: RawFrame): Read<ProveData> {
  const read = v.safeParse(proveSchema, frame.data);
  if (read.success) return { ok: true, value: read.output };
  return refused('BAD_FRAME', 'prove carries data {key, sig} or {resume}, in base64url without padding.');
}

export interface Announcement {
  readonly network: string;
  /** The announced data as `peer-discovered` repeats it. */
  readonly ad: string;
  readonly isHub: boolean;
}

/** What an announcement of the socket's owner says. `proven` is the hub's own knowledge; nothing announced replaces it. */
export function readAnnounce(frame: RawFrame, owner: PeerId, proven: boolean): Read<Announcement> {
  const network = networkOf(frame);
  if (network === undefined) return refused('BAD_FRAME', `networkName has 1 to ${NETWORK_NAME_MAX} characters.`);
  const read = v.safeParse(announceSchema, frame.data);
  if (!read.success) return refused('BAD_FRAME', 'announce carries data {peerId?, isHub?, mesh?: {v, …}}.');
  if (read.output.peerId !== undefined && read.output.peerId !== owner) {
    return refused('PEER_ID_MISMATCH', 'A socket announces the peer id it was opened with and no other.');
  }
  const { proven: _claimed, ageS: _saidNow, mesh, ...announced } = frame.data as JsonObject;
  const isHub = read.output.isHub === true;
  const ad = JSON.stringify({
    ...announced,
    peerId: owner,
    isHub,
    ...(read.output.mesh === undefined ? {} : { mesh: { ...(mesh as JsonObject), proven } }),
  });
  if (Buffer.byteLength(ad) > HUB_ANNOUNCE_DATA_BYTES_MAX) {
    return refused('FRAME_TOO_LARGE', `Announced data has at most ${HUB_ANNOUNCE_DATA_BYTES_MAX} bytes.`);
  }
  return { ok: true, value: { network, ad, isHub } };
}

/** Types that hubs of the family know and do not route; clients count on the answer (see the protocol notes). */
const UNROUTED =
  /^(connection-rejected|renegotiation-.+|ice-restart-.+|peers?-discovered|peers?-disconnected|connected|proven|discovered|pong|error)$/;

export function refusalOfType(type: string): Refusal {
  const shown = type.slice(0, TYPE_ECHO_MAX);
  return {
    code: UNROUTED.test(type) ? 'NOT_ROUTED' : 'UNKNOWN_TYPE',
    message: `This hub does not route frames of type "${shown}".`,
  };
}

/** What an error frame says of the frame it answers: bounded, and only what is well-formed. */
export function inReplyTo(frame: RawFrame | undefined): NonNullable<HubFrame['inReplyTo']> {
  if (frame === undefined) return {};
  const mesh = isObject(frame.data) ? frame.data['mesh'] : undefined;
  const attempt = isObject(mesh) ? mesh['attempt'] : undefined;
  return {
    type: frame.type.slice(0, TYPE_ECHO_MAX),
    ...(isPeerId(frame.targetPeerId) ? { targetPeerId: frame.targetPeerId } : {}),
    ...(isAttemptId(attempt) ? { attempt } : {}),
  };
}

export const errorFrame = (refusal: Refusal, frame: RawFrame | undefined, nowMs: number): string =>
  JSON.stringify({
    type: 'error',
    code: refusal.code,
    error: refusal.message,
    inReplyTo: inReplyTo(frame),
    ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
    ...(refusal.hubs === undefined || refusal.hubs.length === 0 ? {} : { data: { hubs: refusal.hubs } }),
    fromPeerId: 'system',
    timestamp: nowMs,
  } satisfies HubFrame);

/** A frame from the hub itself. */
export const systemFrame = (type: string, data: unknown, target: PeerId, nowMs: number, network?: string): string =>
  JSON.stringify({
    type,
    data,
    ...(network === undefined ? {} : { networkName: network }),
    fromPeerId: 'system',
    targetPeerId: target,
    timestamp: nowMs,
  } satisfies HubFrame);

/** What is announced, with its age in s where it is one: `peer-discovered` tells both. */
export function agedAd(ad: string, saidMs: number | undefined, nowMs: number): string {
  const ageS = Math.floor((nowMs - (saidMs ?? nowMs)) / 1_000);
  return ageS > 0 ? `${ad.slice(0, -1)},"ageS":${ageS}}` : ad;
}

/** `peer-discovered` around data that is JSON already: it goes to up to 20 readers. */
export const discoveredFrame = (ad: string, network: string, target: PeerId, nowMs: number): string =>
  `{"type":"peer-discovered","data":${ad},"networkName":${JSON.stringify(network)},"fromPeerId":"system","targetPeerId":"${target}","timestamp":${nowMs}}`;

/** The same of several peers at once, for clients that announced that they read it. */
export const discoveredListFrame = (ads: readonly string[], network: string, target: PeerId, nowMs: number): string =>
  `{"type":"peers-discovered","data":{"peers":[${ads.join(',')}]},"networkName":${JSON.stringify(network)},"fromPeerId":"system","targetPeerId":"${target}","timestamp":${nowMs}}`;

/** A peer that is gone, as others are told of it. */
export interface Gone {
  readonly peerId: PeerId;
  readonly isHub: boolean;
  readonly reason: string;
  readonly timestamp: number;
}

export const goneFrame = (gone: Gone, network: string, target: PeerId, nowMs: number): string =>
  systemFrame('peer-disconnected', gone, target, nowMs, network);

export const goneListFrame = (gone: readonly Gone[], network: string, target: PeerId, nowMs: number): string =>
  systemFrame('peers-disconnected', { peers: gone }, target, nowMs, network);

export const signalFrame = (frame: RawFrame, from: PeerId, network: string, nowMs: number): string =>
  JSON.stringify({
    type: frame.type,
    data: frame.data,
    fromPeerId: from,
    targetPeerId: frame.targetPeerId,
    networkName: network,
    timestamp: nowMs,
  });
