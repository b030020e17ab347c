/**
 * Direct messages that others carry, to bytes and back: by hand, since an envelope is copied once into each. `DIRECT [walk: int,
 * hops: int, left: int, visited: bin 4 each, envelope: bin]`, `ASTRAY [id: bin 16, walk: int, left: int, visited: bin 4 each]`.
 */
import {
  DIRECT_STEPS_MAX,
  DIRECT_VISITED_MAX,
  DIRECT_WALKS_MAX,
  MARK_DIGITS,
} from '../../machines/shared/direct-limits.ts';
import { fromHex, toHex } from '../../machines/shared/ids.ts';
import { ENVELOPE_BYTES_MAX, FRAME_BYTES_MAX, HOPS_LIMIT } from '../../machines/shared/limits.ts';
import { checkInteger } from './checks.ts';
import { withRoom } from './frames.ts';
import { MESSAGE_TYPES } from './messages.ts';
import type { Cursor } from './msgpack-cursor.ts';
import { Writer } from './msgpack-writer.ts';
import type { Astray, Direct } from './walk-messages.ts';

const MARK_BYTES = MARK_DIGITS / 2;
const ID_BYTES = 16;
/** Version byte and all of a DIRECT but its envelope and what it visited, headers in their longest form. */
const HEAD_BYTES = 1 + 3 + 1 + 2 + 1 + 3 + 3;
const writer = new Writer(HEAD_BYTES + ID_BYTES + 4 + DIRECT_VISITED_MAX * MARK_BYTES);

/** Fields of each, the type apart. */
export const WALK_FIELDS = { DIRECT: 5, ASTRAY: 4 } as const;

/** What was visited last, as far as a frame has room for it beside the envelope: the rest is found out on the way. */
const fitting = (visited: readonly string[], envelopeBytes: number): readonly string[] => {
  const room = Math.floor((FRAME_BYTES_MAX - HEAD_BYTES - envelopeBytes) / MARK_BYTES);
  const count = Math.max(0, Math.min(visited.length, DIRECT_VISITED_MAX, room));
  return visited.slice(visited.length - count);
};

/** The bytes of one. Throws a TypeError for what no receiver would accept. */
export function encodeWalk(message: Direct | Astray): Uint8Array {
  const { walk, left } = message;
  checkInteger('walk', walk, 0, DIRECT_WALKS_MAX - 1);
  checkInteger('left', left, 0, DIRECT_STEPS_MAX);
  const to = writer.reset();
  to.array(1 + WALK_FIELDS[message.type]);
  to.number(MESSAGE_TYPES[message.type]);
  if (message.type === 'ASTRAY') {
    to.hex('id', message.id, ID_BYTES);
    to.number(walk);
    to.number(left);
    writeVisited(to, fitting(message.visited, 0));
    const bytes = withRoom(to.at);
    to.copyTo(bytes, 0);
    return bytes;
  }
  const { hops, envelope, visited } = message;
  checkInteger('hops', hops, 1, HOPS_LIMIT);
  checkInteger('the length of the envelope', envelope.length, 0, ENVELOPE_BYTES_MAX);
  to.number(walk);
  to.number(hops);
  to.number(left);
  writeVisited(to, fitting(visited, envelope.length));
  to.binaryHead(envelope.length);
  const bytes = withRoom(to.at + envelope.length);
  bytes.set(envelope, to.copyTo(bytes, 0));
  return bytes;
}

function writeVisited(to: Writer, visited: readonly string[]): void {
  to.binaryHead(visited.length * MARK_BYTES);
  for (const mark of visited) {
    const bytes = fromHex(mark);
    checkInteger('the length of a mark', bytes.length, MARK_BYTES, MARK_BYTES);
    to.raw(bytes);
  }
}

/** Reads one whose type came before. Undefined when a field is not of its kind; the caller looks at the cursor too. */
export function readWalk(cursor: Cursor, type: 'DIRECT' | 'ASTRAY'): Direct | Astray | undefined {
  if (type === 'ASTRAY') {
    const id = cursor.hex(ID_BYTES);
    const walk = cursor.integer(0, DIRECT_WALKS_MAX - 1);
    const left = cursor.integer(0, DIRECT_STEPS_MAX);
    const visited = readVisited(cursor);
    return visited && { type, id, walk, left, visited };
  }
  const walk = cursor.integer(0, DIRECT_WALKS_MAX - 1);
  const hops = cursor.integer(1, HOPS_LIMIT);
  const left = cursor.integer(0, DIRECT_STEPS_MAX);
  const visited = readVisited(cursor);
  const envelope = cursor.binary(0, ENVELOPE_BYTES_MAX);
  return visited && { type, walk, hops, left, visited, envelope };
}

function readVisited(cursor: Cursor): string[] | undefined {
  const packed = cursor.binary(0, DIRECT_VISITED_MAX * MARK_BYTES);
  if (!cursor.ok || packed.length % MARK_BYTES !== 0) return undefined;
  const visited: string[] = [];
  for (let at = 0; at < packed.length; at += MARK_BYTES) visited.push(toHex(packed.subarray(at, at + MARK_BYTES)));
  return visited;
}
