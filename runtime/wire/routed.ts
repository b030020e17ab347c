/**
 * The messages of the DHT to bytes and back, by hand: each crosses several peers, which read little of it. Layouts are with the
 * types in `dht-messages.ts`. Bodies are views of the frame they came in: whoever keeps one keeps the frame.
 */
import {
  DHT_BODY_BYTES_MAX,
  DHT_DETOURS_MAX,
  DHT_HOPS_MAX,
  DHT_K_MAX,
  DHT_PATHS_MAX,
} from '../../machines/shared/dht-routing-limits.ts';
import { fromHex, isPeerId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import { checkInteger } from './checks.ts';
import { DHT_OUTCOMES, DHT_VERBS, type DhtAnswer, type DhtAsk, type RoutedMessage } from './dht-messages.ts';
import { MESSAGE_TYPES } from './messages.ts';
import type { Cursor } from './msgpack-cursor.ts';
import { Writer } from './msgpack-writer.ts';

const ID_BYTES = 8;
const PEER_BYTES = 20;

const writer = new Writer(DHT_BODY_BYTES_MAX + PEER_BYTES * (DHT_HOPS_MAX + DHT_K_MAX) + 128);

/** Fields of each, the type apart. */
export const ROUTED_FIELDS = { DHT_ASK: 8, DHT_ANSWER: 9 } as const;

/** Writes one into a space that the next call uses again. Throws a TypeError for what no receiver would accept. */
export function writeRouted(message: RoutedMessage): Writer {
  const to = writer.reset();
  to.array(ROUTED_FIELDS[message.type] + 1);
  to.number(MESSAGE_TYPES[message.type]);
  to.hex('id', message.id, ID_BYTES);
  checkInteger('path', message.path, 0, DHT_PATHS_MAX - 1);
  to.number(message.path);
  to.number(indexIn('verb', DHT_VERBS, message.verb));
  if (message.type === 'DHT_ASK') writeAsk(to, message);
  else writeAnswer(to, message);
  return to;
}

function writeAsk(to: Writer, { target, exact, detours, way, body }: DhtAsk): void {
  to.hex('target', target, PEER_BYTES);
  to.number(exact ? 1 : 0);
  checkInteger('detours', detours, 0, DHT_DETOURS_MAX);
  to.number(detours);
  writePeers(to, 'way', way, 1, DHT_HOPS_MAX);
  writeBody(to, body);
}

function writeAnswer(to: Writer, { outcome, by, hops, way, nodes, body }: DhtAnswer): void {
  to.number(indexIn('outcome', DHT_OUTCOMES, outcome));
  to.hex('by', by, PEER_BYTES);
  checkInteger('hops', hops, 0, DHT_HOPS_MAX);
  to.number(hops);
  writePeers(to, 'way', way, 1, DHT_HOPS_MAX);
  writePeers(to, 'nodes', nodes, 0, DHT_K_MAX);
  writeBody(to, body);
}

function indexIn<Value extends string>(field: string, values: readonly Value[], value: Value): number {
  const index = values.indexOf(value);
  if (index < 0) throw new TypeError(`${field} is not known: ${String(value)}`);
  return index;
}

function writePeers(to: Writer, field: string, peers: readonly PeerId[], min: number, max: number): void {
  checkInteger(field, peers.length, min, max);
  to.binaryHead(peers.length * PEER_BYTES);
  for (const peer of peers) {
    if (!isPeerId(peer)) throw new TypeError(`${field} lists what is no peer id`);
    to.raw(fromHex(peer));
  }
}

function writeBody(to: Writer, body: Uint8Array): void {
  if (!(body instanceof Uint8Array)) throw new TypeError('body is not bytes');
  checkInteger('body', body.length, 0, DHT_BODY_BYTES_MAX);
  to.binaryHead(body.length);
  to.raw(body);
}

/** Reads one whose type came before. Undefined when a field is not of its kind; the caller looks at the cursor too. */
export function readRouted(cursor: Cursor, type: RoutedMessage['type']): RoutedMessage | undefined {
  const id = cursor.hex(ID_BYTES);
  const path = cursor.integer(0, DHT_PATHS_MAX - 1);
  const verb = DHT_VERBS[cursor.integer(0, DHT_VERBS.length - 1)];
  if (verb === undefined) return undefined;
  return type === 'DHT_ASK' ? readAsk(cursor, { id, path, verb }) : readAnswer(cursor, { id, path, verb });
}

function readAsk(cursor: Cursor, head: Pick<DhtAsk, 'id' | 'path' | 'verb'>): DhtAsk | undefined {
  const target = cursor.hex(PEER_BYTES);
  const exact = cursor.integer(0, 1) === 1;
  const detours = cursor.integer(0, DHT_DETOURS_MAX);
  const way = readPeers(cursor, 1, DHT_HOPS_MAX);
  const body = cursor.binary(0, DHT_BODY_BYTES_MAX);
  if (way === undefined) return undefined;
  return { type: 'DHT_ASK', ...head, target, exact, detours, way, body };
}

function readAnswer(cursor: Cursor, head: Pick<DhtAnswer, 'id' | 'path' | 'verb'>): DhtAnswer | undefined {
  const outcome = DHT_OUTCOMES[cursor.integer(0, DHT_OUTCOMES.length - 1)];
  const by = cursor.hex(PEER_BYTES);
  const hops = cursor.integer(0, DHT_HOPS_MAX);
  const way = readPeers(cursor, 1, DHT_HOPS_MAX);
  const nodes = readPeers(cursor, 0, DHT_K_MAX);
  const body = cursor.binary(0, DHT_BODY_BYTES_MAX);
  if (outcome === undefined || way === undefined || nodes === undefined) return undefined;
  return { type: 'DHT_ANSWER', ...head, outcome, by, hops, way, nodes, body };
}

function readPeers(cursor: Cursor, min: number, max: number): PeerId[] | undefined {
  const packed = cursor.binary(min * PEER_BYTES, max * PEER_BYTES);
  if (!cursor.ok || packed.length % PEER_BYTES !== 0) return undefined;
  const peers: PeerId[] = [];
  for (let at = 0; at < packed.length; at += PEER_BYTES) peers.push(toHex(packed.subarray(at, at + PEER_BYTES)));
  return peers;
}
