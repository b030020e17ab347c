/**
 * Finds the envelopes in a frame without reading what else is in it: the simulator looks at every frame that arrives, and
 * the receiver reads it in full. Knows where the id and the kind of an envelope are, and nothing of the rest.
 */
import { HOPS_LIMIT, WIRE_VERSION } from '../../machines/shared/limits.ts';
import { MESSAGE_TYPES } from '../wire/messages.ts';
import { Cursor } from '../wire/msgpack-cursor.ts';

const messages = new Cursor();
const envelope = new Cursor();
/** Bytes before the content of MessagePack's `bin 8`, `bin 16` and `bin 32`. */
const BIN_HEADS: Readonly<Record<number, number>> = { 196: 2, 197: 3, 198: 5 };

/** Calls `found` with the id and the hops of each broadcast in a frame, up to the first byte that makes no sense. */
export function broadcastsIn(frame: Uint8Array, found: (id: string, hops: number) => void): void {
  if (frame[0] !== WIRE_VERSION) return;
  messages.reset(frame, 1);
  while (messages.ok && messages.at < frame.length) {
    let fields = messages.array() - 1;
    const type = messages.number();
    if (messages.ok && type === MESSAGE_TYPES.GOSSIP && fields >= 2) {
      const hops = messages.integer(1, HOPS_LIMIT);
      const id = broadcastAt(frame, messages.at);
      if (messages.ok && id !== undefined) found(id, hops);
      fields--;
    }
    for (; fields > 0 && messages.ok; fields--) messages.skip();
  }
}

/** The id of the envelope in the binary data that begins there; undefined for what is none or no broadcast. */
function broadcastAt(frame: Uint8Array, at: number): string | undefined {
  const head = BIN_HEADS[frame[at] as number];
  if (head === undefined) return undefined;
  envelope.reset(frame, at + head);
  envelope.array();
  const id = envelope.hex(16);
  // Network, source and number.
  for (let left = 3; left > 0; left--) envelope.skip();
  return envelope.integer(0, 2) !== 1 && envelope.ok ? id : undefined;
}
