/**
 * Who said it: signs what is ours and checks what comes, when the messages of this network are signed; lets everything pass
 * when they are not. Four things are signed, each behind a label of its own, so that no signature passes for another's:
 * envelopes, receipts, confirmations and beacons. What only the neighbour itself can have sent (its list of neighbours, its answers) needs no
 * signature: the link was proven.
 */
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import { peerIdOf, verify, verifyClaim } from '../identity/index.ts';
import type { Identity } from '../ports/identity.ts';
import { putSignature, signedPart } from '../wire/codec.ts';
import type { Beacon, Confirmation, Envelope, EnvelopeSignature, Receipt } from '../wire/messages.ts';

/** A line feed ends each, and versions it: another way to sign is another label. */
export const ENVELOPE_LABEL = 'xstate-mesh/envelope/1\n';
export const RECEIPT_LABEL = 'xstate-mesh/receipt/1\n';
/** Over the id of the message alone, of which its source is part: who confirms is whoever signs. */
export const CONFIRM_LABEL = 'xstate-mesh/confirm/1\n';
export const BEACON_LABEL = 'xstate-mesh/beacon/1\n';
/** Hex digits of its source's id that a message's id begins with. */
export const ID_PREFIX_DIGITS = 16;

const utf8 = new TextEncoder();
const envelopeLabel = utf8.encode(ENVELOPE_LABEL);

/** `unsigned`: it should be signed, or should not. */
export type Finding = 'authentic' | 'forged' | 'unsigned';

export interface AuthenticityOptions {
  readonly identity: Identity;
  readonly signing: boolean;
}

/** The bytes that an envelope's signature is over. */
export function envelopeClaim(body: Uint8Array): Uint8Array {
  const message = new Uint8Array(envelopeLabel.length + body.length);
  message.set(envelopeLabel);
  message.set(body, envelopeLabel.length);
  return message;
}

export class Authenticity {
  readonly #identity: Identity;
  readonly signing: boolean;

  constructor({ identity, signing }: AuthenticityOptions) {
    this.#identity = identity;
    this.signing = signing;
  }

  // ---- ours --------------------------------------------------------------------------------------------------------

  /** Fills in the signature of an envelope that has room for it. Throws, or rejects with, what the signer threw. */
  sign(envelope: Uint8Array): undefined | Promise<undefined> {
    if (!this.signing) return undefined;
    return this.#signed(envelopeClaim(signedPart(envelope)), (signature) => void putSignature(envelope, signature));
  }

  receipt(receipt: Receipt): Receipt | Promise<Receipt> {
    if (!this.signing) return receipt;
    return this.#signed(receiptClaim(receipt), (signature) => ({ ...receipt, signature }));
  }

  /** Our word that a reliable broadcast reached us. */
  confirmation(id: MessageId): Confirmation | Promise<Confirmation> {
    if (!this.signing) return { id: this.#identity.peerId };
    return this.#signed(confirmClaim(id), (signature) => signature);
  }

  beacon(beacon: Beacon): Beacon | Promise<Beacon> {
    if (!this.signing) return beacon;
    return this.#signed(beaconClaim(beacon), (signature) => ({ ...beacon, signature }));
  }

  #signed<Result>(message: Uint8Array, make: (signature: EnvelopeSignature) => Result): Result | Promise<Result> {
    const key = this.#identity.publicKey;
    const sig = this.#identity.sign(message);
    return sig instanceof Uint8Array ? make({ key, sig }) : sig.then((sig) => make({ key, sig }));
  }

  // ---- theirs ------------------------------------------------------------------------------------------------------

  /** A signature can be checked at once, if need be, although it takes the thread's time. */
  get canCheckNow(): boolean {
    return this.#identity.verify === undefined;
  }

  /**
   * `bytes` are the envelope's. `onItsWord`: its source, proven to be who it is, told us itself, and nobody hears it from us yet.
   * `now`: the answer is not to be waited for.
   */
  envelope(bytes: Uint8Array, envelope: Envelope, onItsWord: boolean, now = false): Finding | Promise<Finding> {
    const { signature, source, id } = envelope;
    if (this.signing !== (signature !== undefined)) return 'unsigned';
    if (signature === undefined) return 'authentic';
    if (id.slice(0, ID_PREFIX_DIGITS) !== source.slice(0, ID_PREFIX_DIGITS)) return 'forged';
    if (onItsWord) return 'authentic';
    const message = envelopeClaim(signedPart(bytes));
    if (now && this.canCheckNow) return isHeldNow(source, signature, message) ? 'authentic' : 'forged';
    return this.#holds(source, signature, message);
  }

  receiptOf(receipt: Receipt, from: PeerId): Finding | Promise<Finding> {
    if (!this.signing || receipt.from === from) return 'authentic';
    if (receipt.signature === undefined) return 'unsigned';
    return this.#holds(receipt.from, receipt.signature, receiptClaim(receipt));
  }

  /** Whether all of these peers did confirm. */
  confirmations(
    id: MessageId,
    list: readonly { readonly id: PeerId; readonly said: Confirmation }[],
  ): Finding | Promise<Finding> {
    const message = confirmClaim(id);
    const awaited: Promise<Finding>[] = [];
    for (const { id: peerId, said } of list) {
      if ('sig' in said !== this.signing) return 'unsigned';
      const finding = 'sig' in said ? this.#holds(peerId, said, message) : 'authentic';
      if (finding instanceof Promise) awaited.push(finding);
      else if (finding !== 'authentic') return finding;
    }
    if (awaited.length === 0) return 'authentic';
    return Promise.all(awaited).then((findings) => findings.find((found) => found !== 'authentic') ?? 'authentic');
  }

  beaconOf(beacon: Beacon): Finding | Promise<Finding> {
    if (!this.signing) return 'authentic';
    if (beacon.signature === undefined) return 'unsigned';
    return this.#holds(beacon.root, beacon.signature, beaconClaim(beacon));
  }

  #holds(peerId: PeerId, { key, sig }: EnvelopeSignature, message: Uint8Array): Finding | Promise<Finding> {
    const claim = { peerId, publicKey: key, message, signature: sig };
    const finding = (holds: boolean): Finding => (holds ? 'authentic' : 'forged');
    try {
      const holds = this.#identity.verify === undefined ? verifyClaim(claim) : this.#identity.verify(claim);
      return typeof holds === 'boolean' ? finding(holds) : holds.then(finding);
    } catch {
      // A verifier of the app's own that throws has not found the signature to hold.
      return 'forged';
    }
  }
}

const isHeldNow = (peerId: PeerId, { key, sig }: EnvelopeSignature, message: Uint8Array): boolean =>
  peerIdOf(key) === peerId && verify(key, message, sig);

/** Who gives this word. */
export const confirmerOf = (said: Confirmation): PeerId => ('sig' in said ? peerIdOf(said.key) : said.id);

const confirmClaim = (id: MessageId): Uint8Array => utf8.encode(`${CONFIRM_LABEL}${id}`);

/** No network: the id belongs to one message, which names it. */
const receiptClaim = ({ id, from, hops }: Receipt): Uint8Array =>
  utf8.encode(`${RECEIPT_LABEL}${JSON.stringify([id, from, hops])}`);

/** No network: a guest of one may be the root of its component. */
const beaconClaim = ({ root, seq }: Beacon): Uint8Array => utf8.encode(`${BEACON_LABEL}${JSON.stringify([root, seq])}`);
