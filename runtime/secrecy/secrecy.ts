/** What only some may read: keys of two peers, and rooms. It says of each message that came what is to be done with it. */
import { fromHex, type MessageId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import { UNREAD_MAX } from '../../machines/shared/trust-limits.ts';
import type { Envelope } from '../wire/messages.ts';
import { decodePayload } from '../wire/payload.ts';
import type { Rooms } from './rooms.ts';
import type { Sessions } from './sessions.ts';

/** First byte of what is sealed for one peer: data of the app, word about a room, or of keys that are there. */
const SEALED = { data: 0, room: 1, keys: 2 } as const;
const ID_BYTES = 16;

export type Opened =
  /** For the app. */
  | { readonly kind: 'data'; readonly payload: Uint8Array; readonly encrypted?: true; readonly room?: string }
  /** For us, and done. `confirm`: its source waits for a receipt. */
  | { readonly kind: 'handled'; readonly confirm: boolean; readonly unread?: readonly MessageId[] }
  /** Not for us to read. */
  | { readonly kind: 'closed' }
  /** For us, and nobody can read it. */
  | { readonly kind: 'unreadable' };

/** What is to be sealed, with its first byte. */
export function plainOf(what: keyof typeof SEALED, payload: Uint8Array): Uint8Array {
  const plain = new Uint8Array(payload.length + 1);
  plain[0] = SEALED[what];
  plain.set(payload, 1);
  return plain;
}

/** What says that keys are there, and which messages could not be read. */
export const keysPlain = (unread: readonly MessageId[]): Uint8Array => plainOf('keys', fromHex(unread.join('')));

/** Opens what came; only signed messages may hold more than plain data. */
export function openEnvelope(
  { form, kind, source, id, payload }: Envelope,
  signing: boolean,
  sessions: Sessions,
  rooms: Rooms,
): Opened {
  if (form === undefined || form === 'plain') return { kind: 'data', payload };
  if (!signing || (form === 'room') !== (kind === 'broadcast')) return { kind: 'unreadable' };
  switch (form) {
    case 'offer':
      return sessions.offered(source, payload) ? { kind: 'handled', confirm: false } : { kind: 'unreadable' };
    case 'answer':
      return sessions.answered(source, payload) ? { kind: 'handled', confirm: false } : { kind: 'unreadable' };
    case 'sealed':
      return openSealed(source, sessions.open(source, id, payload), rooms);
    case 'room': {
      const opened = rooms.unseal(source, id, payload);
      if (opened === undefined) return { kind: 'closed' };
      return { kind: 'data', payload: opened.data, encrypted: true, room: opened.room };
    }
  }
}

function openSealed(source: PeerId, plain: Uint8Array | undefined, rooms: Rooms): Opened {
  if (plain === undefined) return { kind: 'unreadable' };
  const payload = plain.subarray(1);
  if (plain[0] === SEALED.data) return { kind: 'data', payload, encrypted: true };
  if (plain[0] === SEALED.keys) return unreadOf(payload);
  if (plain[0] !== SEALED.room) return { kind: 'unreadable' };
  const control = decodePayload(payload);
  return control.ok && rooms.heard(source, control.value) ? { kind: 'handled', confirm: true } : { kind: 'unreadable' };
}

function unreadOf(ids: Uint8Array): Opened {
  if (ids.length % ID_BYTES !== 0 || ids.length > UNREAD_MAX * ID_BYTES) return { kind: 'unreadable' };
  const unread: MessageId[] = [];
  for (let at = 0; at < ids.length; at += ID_BYTES) unread.push(toHex(ids.subarray(at, at + ID_BYTES)));
  return { kind: 'handled', confirm: true, unread };
}
