/**
 * The frames between hubs, JSON text over a socket or a direct message. Reading is total: a hub that has gone mad costs
 * its frames, not our process. What is inside a stream is read item by item (`readItem`).
 */
import * as v from 'valibot';
import { isAttemptId, isPeerId, type PeerId } from '../../machines/shared/ids.ts';
import { NETWORK_NAME_MAX } from '../../machines/shared/limits.ts';
import { isSignalType, presenceSchema, type SignalType } from '../../runtime/wire/peer-signals.ts';
import { isObject, isRouted } from '../frames.ts';
import type { Advert, Item } from './federation.events.ts';
import { HUBS_KNOWN_MAX, TRUNK_BATCH_ITEMS, TRUNK_HOPS_MAX } from './limits.ts';
import type { Hello } from './seal.ts';
import type { Segment } from './stream.core.ts';

/**
 * A frame for one hub, which others pass on: a line of JSON that says so, then a line of JSON for that hub alone, which hubs
 * in between neither parse nor can change.
 */
export interface RoutedFrame {
  readonly type: 'hub-frame';
  readonly from: PeerId;
  readonly to: PeerId;
  /** Hubs it has crossed. */
  readonly hops: number;
  /** Both ends, and the body, as the sender wrote it; absent while the sender does not know the receiver. */
  readonly mac?: string;
  readonly body: string;
}

/** The body of a routed frame. */
export interface PairFrame {
  /** When the sender's end of this pair came into being: a later one has forgotten what a former one knew. */
  readonly born: number;
  /** The receiver's end that the sender knows; frames for another one are not for this one. */
  readonly toBorn?: number;
  /** Who the sender is, for a receiver that may not know it. */
  readonly hello?: Hello;
  readonly data?: {
    readonly stream: number;
    readonly base: number;
    readonly seq: number;
    readonly items: readonly unknown[];
  };
  /** Stream and number up to which all was received. */
  readonly ack?: readonly [stream: number, upTo: number];
  /** The end that was born then is not believed: it has to be born again, above the second number. */
  readonly reset?: readonly [born: number, above: number];
}

export type TrunkFrame =
  | RoutedFrame
  | { readonly type: 'hub-adverts'; readonly adverts: readonly Advert[] }
  | { readonly type: 'hub-ping' | 'hub-pong' | 'hub-retire' };

const peerId = v.custom<PeerId>(isPeerId);
/** Zero without a sign: JSON has one below zero too. */
const natural = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(0),
  v.transform((n) => n + 0),
);
const network = v.pipe(v.string(), v.minLength(1), v.maxLength(NETWORK_NAME_MAX));

const advertSchema = v.object({
  hubId: peerId,
  seq: natural,
  links: v.pipe(v.array(peerId), v.maxLength(HUBS_KNOWN_MAX)),
  url: v.exactOptional(v.pipe(v.string(), v.maxLength(256), v.regex(/^wss?:\/\/[^\s]+$/))),
  mesh: v.exactOptional(presenceSchema),
  bye: v.exactOptional(v.literal(true)),
});
const advertsSchema = v.pipe(v.array(advertSchema), v.maxLength(HUBS_KNOWN_MAX));
const routedSchema = v.object({
  type: v.literal('hub-frame'),
  from: peerId,
  to: peerId,
  hops: v.pipe(natural, v.maxValue(TRUNK_HOPS_MAX)),
  // Goes on as it came: no character of it may end a text or a line.
  mac: v.exactOptional(v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/))),
});
const base64url = (chars: number) => v.pipe(v.string(), v.regex(/^[\w-]*$/), v.length(chars));
const pairSchema = v.object({
  born: natural,
  toBorn: v.exactOptional(natural),
  hello: v.exactOptional(v.object({ key: base64url(43), dh: base64url(43), sig: base64url(86) })),
  data: v.exactOptional(
    v.object({
      stream: natural,
      base: natural,
      seq: natural,
      items: v.pipe(v.array(v.unknown()), v.maxLength(TRUNK_BATCH_ITEMS)),
    }),
  ),
  ack: v.exactOptional(v.tuple([natural, natural])),
  reset: v.exactOptional(v.tuple([natural, natural])),
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: the caller counts it.
    return undefined;
  }
}

/** The frame in `text`, or undefined when it is none. */
export function parseTrunkFrame(text: string): TrunkFrame | undefined {
  const end = text.indexOf('\n');
  const value = parseJson(end === -1 ? text : text.slice(0, end));
  if (!isObject(value)) return undefined;
  switch (value['type']) {
    case 'hub-frame': {
      const read = v.safeParse(routedSchema, value);
      return read.success && end !== -1 ? { ...read.output, body: text.slice(end + 1) } : undefined;
    }
    case 'hub-adverts': {
      const read = v.safeParse(advertsSchema, value['adverts']);
      return read.success ? { type: 'hub-adverts', adverts: read.output } : undefined;
    }
    case 'hub-ping':
    case 'hub-pong':
    case 'hub-retire':
      return { type: value['type'] };
    default:
      return undefined;
  }
}

/** What a routed frame is for, or undefined when it says nothing sound. */
export function readPairFrame(body: string): PairFrame | undefined {
  const read = v.safeParse(pairSchema, parseJson(body));
  return read.success ? read.output : undefined;
}

/** A routed frame as it travels. */
export const routedText = ({ from, to, hops, mac, body }: Omit<RoutedFrame, 'type'>): string =>
  `{"type":"hub-frame","from":"${from}","to":"${to}","hops":${hops}${mac === undefined ? '' : `,"mac":"${mac}"`}}\n${body}`;

/** Between which ends of a pair a frame goes. */
export type PairHeader = Pick<PairFrame, 'born' | 'toBorn' | 'hello'>;

/** A body around items that are JSON already. */
export function dataBody(header: PairHeader, segment: Segment, ack: PairFrame['ack']): string {
  const { stream, base, seq, items } = segment;
  const head = JSON.stringify({ ...header, ack }).slice(0, -1);
  return `${head},"data":{"stream":${stream},"base":${base},"seq":${seq},"items":[${items.join(',')}]}}`;
}

/** A body without items: a confirmation, a complaint, or nothing but a greeting. */
export const controlBody = (header: PairHeader, what: Pick<PairFrame, 'ack' | 'reset'>): string =>
  JSON.stringify({ ...header, ...what });

const evidence = v.object({
  key: base64url(43),
  sig: base64url(86),
  host: v.pipe(v.string(), v.maxLength(300)),
  opening: base64url(22),
});
const place = { n: network, p: peerId, ad: v.looseObject({}), proof: v.exactOptional(evidence) };
const itemSchema = v.variant('k', [
  v.object({ k: v.literal('snap'), peers: v.array(v.object(place)), last: v.boolean() }),
  v.object({ k: v.literal('join'), ...place, told: v.exactOptional(v.pipe(v.array(peerId), v.maxLength(64))) }),
  v.object({ k: v.literal('leave'), n: network, p: peerId, r: v.pipe(v.string(), v.maxLength(32)) }),
  v.object({
    k: v.literal('bounce'),
    t: v.pipe(v.string(), v.maxLength(64)),
    n: network,
    f: peerId,
    p: peerId,
    a: v.exactOptional(v.custom<string>(isAttemptId)),
  }),
  v.object({ k: v.literal('mesh'), t: v.custom<SignalType>(isSignalType), d: v.looseObject({}) }),
]);

/** One item of a stream. Signals are checked by hand: they are most of all items. */
export function readItem(value: unknown): Item | undefined {
  if (!isObject(value)) return undefined;
  if (value['k'] === 'sig') {
    const { t, n, f, p, d } = value;
    const isSound = typeof t === 'string' && isRouted(t) && typeof n === 'string' && isObject(d);
    return isSound && isPeerId(f) && isPeerId(p) ? { k: 'sig', t, n, f, p, d } : undefined;
  }
  const read = v.safeParse(itemSchema, value);
  return read.success ? read.output : undefined;
}
