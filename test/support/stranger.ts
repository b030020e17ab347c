/** A peer that keeps to no rule: it speaks to the hub and over links by hand, and says whatever a test wants. */
import type { LinkSignal, OfferSignal, PeerSignal, Presence, SignalingFact } from '../../runtime/ports/signaling.ts';
import { decodeFrame, encodeFrame, encodeMessage } from '../../runtime/wire/codec.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import type { MemoryWorld } from './memory-mesh.ts';

/** base64url of 32 zero bytes. */
export const SOME_KEY = 'A'.repeat(43);
const NETWORK = 'test';
const nonce = 'A'.repeat(22);

/** A made-up peer id: `tail` in hex behind `f`s, so that crossing offers go its way and no beacon of its own stands. */
export const idOf = (tail: number): string => tail.toString(16).padStart(40, 'f');

export class Stranger {
  readonly id: string;
  /** Signals of each peer, in order. */
  readonly signals: { readonly from: string; readonly signal: PeerSignal }[] = [];
  /** Messages that came over links, in order. */
  readonly heard: { readonly from: string; readonly message: Message }[] = [];
  frames = 0;
  readonly #world: MemoryWorld;
  readonly #hub: ReturnType<ReturnType<MemoryWorld['network']['signalingPort']>['connect']>;
  readonly #links = new Map<string, ReturnType<ReturnType<MemoryWorld['network']['linkPort']>['open']>>();
  #attempts = 0;

  constructor(world: MemoryWorld, id: string) {
    this.id = id;
    this.#world = world;
    this.#hub = world.network.signalingPort().connect(id, (fact) => this.#onFact(fact));
  }

  announce(presence: Partial<Presence> = {}): this {
    const full = { v: 1, key: SOME_KEY, free: 8, degree: 0, ...presence } as const;
    this.#hub.send({ type: 'announce', network: NETWORK, presence: full });
    return this;
  }

  signal(to: string, signal: PeerSignal): void {
    this.#hub.send({ type: 'signal', network: NETWORK, to, signal });
  }

  attempt(): string {
    this.#attempts++;
    return `${this.#attempts.toString(16).padStart(12, '0')}00000000`;
  }

  /** Offers a link; it stands a moment later unless the other side refuses. */
  dial(to: string, offer: Partial<OfferSignal> = {}): void {
    const attempt = this.attempt();
    const rest = { attempt, key: SOME_KEY, random: false, degree: 7, cap: 8, free: 1, ...offer };
    const onSignal = (signal: LinkSignal): void =>
      this.signal(to, (signal.kind === 'offer' ? { ...rest, ...signal, nonce } : { ...signal, attempt }) as PeerSignal);
    this.#open(to, attempt, rest.random, true, onSignal);
  }

  /** Takes an offer. */
  answer(from: string, { attempt, sdp, random }: OfferSignal): void {
    const onSignal = (signal: LinkSignal): void => this.signal(from, { ...signal, nonce, attempt } as PeerSignal);
    this.#open(from, attempt, random, false, onSignal).signal({ kind: 'offer', sdp });
  }

  #open(remote: string, attempt: string, random: boolean, initiator: boolean, onSignal: (signal: LinkSignal) => void) {
    const link = this.#world.network.linkPort().open(
      { local: this.id, remote, initiator },
      {
        onSignal,
        onOpen: () => {
          const hello = {
            type: 'HELLO',
            peerId: this.id,
            attempt,
            mark: attempt,
            random,
            cap: 8,
            features: ['signed'],
          } as const;
          this.say(remote, hello, { type: 'PROOF', key: new Uint8Array(32), sig: new Uint8Array(64) });
        },
        onFrame: (frame) => {
          this.frames++;
          const decoded = decodeFrame(frame);
          if (!decoded.ok) throw new Error(decoded.error.why);
          for (const message of decoded.value.messages) this.heard.push({ from: remote, message });
        },
        onDrain: () => undefined,
        onConnectivity: () => undefined,
        onClosed: () => undefined,
      },
    );
    this.#links.set(remote, link);
    return link;
  }

  /** Sends messages in one frame. */
  say(to: string, ...messages: Message[]): void {
    this.#links.get(to)?.send(encodeFrame(messages.map(encodeMessage)));
  }

  #onFact(fact: SignalingFact): void {
    if (fact.type !== 'signal') return;
    const { from, signal } = fact;
    this.signals.push({ from, signal });
    if (signal.kind === 'answer' || signal.kind === 'candidate') this.#links.get(from)?.signal(signal);
  }
}
