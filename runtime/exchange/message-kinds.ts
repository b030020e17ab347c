/** Kinds of messages that the exchange treats alike. */
import type { Message } from '../wire/messages.ts';

/** Once a link, or the data plane's own: these have other bounds. */
export const UNCHARGED: ReadonlySet<Message['type']> = new Set([
  'HELLO',
  'PROOF',
  'CLOSE',
  'ACK',
  'RELAY',
  'UNROUTED',
  'GOSSIP',
  'DIRECT',
  'ASTRAY',
  'RECEIPT',
  'IHAVE',
  'GRAFT',
  'WANT',
  'DHT_ASK',
  'DHT_ANSWER',
  'CONFIRM',
  'REMIND',
  'TELL',
]);

/** Heard before a link is admitted. */
export const GREETINGS: ReadonlySet<Message['type']> = new Set(['HELLO', 'PROOF', 'CLOSE']);
