/** What is said, as the envelopes that travel; what may not be, as an error. */
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { HOPS_LIMIT, LINK_QUEUE_BYTES_MAX, MESSAGE_TTL_MS, PAYLOAD_BYTES_MAX } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';
import type { OutgoingOptions } from '../ports/exchange.ts';
import { encodeOriginated, type Originated } from '../wire/codec.ts';
import type { Envelope } from '../wire/messages.ts';
import type { LinkTable } from './link-table.ts';
import { cut } from './parts.ts';

/** What an envelope says beside its contents. */
export type Heading = Omit<Envelope, 'payload' | 'topic'>;

/** One envelope in the message that carries it, and the id that relays know it by. */
export interface Packed extends Originated {
  readonly id: MessageId;
  readonly heading: Heading;
}

export const signerFailed = (cause: unknown): MeshError =>
  new MeshError('SIGNER_FAILED', `The identity signed nothing: ${String(cause)}`, { cause });

export const unreachable = (to: PeerId): MeshError =>
  new MeshError('UNREACHABLE', 'There is no link to send on.', { peerId: to });

/** What is to be packed, whatever its size. `payload` is the whole of it. */
export type Unpacked = Omit<Envelope, 'part' | 'signature'>;

/** How far and how long it goes, `hopsMax` by default so far. Throws BAD_OPTION. */
export function reachOf(options: OutgoingOptions, hopsMax: number): Pick<Envelope, 'hopsMax' | 'ttlMs'> {
  const reach = { hopsMax: options.hopsMax ?? hopsMax, ttlMs: options.ttlMs ?? MESSAGE_TTL_MS };
  if (Number.isInteger(reach.hopsMax) && reach.hopsMax >= 1 && reach.hopsMax <= HOPS_LIMIT) return reach;
  throw new MeshError('BAD_OPTION', `hopsMax must be a whole number from 1 to ${HOPS_LIMIT}.`);
}

/**
 * In one envelope, or in several when it is large; they count on from `whole.seq`, and the first has `whole.id`. `isSigned`:
 * each envelope has room for a signature. Throws BAD_OPTION, TOO_LARGE.
 */
export function packEnvelopes(whole: Unpacked, isSigned: boolean, nextId: () => MessageId): readonly Packed[] {
  const { id, seq, payload } = whole;
  if (payload.length <= PAYLOAD_BYTES_MAX) return [packedAs(id, whole, encodeOriginated(whole, isSigned))];
  return cut(payload).map((piece, index, { length: count }) => {
    const partId = index === 0 ? id : nextId();
    const place = { whole: id, index, count };
    const piecewise = { ...whole, id: partId, seq: seq + index, payload: piece, part: place };
    const said = index === 0 ? piecewise : { ...piecewise, confirmMs: undefined };
    return packedAs(partId, whole, encodeOriginated(said, isSigned));
  });
}

const packedAs = (id: MessageId, heading: Heading, { envelope, message }: Originated): Packed => ({
  id,
  heading,
  envelope,
  message,
});

/** A large message that misses a part is lost: it is not begun when no link has room for all of it. Throws QUEUE_FULL. */
export function checkRoom(packed: readonly Packed[], table: LinkTable): void {
  const bytes = packed.reduce((sum, { envelope }) => sum + envelope.length, 0);
  const links = [...table.all()].filter((entry) => entry.carries);
  if (links.length === 0 || links.some((entry) => entry.queuedBytes + bytes <= LINK_QUEUE_BYTES_MAX)) return;
  throw new MeshError('QUEUE_FULL', 'What was sent before still waits for every link: try again later.');
}
