/**
 * The messages by which a reliable broadcast is confirmed, to bytes and back: `CONFIRM [id: bin 16, flags: 1 all | 2 signed,
 * entries: bin 96 (key and signature) or 20 (id, where nothing is signed) each]`, `REMIND [id: bin 16, tree: bin 20 or 0,
 * hops: int, round: int, wide: 0 | 1]`.
 */
import type { TreeId } from '../../machines/gossip/trees.core.ts';
import { CONFIRM_ENTRIES_MAX, RELIABLE_RETRIES_MAX } from '../../machines/shared/gossip-limits.ts';
import { fromHex, isPeerId, type MessageId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import { HOPS_LIMIT } from '../../machines/shared/limits.ts';
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from '../ports/crypto.ts';
import { checkInteger } from './checks.ts';
import { type EnvelopeSignature, MESSAGE_TYPES } from './messages.ts';
import type { Cursor } from './msgpack-cursor.ts';
import { Writer } from './msgpack-writer.ts';

/** Who confirms: by its id, or by its key, which hashes to it, and a signature over CONFIRM_LABEL and the id of the message. */
export type Confirmation = { readonly id: PeerId } | EnvelopeSignature;

/**
 * Who confirmed a reliable broadcast, as far as the sender of this knows and has not told yet; at most CONFIRM_ENTRIES_MAX.
 * `all`: nobody to whom it passed the message on owes a word any more. Sent to whoever brought the message: once, when all is
 * there, and with what there is meanwhile when somebody is slow. Without entries to whoever brought a message that came before.
 */
export interface Confirm {
  readonly type: 'CONFIRM';
  readonly id: MessageId;
  readonly all: boolean;
  readonly entries: readonly Confirmation[];
}

/**
 * The source of a reliable broadcast asks again who confirmed, a round at a time. Whoever has the message passes it on to
 * those that owe a word (`wide`: to all), and answers with all it knows; whoever has it not takes it for an announcement.
 */
export interface Remind {
  readonly type: 'REMIND';
  readonly id: MessageId;
  readonly tree: TreeId;
  /** Links the message will have crossed when it comes over this one. */
  readonly hops: number;
  /** 1 to RELIABLE_RETRIES_MAX. */
  readonly round: number;
  readonly wide: boolean;
}

export type ConfirmingMessage = Confirm | Remind;

const ID_BYTES = 16;
const PEER_BYTES = 20;
const SIGNED_BYTES = PUBLIC_KEY_BYTES + SIGNATURE_BYTES;
const ALL = 1;
const SIGNED = 2;

const writer = new Writer(CONFIRM_ENTRIES_MAX * SIGNED_BYTES + 64);

/** Writes one into a space that the next call uses again. Throws a TypeError for what no receiver would accept. */
export function writeConfirming(message: ConfirmingMessage): Writer {
  const to = writer.reset();
  to.array(message.type === 'CONFIRM' ? 4 : 6);
  to.number(MESSAGE_TYPES[message.type]);
  to.hex('id', message.id, ID_BYTES);
  if (message.type === 'CONFIRM') {
    writeEntries(to, message);
    return to;
  }
  const { tree, hops, round, wide } = message;
  if (tree === '') to.binaryHead(0);
  else to.hex('tree', tree, PEER_BYTES);
  checkInteger('hops', hops, 1, HOPS_LIMIT);
  checkInteger('round', round, 1, RELIABLE_RETRIES_MAX);
  to.number(hops);
  to.number(round);
  to.number(wide ? 1 : 0);
  return to;
}

function writeEntries(to: Writer, { all, entries }: Confirm): void {
  checkInteger('entries', entries.length, 0, CONFIRM_ENTRIES_MAX);
  const [first] = entries;
  const isSigned = first !== undefined && 'sig' in first;
  to.number((all ? ALL : 0) | (isSigned ? SIGNED : 0));
  to.binaryHead(entries.length * (isSigned ? SIGNED_BYTES : PEER_BYTES));
  for (const entry of entries) {
    if ('sig' in entry !== isSigned) throw new TypeError('some confirmations are signed and some are not');
    if (!('sig' in entry)) {
      if (!isPeerId(entry.id)) throw new TypeError('a confirmation names no peer');
      to.raw(fromHex(entry.id));
      continue;
    }
    if (entry.key.length !== PUBLIC_KEY_BYTES || entry.sig.length !== SIGNATURE_BYTES) {
      throw new TypeError(`a key has ${PUBLIC_KEY_BYTES} bytes, a signature ${SIGNATURE_BYTES}`);
    }
    to.raw(entry.key);
    to.raw(entry.sig);
  }
}

/** Fields of each, the type apart. */
export const CONFIRMING_FIELDS: { readonly [Type in ConfirmingMessage['type']]: number } = { CONFIRM: 3, REMIND: 5 };

/** Reads one whose type came before. Undefined when a field is not of its kind; the caller looks at the cursor too. */
export function readConfirming(cursor: Cursor, type: ConfirmingMessage['type']): ConfirmingMessage | undefined {
  const id = cursor.hex(ID_BYTES);
  if (type === 'CONFIRM') {
    const flags = cursor.integer(0, ALL | SIGNED);
    const entries = readEntries(cursor, (flags & SIGNED) !== 0);
    return entries && { type, id, all: (flags & ALL) !== 0, entries };
  }
  const tree = cursor.binary(0, PEER_BYTES);
  const hops = cursor.integer(1, HOPS_LIMIT);
  const round = cursor.integer(1, RELIABLE_RETRIES_MAX);
  const wide = cursor.integer(0, 1) === 1;
  if (!cursor.ok || (tree.length !== 0 && tree.length !== PEER_BYTES)) return undefined;
  return { type, id, tree: toHex(tree), hops, round, wide };
}

function readEntries(cursor: Cursor, isSigned: boolean): Confirmation[] | undefined {
  const each = isSigned ? SIGNED_BYTES : PEER_BYTES;
  const packed = cursor.binary(0, each * CONFIRM_ENTRIES_MAX);
  if (!cursor.ok || packed.length % each !== 0) return undefined;
  // A copy: entries are kept, and views of the frame would keep it.
  const bytes = packed.slice();
  const entries: Confirmation[] = [];
  for (let at = 0; at < bytes.length; at += each) {
    const keyEnd = at + PUBLIC_KEY_BYTES;
    entries.push(
      isSigned
        ? { key: bytes.subarray(at, keyEnd), sig: bytes.subarray(keyEnd, at + each) }
        : { id: toHex(bytes.subarray(at, at + each)) },
    );
  }
  return entries;
}
