/** What is said, as the envelopes that travel; what may not be, as an error. */
import type { MessageId } from '../../machines/shared/ids.ts';
import { HOPS_LIMIT, MESSAGE_TTL_MS, PAYLOAD_BYTES_MAX } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { OutgoingOptions } from '../ports/exchange.ts';
import { encodeOriginated, type Originated } from '../wire/codec.ts';
import type { Envelope } from '../wire/messages.ts';
import { cut } from './parts.ts';

/** What an envelope says beside its contents. */
export type Heading = Omit<Envelope, 'payload' | 'topic'>;

/** One envelope in the message that carries it, and the id that relays know it by. */
export interface Packed extends Originated {
  readonly id: MessageId;
  readonly heading: Heading;
}

/**
 * A payload in one envelope, or in several when it is large; they count on from `base.seq`, and the first has `base.id`.
 * `base.hopsMax` is the default. `isSigned`: each envelope has room for a signature. Throws BAD_OPTION, TOO_LARGE.
 */
export function packEnvelopes(
  base: Omit<Envelope, 'ttlMs' | 'topic' | 'payload' | 'part' | 'signature'>,
  payload: Uint8Array,
  options: OutgoingOptions,
  { nextId, isSigned }: { readonly nextId: () => MessageId; readonly isSigned: boolean },
): readonly Packed[] {
  const { hopsMax = base.hopsMax, ttlMs = MESSAGE_TTL_MS, topic } = options;
  if (!Number.isInteger(hopsMax) || hopsMax < 1 || hopsMax > HOPS_LIMIT) {
    throw new MeshError('BAD_OPTION', `hopsMax must be a whole number from 1 to ${HOPS_LIMIT}.`);
  }
  const { id, network, source, seq, kind, own, to, sentAtMs, form, order, confirmMs } = base;
  // Field by field: a copy of `base` with more in it takes longer than writing all bytes.
  const whole = {
    id,
    network,
    source,
    seq,
    kind,
    own,
    to,
    hopsMax,
    sentAtMs,
    ttlMs,
    topic,
    payload,
    form,
    order,
    confirmMs,
  };
  const packed = (partId: MessageId, { envelope, message }: Originated): Packed => ({
    id: partId,
    heading: whole,
    envelope,
    message,
  });
  if (payload.length <= PAYLOAD_BYTES_MAX) return [packed(id, encodeOriginated(whole, isSigned))];
  return cut(payload).map((piece, index, { length: count }) => {
    const partId = index === 0 ? id : nextId();
    const place = { whole: id, index, count };
    const piecewise = { ...whole, id: partId, seq: seq + index, payload: piece, part: place };
    return packed(partId, encodeOriginated(index === 0 ? piecewise : { ...piecewise, confirmMs: undefined }, isSigned));
  });
}
