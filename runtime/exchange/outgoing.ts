/** What the app says, as the bytes that travel; what it may not say, as an error. */
import { HOPS_LIMIT, MESSAGE_TTL_MS } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { OutgoingOptions } from '../ports/exchange.ts';
import { encodeEnvelope } from '../wire/codec.ts';
import type { Envelope } from '../wire/messages.ts';
import { encodePayload } from '../wire/payload.ts';

/** An envelope around the app's data. `base.hopsMax` is the default. Throws BAD_OPTION, TOO_LARGE. */
export function packEnvelope(
  base: Omit<Envelope, 'ttlMs' | 'topic' | 'payload'>,
  data: unknown,
  options: OutgoingOptions,
): Uint8Array {
  const payload = encodePayload(data);
  const { hopsMax = base.hopsMax, ttlMs = MESSAGE_TTL_MS, topic } = options;
  if (!Number.isInteger(hopsMax) || hopsMax < 1 || hopsMax > HOPS_LIMIT) {
    throw new MeshError('BAD_OPTION', `hopsMax must be a whole number from 1 to ${HOPS_LIMIT}.`);
  }
  return encodeEnvelope({ ...base, hopsMax, ttlMs, payload, ...(topic === undefined ? {} : { topic }) });
}
