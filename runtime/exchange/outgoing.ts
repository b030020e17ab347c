/** What the app says, as the bytes that travel; what it may not say, as an error. */
import type { MessageId } from '../../machines/shared/ids.ts';
import { HOPS_LIMIT, MESSAGE_TTL_MS, PAYLOAD_BYTES_MAX } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { OutgoingOptions } from '../ports/exchange.ts';
import { encodeEnvelope } from '../wire/codec.ts';
import type { Envelope } from '../wire/messages.ts';
import { encodePayload } from '../wire/payload.ts';
import { cut } from './parts.ts';

/** One envelope, and the id that relays know it by. */
export interface Packed {
  readonly id: MessageId;
  readonly envelope: Uint8Array;
}

/**
 * The app's data in one envelope, or in several when it is large; they count on from `base.seq`, and the first has `base.id`.
 * `base.hopsMax` is the default. Throws BAD_OPTION, TOO_LARGE.
 */
export function packEnvelopes(
  base: Omit<Envelope, 'ttlMs' | 'topic' | 'payload'>,
  data: unknown,
  options: OutgoingOptions,
  nextId: () => MessageId,
): readonly Packed[] {
  const payload = encodePayload(data);
  const { hopsMax = base.hopsMax, ttlMs = MESSAGE_TTL_MS, topic } = options;
  if (!Number.isInteger(hopsMax) || hopsMax < 1 || hopsMax > HOPS_LIMIT) {
    throw new MeshError('BAD_OPTION', `hopsMax must be a whole number from 1 to ${HOPS_LIMIT}.`);
  }
  const whole = { ...base, hopsMax, ttlMs, payload, ...(topic === undefined ? {} : { topic }) };
  if (payload.length <= PAYLOAD_BYTES_MAX) return [{ id: base.id, envelope: encodeEnvelope(whole) }];
  return cut(payload).map((piece, index, { length: count }) => {
    const id = index === 0 ? base.id : nextId();
    const part = { whole: base.id, index, count };
    return { id, envelope: encodeEnvelope({ ...whole, id, seq: base.seq + index, payload: piece, part }) };
  });
}
