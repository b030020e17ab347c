/**
 * Link ends of a lying hub's own: a bridge between two peers that take each other for the other end, and a puppet that plays
 * a peer that there is not. They pass on and reflect what peers say; they hold no key but one of the hub's own.
 */
import type { RoutedSignal } from '../../adapters/memory-hub.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import { linkProofBytes } from '../actors/link-proof.ts';
import { fromBase64Url, toBase64Url } from '../identity/index.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { Link, LinkHandlers, LinkPort } from '../ports/link.ts';
import type { LinkSignal, OfferSignal } from '../ports/signaling.ts';
import { decodeFrame, encodeFrame, encodeMessage } from '../wire/codec.ts';
import type { Message, Proof } from '../wire/messages.ts';
import { cheapIdentity } from './cheap-identity.ts';
import { int, type SeededRandom } from './random-streams.ts';

interface EndContext {
  readonly random: SeededRandom;
  readonly clock: MeshClock;
  readonly link: LinkPort;
  deliver(routed: RoutedSignal): boolean;
}

/** Whose the ends are: no peer's id. */
const HUB: PeerId = 'hub';
/** Longer than a peer waits for a dial. */
const PATIENCE_MS = 12_000;

/** What a hub has in place of the peer that somebody dialed. */
export abstract class HubEnd {
  protected readonly context: EndContext;
  protected readonly dialed: RoutedSignal;
  protected readonly offer: OfferSignal;
  readonly #over: () => void;
  readonly #timer: unknown;
  #open = 0;
  #isOver = false;

  constructor(context: EndContext, dialed: RoutedSignal, offer: OfferSignal, over: () => void) {
    this.context = context;
    this.dialed = dialed;
    this.offer = offer;
    this.#over = over;
    this.#timer = context.clock.setTimeout(() => this.end(), PATIENCE_MS);
  }

  /** A signal of the dial, by one of its two ends. Returns what goes on. */
  abstract take(routed: RoutedSignal): readonly RoutedSignal[];
  protected abstract close(): void;

  protected opened(): void {
    // Most have nothing to say first.
  }

  protected openEnd(remote: PeerId, initiator: boolean, handlers: Pick<LinkHandlers, 'onSignal' | 'onFrame'>): Link {
    this.#open++;
    return this.context.link.open(
      { local: HUB, remote, initiator },
      {
        ...handlers,
        onOpen: () => {
          this.context.clock.clearTimeout(this.#timer);
          this.opened();
        },
        onDrain: () => undefined,
        onConnectivity: (state) => {
          if (state === 'failed') this.end();
        },
        onClosed: () => {
          this.end();
          if (--this.#open === 0) this.#over();
        },
      },
    );
  }

  /** Says something to the dialer in the name of the dialed, or the other way round. */
  protected say(to: PeerId, signal: LinkSignal): void {
    const { network, from, to: dialed } = this.dialed;
    const { attempt } = this.offer;
    const said =
      signal.kind === 'offer' ? { ...this.offer, sdp: signal.sdp } : { ...signal, kind: signal.kind, attempt };
    // What an end gives out is an offer, an answer or a candidate, which are what they were but for the attempt.
    this.context.deliver({ network, to, from: to === from ? dialed : from, signal: said as RoutedSignal['signal'] });
  }

  protected end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.context.clock.clearTimeout(this.#timer);
    this.close();
  }
}

export class Bridge extends HubEnd {
  /** Towards who dialed, and towards whom it dialed. */
  readonly #near: Link;
  readonly #far: Link;
  /** What waits until the answer has come that it must look like. */
  #held: LinkSignal[] | undefined = [];
  #nonce: string | undefined;
  /** Frames that came before the other side could take them. */
  readonly #waiting: Readonly<Record<'near' | 'far', Uint8Array[]>> = { near: [], far: [] };

  constructor(context: EndContext, dialed: RoutedSignal, offer: OfferSignal, over: () => void) {
    super(context, dialed, offer, over);
    const { from, to } = dialed;
    this.#far = this.openEnd(to, true, {
      onSignal: (signal) => this.say(to, signal),
      onFrame: (frame) => this.#carry('near', frame),
    });
    this.#near = this.openEnd(from, false, {
      onSignal: (signal) => this.#answer(signal),
      onFrame: (frame) => this.#carry('far', frame),
    });
    this.#near.signal({ kind: 'offer', sdp: offer.sdp });
  }

  take(routed: RoutedSignal): readonly RoutedSignal[] {
    const { signal, from } = routed;
    if (signal.kind === 'candidate') (from === this.dialed.from ? this.#near : this.#far).signal(signal);
    else if (signal.kind === 'answer') this.#answered(signal.sdp, signal.nonce);
    else if (signal.kind !== 'offer') {
      this.end();
      return [routed];
    }
    return [];
  }

  protected close(): void {
    this.#near.close();
    this.#far.close();
  }

  #answered(sdp: string, nonce: string | undefined): void {
    this.#far.signal({ kind: 'answer', sdp });
    this.#nonce ??= nonce;
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const signal of held) this.#answer(signal);
  }

  #answer(signal: LinkSignal): void {
    if (this.#held !== undefined) this.#held.push(signal);
    else
      this.say(this.dialed.from, { ...signal, ...(signal.kind === 'answer' && { nonce: this.#nonce }) } as LinkSignal);
  }

  protected override opened(): void {
    this.#flush('near');
    this.#flush('far');
  }

  #carry(to: 'near' | 'far', frame: Uint8Array): void {
    this.#waiting[to].push(frame);
    this.#flush(to);
  }

  #flush(to: 'near' | 'far'): void {
    const frames = this.#waiting[to];
    const link = to === 'near' ? this.#near : this.#far;
    while (frames[0] !== undefined && link.send(frames[0])) frames.shift();
  }
}

export class Puppet extends HubEnd {
  readonly #end: Link;
  readonly #nonce: string;
  /** The key that the ghost was told of with, another's. */
  readonly #key: string;

  constructor(context: EndContext, dialed: RoutedSignal, offer: OfferSignal, key: string, over: () => void) {
    super(context, dialed, offer, over);
    this.#key = key;
    this.#nonce = toBase64Url(context.random.bytes(16));
    this.#end = this.openEnd(dialed.from, false, {
      onSignal: (signal) =>
        this.say(dialed.from, signal.kind === 'answer' ? { ...signal, nonce: this.#nonce } : signal),
      onFrame: (frame) => this.#heard(frame),
    });
    this.#end.signal({ kind: 'offer', sdp: offer.sdp });
  }

  take({ signal }: RoutedSignal): readonly RoutedSignal[] {
    if (signal.kind === 'candidate') this.#end.signal(signal);
    else if (signal.kind === 'close') this.end();
    return [];
  }

  protected close(): void {
    this.#end.close();
  }

  /** It says what it hears, in the name that it was dialed by. */
  #heard(frame: Uint8Array): void {
    const decoded = decodeFrame(frame);
    for (const message of decoded.ok ? decoded.value.messages : []) {
      if (message.type === 'HELLO') this.#tell({ ...message, peerId: this.dialed.to });
      if (message.type === 'PROOF') this.#tell(this.#proof(message));
    }
  }

  /** The other's own proof; or the key that the ghost was told of with, and a signature that is none; or a good one by a key of the hub's. */
  #proof(theirs: Proof): Proof {
    const { random } = this.context;
    const prints = this.#end.fingerprints;
    const own = cheapIdentity(random.fork('own'));
    const ways = int(random, 3);
    if (ways === 0 || prints === undefined) return theirs;
    if (ways === 1) return { type: 'PROOF', key: fromBase64Url(this.#key) ?? theirs.key, sig: random.bytes(64) };
    const signer = { id: this.dialed.to, nonce: this.#nonce, fingerprint: prints.local };
    const verifier = { id: this.dialed.from, nonce: this.offer.nonce ?? '', fingerprint: prints.remote };
    const sig = own.sign(linkProofBytes(this.offer.attempt, signer, verifier));
    return { type: 'PROOF', key: own.publicKey, sig: sig instanceof Uint8Array ? sig : random.bytes(64) };
  }

  #tell(message: Message): void {
    this.#end.send(encodeFrame([encodeMessage(message)]));
  }
}
