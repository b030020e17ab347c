/**
 * Somebody who carries the signals of peers and sits down in between: each offer is answered by a link of his own, a second
 * one is offered to the other side, and what comes over one goes out over the other, byte for byte. He changes nothing but
 * the descriptions, since all else would be noticed sooner.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Link, LinkHandlers, LinkPort } from '../../runtime/ports/link.ts';
import type {
  AnswerSignal,
  LinkSignal,
  OfferSignal,
  PeerSignal,
  SignalingFact,
  SignalingPort,
} from '../../runtime/ports/signaling.ts';

/** One end of his, and what came for it before it was open. */
class Leg {
  readonly link: Link;
  readonly waiting: Uint8Array[] = [];
  isOpen = false;
  isClosed = false;

  constructor(port: LinkPort, local: PeerId, remote: PeerId, initiator: boolean, handlers: Partial<LinkHandlers>) {
    this.link = port.open(
      { local, remote, initiator },
      {
        onSignal: () => undefined,
        onFrame: () => undefined,
        onDrain: () => undefined,
        onConnectivity: () => undefined,
        ...handlers,
        onOpen: () => {
          this.isOpen = true;
          for (const frame of this.waiting.splice(0)) this.link.send(frame);
        },
        onClosed: () => {
          this.isClosed = true;
          handlers.onClosed?.();
        },
      },
    );
  }

  send(frame: Uint8Array): void {
    if (this.isOpen) this.link.send(frame);
    else this.waiting.push(frame);
  }
}

/** One attempt between two peers, taken apart. */
interface Split {
  readonly offerer: PeerId;
  readonly towardsOfferer: Leg;
  readonly towardsAnswerer: Leg;
  /** His answer, which waits for the random number of the true one. */
  answer: LinkSignal | undefined;
  nonce: string | undefined;
}

export class Interceptor {
  /** Sits in between from now on; else he passes all on. */
  active = true;
  /** Frames that went through his hands. */
  readonly frames: Uint8Array[] = [];
  readonly #port: LinkPort;
  readonly #splits = new Map<string, Split>();
  readonly #tell = new Map<PeerId, (fact: SignalingFact) => void>();
  #network = '';

  constructor(port: LinkPort) {
    this.#port = port;
  }

  /** Channels of his that opened, of both sides. */
  get opened(): number {
    return this.#legs.filter(({ isOpen }) => isOpen).length;
  }

  get unclosed(): number {
    return this.#legs.filter(({ isClosed }) => !isClosed).length;
  }

  get #legs(): Leg[] {
    return [...this.#splits.values()].flatMap((split) => [split.towardsOfferer, split.towardsAnswerer]);
  }

  /** A hub in his hands, as one peer sees it. */
  wrap(port: SignalingPort): SignalingPort {
    return {
      url: port.url,
      connect: (peerId, onFact) => {
        this.#tell.set(peerId, onFact);
        const connection = port.connect(peerId, onFact);
        return {
          send: (command) => {
            if (command.type === 'signal') this.#network = command.network;
            if (command.type !== 'signal' || !this.#takes(peerId, command.to, command.signal))
              return connection.send(command);
            return true;
          },
          close: () => connection.close(),
        };
      },
    };
  }

  #takes(from: PeerId, to: PeerId, signal: PeerSignal): boolean {
    if (signal.kind === 'offer') {
      if (!this.active) return false;
      this.#split(from, to, signal);
      return true;
    }
    const split = this.#splits.get(signal.attempt);
    if (split === undefined) return false;
    const leg = from === split.offerer ? split.towardsOfferer : split.towardsAnswerer;
    if (signal.kind === 'candidate') leg.link.signal(signal);
    else if (signal.kind === 'answer') {
      leg.link.signal({ kind: 'answer', sdp: signal.sdp });
      split.nonce = signal.nonce;
      this.#answer(split, from, signal.attempt);
    } else return false;
    return true;
  }

  #split(offerer: PeerId, answerer: PeerId, offer: OfferSignal): void {
    const { attempt } = offer;
    const split: Split = {
      offerer,
      answer: undefined,
      nonce: undefined,
      towardsOfferer: new Leg(this.#port, answerer, offerer, false, {
        onSignal: (signal) => {
          if (signal.kind === 'candidate') return this.say(answerer, offerer, { ...signal, attempt });
          split.answer = signal;
          this.#answer(split, answerer, attempt);
        },
        onFrame: (frame) => this.#pass(frame, split.towardsAnswerer),
        onClosed: () => split.towardsAnswerer.link.close(),
      }),
      towardsAnswerer: new Leg(this.#port, offerer, answerer, true, {
        onSignal: (signal) =>
          this.say(
            offerer,
            answerer,
            signal.kind === 'candidate' ? { ...signal, attempt } : { ...offer, sdp: signal.sdp },
          ),
        onFrame: (frame) => this.#pass(frame, split.towardsOfferer),
        onClosed: () => split.towardsOfferer.link.close(),
      }),
    };
    this.#splits.set(attempt, split);
    split.towardsOfferer.link.signal({ kind: 'offer', sdp: offer.sdp });
  }

  #answer(split: Split, answerer: PeerId, attempt: string): void {
    const { answer, nonce, offerer } = split;
    if (answer === undefined || answer.kind === 'candidate' || nonce === undefined) return;
    const forged: AnswerSignal = { kind: 'answer', attempt, sdp: answer.sdp, nonce };
    this.say(answerer, offerer, forged);
  }

  #pass(frame: Uint8Array, to: Leg): void {
    this.frames.push(frame);
    to.send(frame);
  }

  /** Puts words into somebody's mouth. */
  say(from: PeerId, to: PeerId, signal: PeerSignal): void {
    this.#tell.get(to)?.({ type: 'signal', network: this.#network, from, signal });
  }

  /** Cuts all that he holds. */
  end(): void {
    for (const { link } of this.#legs) {
      link.close();
      link.close();
    }
  }
}
