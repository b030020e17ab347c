import { encodeEnvelope } from '../../runtime/wire/codec.ts';
import type { Envelope, Gossip } from '../../runtime/wire/messages.ts';
import { encodePayload } from '../../runtime/wire/payload.ts';
import { REMOTE } from './exchange-kit.ts';

let ids = 0;
/** An envelope of its own id on its way. */
export function gossip(more: Partial<Envelope> = {}, hops = 1): Gossip {
  const envelope: Envelope = {
    id: (++ids).toString(16).padStart(32, '0'),
    network: 'n',
    source: REMOTE,
    seq: 1,
    kind: 'broadcast',
    hopsMax: 10,
    sentAtMs: 1_000_000,
    ttlMs: 120_000,
    payload: encodePayload('hi'),
    ...more,
  };
  return { type: 'GOSSIP', hops, envelope: encodeEnvelope(envelope) };
}
/** What no decoder reads. */
export const BAD_PAYLOAD = new Uint8Array([0xc1]);
export const direct = { timeoutMs: 5_000 };
