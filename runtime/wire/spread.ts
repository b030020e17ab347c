/**
 * The messages by which trees are kept and gaps are found, to bytes and back: by hand, since every delivery sends some.
 * Lists are packed into binary data, so that they cost no structure: `IHAVE [repair: 0 | 1, trees: bin 20 each, entries: bin
 * 18 each]`, `GRAFT [tree: bin 20 or 0, id: bin 16 or 0]`, `PRUNE [tree]`, `WANT [ids: bin 16 each]`, `DIGEST [answer: 0 | 1,
 * since: int, until: int, spans: bin 10 each: at - since in 2 bytes, count and sum in 4]`.
 */

import { ANNOUNCE_MAX, DIGEST_SPANS_MAX } from '../../machines/shared/gossip-limits.ts';
import { fromHex, type MessageId, toHex } from '../../machines/shared/ids.ts';
import { HOPS_LIMIT } from '../../machines/shared/limits.ts';
import { checkInteger } from './checks.ts';
import {
  type Announcement,
  type Digest,
  type DigestSpan,
  type Graft,
  type IHave,
  MESSAGE_TYPES,
  type Prune,
  type Want,
} from './messages.ts';
import type { Cursor } from './msgpack-cursor.ts';
import { Writer } from './msgpack-writer.ts';

export type TreeMessage = IHave | Graft | Prune | Want | Digest;

const TREE_BYTES = 20;
const ID_BYTES = 16;
const ENTRY_BYTES = ID_BYTES + 2;
const SPAN_BYTES = 10;
const SPANS_WIDTH_MAX = 65_536;

const writer = new Writer(ANNOUNCE_MAX * (ENTRY_BYTES + TREE_BYTES) + 64);

// ---- encoding ------------------------------------------------------------------------------------------------------

/** Writes one into a space that the next call uses again. Throws a TypeError for what no receiver would accept. */
export function writeTreeMessage(message: TreeMessage): Writer {
  const to = writer.reset();
  const { type } = message;
  to.array(type === 'DIGEST' ? 5 : type === 'IHAVE' ? 4 : type === 'GRAFT' ? 3 : 2);
  to.number(MESSAGE_TYPES[type]);
  switch (type) {
    case 'IHAVE':
      to.number(message.repair ? 1 : 0);
      writeAnnouncements(to, message.entries);
      return to;
    case 'GRAFT':
      writeTree(to, message.tree);
      if (message.id === undefined) to.binaryHead(0);
      else to.hex('id', message.id, ID_BYTES);
      return to;
    case 'PRUNE':
      writeTree(to, message.tree);
      return to;
    case 'WANT':
      checkInteger('ids', message.ids.length, 1, ANNOUNCE_MAX);
      to.binaryHead(message.ids.length * ID_BYTES);
      for (const id of message.ids) to.raw(fromHex(id));
      return to;
    case 'DIGEST':
      return writeDigest(to, message);
  }
}

function writeTree(to: Writer, tree: string): void {
  if (tree === '') to.binaryHead(0);
  else to.hex('tree', tree, TREE_BYTES);
}

function writeAnnouncements(to: Writer, entries: readonly Announcement[]): void {
  checkInteger('entries', entries.length, 1, ANNOUNCE_MAX);
  const trees: string[] = [];
  for (const { tree } of entries) if (tree !== '' && !trees.includes(tree)) trees.push(tree);
  to.binaryHead(trees.length * TREE_BYTES);
  for (const tree of trees) to.raw(fromHex(tree));
  to.binaryHead(entries.length * ENTRY_BYTES);
  for (const { id, tree, hops } of entries) {
    checkInteger('hops', hops, 1, HOPS_LIMIT);
    to.raw(fromHex(id));
    to.byte(tree === '' ? 0 : trees.indexOf(tree) + 1);
    to.byte(hops);
  }
}

function writeDigest(to: Writer, { answer, since, until, spans }: Digest): Writer {
  checkInteger('since', since, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('until', until, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('spans', spans.length, 0, DIGEST_SPANS_MAX);
  to.number(answer ? 1 : 0);
  to.number(since);
  to.number(until);
  to.binaryHead(spans.length * SPAN_BYTES);
  for (const { at, count, sum } of spans) {
    checkInteger('at', at - since, 0, SPANS_WIDTH_MAX - 1);
    to.bigEndian(at - since, 2);
    to.bigEndian(count, 4);
    to.bigEndian(sum, 4);
  }
  return to;
}

// ---- decoding ------------------------------------------------------------------------------------------------------

/** Fields of each, the type apart. */
export const TREE_FIELDS: { readonly [Type in TreeMessage['type']]: number } = {
  IHAVE: 3,
  GRAFT: 2,
  PRUNE: 1,
  WANT: 1,
  DIGEST: 4,
};

/** Reads one whose type came before. Undefined when a field is not of its kind; the caller looks at the cursor too. */
export function readTreeMessage(cursor: Cursor, type: TreeMessage['type']): TreeMessage | undefined {
  switch (type) {
    case 'IHAVE': {
      const repair = cursor.integer(0, 1) === 1;
      const trees = readPacked(cursor, TREE_BYTES, ANNOUNCE_MAX);
      const entries = readPacked(cursor, ENTRY_BYTES, ANNOUNCE_MAX);
      return trees && entries && entries.length > 0 ? readAnnouncements(repair, trees, entries) : undefined;
    }
    case 'GRAFT': {
      const tree = readPacked(cursor, TREE_BYTES, 1);
      const id = readPacked(cursor, ID_BYTES, 1);
      if (tree === undefined || id === undefined) return undefined;
      return id.length === 0 ? { type, tree: toHex(tree) } : { type, tree: toHex(tree), id: toHex(id) };
    }
    case 'PRUNE': {
      const tree = readPacked(cursor, TREE_BYTES, 1);
      return tree && { type, tree: toHex(tree) };
    }
    case 'WANT': {
      const packed = readPacked(cursor, ID_BYTES, ANNOUNCE_MAX);
      return packed && packed.length > 0 ? { type, ids: readIds(packed) } : undefined;
    }
    case 'DIGEST': {
      const answer = cursor.integer(0, 1) === 1;
      const since = cursor.integer(0, Number.MAX_SAFE_INTEGER - SPANS_WIDTH_MAX);
      const until = cursor.integer(0, Number.MAX_SAFE_INTEGER);
      const packed = readPacked(cursor, SPAN_BYTES, DIGEST_SPANS_MAX);
      return packed && { type, answer, since, until, spans: readSpans(packed, since) };
    }
  }
}

/** Binary data of at most `max` pieces of so many bytes each. */
function readPacked(cursor: Cursor, pieceBytes: number, max: number): Uint8Array | undefined {
  const packed = cursor.binary(0, pieceBytes * max);
  return cursor.ok && packed.length % pieceBytes === 0 ? packed : undefined;
}

function readIds(packed: Uint8Array): MessageId[] {
  const ids: MessageId[] = [];
  for (let at = 0; at < packed.length; at += ID_BYTES) ids.push(toHex(packed.subarray(at, at + ID_BYTES)));
  return ids;
}

function readAnnouncements(repair: boolean, trees: Uint8Array, packed: Uint8Array): IHave | undefined {
  const names = [''];
  for (let at = 0; at < trees.length; at += TREE_BYTES) names.push(toHex(trees.subarray(at, at + TREE_BYTES)));
  const entries: Announcement[] = [];
  for (let at = 0; at < packed.length; at += ENTRY_BYTES) {
    const tree = names[packed[at + ID_BYTES] as number];
    const hops = packed[at + ID_BYTES + 1] as number;
    if (tree === undefined || hops < 1) return undefined;
    entries.push({ id: toHex(packed.subarray(at, at + ID_BYTES)), tree, hops });
  }
  return { type: 'IHAVE', repair, entries };
}

function readSpans(packed: Uint8Array, since: number): DigestSpan[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const spans: DigestSpan[] = [];
  for (let at = 0; at < packed.length; at += SPAN_BYTES) {
    spans.push({ at: since + view.getUint16(at), count: view.getUint32(at + 2), sum: view.getUint32(at + 6) });
  }
  return spans;
}
