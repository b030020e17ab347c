/**
 * The line protocol of `peer --json`, both ways and pure: a line of stdin becomes a command or a refusal, a mesh event
 * becomes a line of stdout. `docs/cli.md` is its description for those who drive it.
 */
import * as v from 'valibot';
import { RELIABLE_RETRIES_MAX, RELIABLE_TIMEOUT_MAX_MS } from '../../machines/shared/gossip-limits.ts';
import { isPeerId, type PeerId } from '../../machines/shared/ids.ts';
import {
  HOPS_LIMIT,
  INVITATION_CHARS_MAX,
  INVITATION_HUBS_MAX,
  INVITATION_LIFETIME_MAX_MS,
  INVITATION_USES_MAX,
  MAX_PEERS_MAX,
  MAX_PEERS_MIN,
  REASON_MAX,
  TOPIC_NAME_MAX,
} from '../../machines/shared/limits.ts';
import { ROOM_MEMBERS_MAX, ROOM_NAME_MAX } from '../../machines/shared/trust-limits.ts';
import type { MeshEvent } from '../api.ts';
import { MeshError, whyOf } from '../errors.ts';
import { DHT_COMMAND_SCHEMAS } from './dht-commands.ts';
import { fromJsonData, toJsonData } from './json-data.ts';

/** Longest wait that a command may ask for: one hour. */
const WAIT_MS_MAX = 3_600_000;

const peerIdText = v.pipe(
  v.string(),
  v.toLowerCase(),
  v.check((text) => isPeerId(text), 'must be a peer id: 40 hex digits'),
);
const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
/** JSON data with its `$bytes` already turned into bytes; the key must be there, whatever its value. */
const data = v.unknown();
const hopsMax = v.optional(whole(1, HOPS_LIMIT));
const topic = v.pipe(v.string(), v.minLength(1), v.maxLength(TOPIC_NAME_MAX));
const room = v.pipe(v.string(), v.minLength(1), v.maxLength(ROOM_NAME_MAX));

const COMMAND_SCHEMAS = {
  broadcast: v.object({
    data,
    topic: v.optional(topic),
    hopsMax,
    ttlMs: v.optional(whole(1, WAIT_MS_MAX)),
    encrypt: v.optional(room),
    ordered: v.optional(v.boolean()),
  }),
  'broadcast.reliable': v.object({
    data,
    topic: v.optional(topic),
    hopsMax,
    ttlMs: v.optional(whole(1, WAIT_MS_MAX)),
    encrypt: v.optional(room),
    ordered: v.optional(v.boolean()),
    timeoutMs: v.optional(whole(1, RELIABLE_TIMEOUT_MAX_MS)),
    retries: v.optional(whole(0, RELIABLE_RETRIES_MAX)),
    retryMs: v.optional(whole(1, RELIABLE_TIMEOUT_MAX_MS)),
    progress: v.optional(v.boolean()),
  }),
  'topic.subscribe': v.object({ topic }),
  'topic.unsubscribe': v.object({ topic }),
  direct: v.object({
    to: peerIdText,
    data,
    timeoutMs: v.optional(whole(1, WAIT_MS_MAX)),
    hopsMax,
    encrypt: v.optional(v.boolean()),
  }),
  tell: v.object({ to: peerIdText, data }),
  openRoom: v.object({ room, members: v.optional(v.pipe(v.array(peerIdText), v.maxLength(ROOM_MEMBERS_MAX))) }),
  joinRoom: v.object({ room, owner: peerIdText }),
  inviteToRoom: v.object({ room, to: peerIdText }),
  expelFromRoom: v.object({ room, to: peerIdText }),
  leaveRoom: v.object({ room }),
  rooms: v.object({}),
  status: v.object({}),
  explain: v.object({}),
  peers: v.object({}),
  connect: v.object({ to: peerIdText }),
  connectAll: v.object({}),
  disconnect: v.object({ to: peerIdText, reason: v.optional(v.pipe(v.string(), v.maxLength(REASON_MAX))) }),
  set: v.object({
    maxPeers: v.optional(whole(MAX_PEERS_MIN, MAX_PEERS_MAX)),
    minPeers: v.optional(whole(0, MAX_PEERS_MAX - 1)),
    autoDiscovery: v.optional(v.boolean()),
    eviction: v.optional(v.boolean()),
    xorRouting: v.optional(v.boolean()),
  }),
  invite: v.object({
    lifetimeMs: v.optional(whole(1_000, INVITATION_LIFETIME_MAX_MS)),
    uses: v.optional(whole(1, INVITATION_USES_MAX)),
    hubs: v.optional(v.pipe(v.array(v.string()), v.maxLength(INVITATION_HUBS_MAX))),
  }),
  accept: v.object({ text: v.pipe(v.string(), v.maxLength(2 * INVITATION_CHARS_MAX)) }),
  leave: v.object({ reason: v.optional(v.pipe(v.string(), v.maxLength(REASON_MAX))) }),
  ...DHT_COMMAND_SCHEMAS,
} as const;

type Schemas = typeof COMMAND_SCHEMAS;
export type PeerCommandName = keyof Schemas;
export const PEER_COMMANDS = Object.keys(COMMAND_SCHEMAS) as readonly PeerCommandName[];

/** What a driver puts into a command to find its answer again. It is given back as it came. */
export type Ref = string | number;

/** One command with its arguments, already checked. */
export type PeerCommand = {
  [Name in PeerCommandName]: { readonly cmd: Name } & Readonly<v.InferOutput<Schemas[Name]>>;
}[PeerCommandName];

export type ReadLine =
  | { readonly type: 'empty' }
  /** `peer` is undefined when every peer is meant. */
  | {
      readonly type: 'command';
      readonly ref: Ref | undefined;
      readonly peer: number | undefined;
      readonly command: PeerCommand;
    }
  /** Not a command at all: an `error` line is the answer. */
  | { readonly type: 'unparsable'; readonly message: string }
  /** A command that cannot be carried out: one `reply ok:false` (an `error` line when it has no ref). */
  | { readonly type: 'refused'; readonly ref: Ref | undefined; readonly message: string };

const envelope = v.looseObject({
  cmd: v.string(),
  peer: v.optional(v.nullable(v.number())),
  ref: v.optional(v.union([v.pipe(v.string(), v.maxLength(256)), v.number()])),
});

/** Reads one line of stdin. `peerCount` bounds the index. Total. */
export function readCommandLine(line: string, peerCount: number): ReadLine {
  if (line.trim() === '') return { type: 'empty' };
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch (error) {
    return { type: 'unparsable', message: `Not JSON: ${clip(whyOf(error))}` };
  }
  const outer = v.safeParse(envelope, parsed);
  if (!outer.success) return { type: 'unparsable', message: `Not a command: ${issueText(outer.issues)}` };
  const { cmd, ref, peer, ...rest } = outer.output;
  const refuse = (message: string): ReadLine => ({ type: 'refused', ref, message });
  if (!isCommandName(cmd)) {
    return refuse(`Unknown command "${clip(cmd)}": one of ${PEER_COMMANDS.join(', ')}`);
  }
  if (peer !== undefined && peer !== null && !(Number.isInteger(peer) && peer >= 0 && peer < peerCount)) {
    return refuse(`Unknown peer ${peer}: this process runs peers 0 to ${peerCount - 1}`);
  }
  const args = readData(rest);
  if (!args.ok) return refuse(`${cmd}: ${args.problem}`);
  const inner = v.safeParse(COMMAND_SCHEMAS[cmd], args.value);
  if (!inner.success) return refuse(`${cmd}: ${issueText(inner.issues)}`);
  // The schema of `cmd` has checked the arguments of exactly this command.
  const command = { cmd, ...inner.output } as PeerCommand;
  return { type: 'command', ref, peer: peer ?? undefined, command };
}

const isCommandName = (text: string): text is PeerCommandName => Object.hasOwn(COMMAND_SCHEMAS, text);

/** Fields that hold an app's data. */
const DATA_FIELDS = ['data', 'value'];

function readData(rest: Record<string, unknown>) {
  const fields = { ...rest };
  for (const name of DATA_FIELDS) {
    if (!Object.hasOwn(rest, name)) continue;
    const read = fromJsonData(rest[name]);
    if (!read.ok) return read;
    fields[name] = read.value;
  }
  return { ok: true, value: fields } as const;
}

function issueText([issue]: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const path = (issue.path ?? []).map((item) => String(item.key)).join('.');
  const text = issue.kind === 'schema' && issue.received === 'undefined' ? 'is missing' : issue.message;
  return clip(path === '' ? text : `${path}: ${text}`);
}

const clip = (text: string): string => (text.length > 200 ? `${text.slice(0, 197)}...` : text);

/** Who a line is about. Left out for lines that belong to no peer. */
export interface LineOwner {
  readonly peer: number;
  readonly peerId: PeerId;
}
/** One line of stdout before it is written. */
export type OutputLine = { readonly event: string } & Readonly<Record<string, unknown>>;

/** A mesh event as a line; undefined for those that are told otherwise (replies are ours, joined and left come once). */
export function eventLine(owner: LineOwner, event: MeshEvent): OutputLine | undefined {
  switch (event.type) {
    case 'reply':
    case 'joined':
    case 'left':
    // Steps of a lookup: its reply tells what they came to.
    case 'dht.progress':
      return undefined;
    case 'error':
      return errorLine(event.error, owner);
    case 'message':
      return {
        event: 'message',
        ...owner,
        from: event.from,
        data: toJsonData(event.data) ?? null,
        kind: event.kind,
        id: event.id,
        hops: event.hops,
        ...(event.topic === undefined ? {} : { topic: event.topic }),
        ...(event.encrypted === undefined ? {} : { encrypted: true }),
        ...(event.room === undefined ? {} : { room: event.room }),
        ...(event.seq === undefined ? {} : { seq: event.seq }),
      };
    default: {
      const { type, ...payload } = event;
      // The owner first for the reader and last for the value: a payload can never pass for another peer.
      return { event: type, ...owner, ...(toJsonData(payload) as Record<string, unknown>), ...owner };
    }
  }
}

export interface ErrorText {
  readonly code: string;
  readonly message: string;
}

/** Any thrown value as code and message. What is not a MeshError is a failure of ours. */
export function errorText(error: unknown): ErrorText {
  if (error instanceof MeshError) return { code: error.code, message: error.message };
  return { code: 'ACTOR_FAILED', message: whyOf(error) };
}

export function errorLine(error: unknown, owner?: LineOwner): OutputLine {
  const remote = error instanceof MeshError && error.peerId !== undefined ? { remote: error.peerId } : {};
  return { event: 'error', ...owner, ...errorText(error), ...remote };
}

/** The answer to a command. A refusal without a ref has nobody who waits for it: it is an error. */
export function replyLine(
  owner: LineOwner | undefined,
  ref: Ref | undefined,
  outcome: { readonly result: unknown } | { readonly error: ErrorText },
): OutputLine {
  if ('error' in outcome) {
    if (ref === undefined) return { event: 'error', ...owner, ...outcome.error };
    return { event: 'reply', ...owner, ref, ok: false, error: outcome.error };
  }
  const result = toJsonData(outcome.result) ?? null;
  return { event: 'reply', ...owner, ...(ref === undefined ? {} : { ref }), ok: true, result };
}
