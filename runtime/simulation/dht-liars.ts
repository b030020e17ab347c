/**
 * Peers that lie in the DHT and keep to the rules in all else: each in one way. What they cannot do is sign for others, so that
 * a lie is silence, rubbish, something old, or a promise.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import { readRecords } from '../dht/bodies.ts';
import { decodeFrame, encodeMessages } from '../wire/codec.ts';
import type { DhtAnswer, DhtAsk, Message } from '../wire/messages.ts';
import type { Adversary, AdversaryContext } from './adversary.ts';

/** Passes nothing on; changes what it passes on; gives out the oldest that it ever saw; says that it holds what it does not. */
const WAYS = ['drop', 'alter', 'old', 'shirk'] as const;

/** Messages that go on in place of one. */
type Twist = (message: Message) => readonly Message[];

function twisted(frame: Uint8Array, twist: Twist): readonly Uint8Array[] {
  const decoded = decodeFrame(frame);
  if (!decoded.ok) return [frame];
  const { messages } = decoded.value;
  if (!messages.some(({ type }) => type === 'DHT_ASK' || type === 'DHT_ANSWER')) return [frame];
  return encodeMessages(messages.flatMap(twist));
}

function altered(answer: DhtAnswer): DhtAnswer {
  const body = answer.body.slice();
  const at = body.length - 1;
  if (at >= 0) body[at] = (body[at] as number) ^ 1;
  return { ...answer, body };
}

const isOfOthers = (message: DhtAsk | DhtAnswer): boolean => message.way.length > 1;

/** The `nth` liar. */
export function liar(nth: number): Adversary {
  const way = WAYS[nth % WAYS.length] as (typeof WAYS)[number];
  const oldest = new Map<string, Uint8Array>();
  /** The first version that was seen of a key stands for all later ones. */
  const aged = (answer: DhtAnswer): DhtAnswer => {
    const key = answer.verb === 'value' ? readRecords(answer.body)?.[0]?.key : undefined;
    if (key === undefined) return answer;
    const first = oldest.get(key) ?? answer.body.slice();
    oldest.set(key, first);
    return { ...answer, body: first };
  };
  const said: Twist = (message) => {
    if (message.type === 'DHT_ASK') return way === 'drop' && isOfOthers(message) ? [] : [message];
    if (message.type !== 'DHT_ANSWER') return [message];
    if (way === 'drop') return [];
    return [way === 'alter' ? altered(message) : way === 'old' ? aged(message) : message];
  };
  const shirks = (context: AdversaryContext, from: PeerId, frame: Uint8Array): readonly Uint8Array[] =>
    twisted(frame, (message) => {
      const isGift = message.type === 'DHT_ASK' && (message.verb === 'store' || message.verb === 'copy');
      if (!isGift || message.target !== context.self) return [message];
      const { id, path, verb, way } = message;
      const thanks = { outcome: 'done', by: context.self, hops: way.length, nodes: [context.self] } as const;
      const answer: DhtAnswer = { type: 'DHT_ANSWER', id, path, verb, ...thanks, way, body: new Uint8Array(0) };
      for (const reply of encodeMessages([answer])) context.injectFrame(from, reply);
      return [];
    });
  return {
    name: `dht-${way}`,
    sendFrame: (_context, _to, frame) => twisted(frame, said),
    ...(way === 'shirk' && { receiveFrame: shirks }),
  };
}
