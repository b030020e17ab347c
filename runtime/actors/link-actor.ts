/**
 * The link port of a peer chart: one channel of a link adapter, and while the link is being healed an heir beside it. It
 * translates and decides nothing: the chart hears signals, openings, results of proofs and ends; the exchange gets the frames.
 */
import { type CallbackActorLogic, fromCallback } from 'xstate';
import type { LinkPortCommand, LinkPortFact, LinkPortInput } from '../../machines/peer/peer.events.ts';
import { DHT_FEATURE } from '../../machines/shared/dht-routing-limits.ts';
import type { AttemptId } from '../../machines/shared/ids.ts';
import { EARLY_FRAMES_MAX, NONCE_BYTES } from '../../machines/shared/limits.ts';
import { SIGNED_FEATURE } from '../../machines/shared/trust-limits.ts';
import type { ChannelFact, Inlet } from '../ports/exchange.ts';
import type { Link, LinkHandlers } from '../ports/link.ts';
import type { LinkSignal, OfferSignal } from '../ports/signaling.ts';
import type { Hello } from '../wire/messages.ts';
import { LinkProof } from './link-proof.ts';

type Role = 'link' | 'heir';

interface Channel {
  role: Role;
  readonly attempt: AttemptId;
  readonly link: Link;
  readonly proof: LinkProof;
  /** Frames that came before the channel was open. */
  early: Uint8Array[] | undefined;
  /** Takes them from then on. */
  inlet: Inlet | undefined;
  /** Nobody waits for it any longer: an old attempt that opens late must not take the place of a newer one. */
  freed: boolean;
  /** It was asked to close: that takes a word of each end. */
  closing: boolean;
}

/** What a port tells of its connectivity, as facts of the chart. */
const CONNECTIVITY = { connected: 'link.found', disconnected: 'link.disturbed', failed: 'link.failed' } as const;

class Channels {
  readonly #input: LinkPortInput;
  readonly #tell: (fact: LinkPortFact) => void;
  #channel: Channel | undefined;
  #heir: Channel | undefined;

  constructor(input: LinkPortInput, tell: (fact: LinkPortFact) => void) {
    this.#input = input;
    this.#tell = tell;
  }

  begin(): void {
    const { attempt, offer } = this.#input;
    this.#channel = this.#open('link', attempt, offer);
  }

  /** Gives up all that is open. */
  free(): void {
    this.#dropHeir();
    this.#giveUp(this.#channel);
    this.#channel = undefined;
  }

  obey(command: LinkPortCommand): void {
    const { ports, remote } = this.#input;
    const link = this.#channel?.link;
    switch (command.type) {
      case 'link.take':
        return this.#take(this.#channel, command.signal);
      case 'link.prove':
        return this.#channel?.proof.demand();
      case 'link.greet':
        return this.#greet(this.#channel, command);
      case 'link.admit':
        return ports.exchange?.admit(remote, this.#channel?.attempt ?? '');
      case 'link.ping':
        return ports.exchange?.ping(remote, command.silent);
      case 'link.restart':
        return link?.restart();
      case 'link.close': {
        const { reason, alternatives } = command;
        ports.exchange?.send(remote, { type: 'CLOSE', reason, alternatives });
        ports.exchange?.retire(remote, this.#channel?.attempt ?? '');
        return this.#close(this.#channel);
      }
      case 'heir.open':
        return this.#openHeir(command.attempt, command.offer);
      case 'heir.take':
        return this.#take(this.#heir, command.signal);
      case 'heir.prove':
        return this.#heir?.proof.demand();
      case 'heir.greet':
        return this.#greet(this.#heir, command);
      case 'heir.succeed':
        return this.#succeed(command.resumes);
      case 'heir.drop':
        return this.#dropHeir();
    }
  }

  #open(role: Role, attempt: AttemptId, offer: OfferSignal | undefined): Channel {
    const { ports, remote } = this.#input;
    const patient = role === 'link' && this.#input.patient === true;
    const options = { local: ports.identity.peerId, remote, initiator: offer === undefined, patient };
    // Ports call no handler before `open` has returned.
    const channel: Channel = {
      role,
      attempt,
      early: [],
      inlet: undefined,
      freed: false,
      closing: false,
      link: ports.link.open(
        options,
        this.#handlers(() => channel),
      ),
      proof: this.#proofOf(attempt, () => channel),
    };
    if (offer !== undefined) this.#take(channel, offer);
    return channel;
  }

  #proofOf(attempt: AttemptId, channelOf: () => Channel): LinkProof {
    const { ports, remote } = this.#input;
    return new LinkProof({
      identity: ports.identity,
      remote,
      attempt,
      entropy: ports.random.bytes(NONCE_BYTES),
      fingerprints: () => channelOf().link.fingerprints,
      signerFailed: (cause) =>
        ports.logger.log('error', `The identity signed nothing: ${String(cause)}`, { remote, attempt }),
      send: (proof) => void ports.exchange?.send(remote, proof, attempt),
      tell: (result) => {
        const { role } = channelOf();
        if (result.type === 'proven') return this.#tell({ type: `${role}.proven` });
        ports.exchange?.count(`unproven.${result.code}`);
        this.#tell({ type: `${role}.unproven`, code: result.code });
      },
    });
  }

  /** A signal of the remote; its first description brings its share of what both sign. */
  #take(channel: Channel | undefined, signal: LinkSignal): void {
    if (channel === undefined) return;
    if (signal.kind === 'candidate') return channel.link.signal(signal);
    const { kind, sdp, nonce } = signal;
    channel.link.signal({ kind, sdp });
    channel.proof.heard(nonce);
  }

  #handlers(channelOf: () => Channel): LinkHandlers {
    const { ports, remote } = this.#input;
    // At hand for each frame.
    let own: Channel | undefined;
    const ifHeld = (act: (channel: Channel) => void): void => {
      const channel = channelOf();
      if (!channel.freed) act(channel);
    };
    return {
      onSignal: (signal: LinkSignal) => ifHeld((channel) => this.#say(channel, signal)),
      onOpen: () => ifHeld((channel) => this.#opened(channel)),
      onFrame: (frame) => {
        own ??= channelOf();
        const { inlet, early } = own;
        if (early === undefined) inlet?.receive(frame);
        else if (early.length < EARLY_FRAMES_MAX) early.push(frame);
      },
      onDrain: () => ports.exchange?.drained(remote, channelOf().attempt),
      onConnectivity: (state) => ifHeld((channel) => this.#connectivity(channel, state)),
      onClosed: (error) => {
        const { attempt, role, freed } = channelOf();
        // The link's entry stays until the chart gives it up: an heir may take over what it kept.
        ports.exchange?.suspend(remote, attempt);
        if (!freed) this.#tell({ type: `${role}.closed`, error: error?.message });
      },
    };
  }

  /** A signal for the remote. A description that comes before the channel stands brings our share of what both sign. */
  #say({ role, proof, early }: Channel, signal: LinkSignal): void {
    const isFirst = signal.kind !== 'candidate' && early !== undefined;
    this.#tell({ type: `${role}.signal`, signal: isFirst ? { nonce: proof.nonce, ...signal } : signal });
    if (isFirst) proof.prepare();
  }

  #opened(channel: Channel): void {
    const { exchange } = this.#input.ports;
    const { remote } = this.#input;
    const { attempt, link, role, early = [] } = channel;
    const tell = (fact: ChannelFact): void => {
      if (fact.type !== 'proof.received') this.#tell(fact);
      else if (!channel.proof.take(fact.proof)) exchange?.count('ignored.proof');
    };
    const inlet =
      role === 'link'
        ? exchange?.attach(remote, attempt, link, tell)
        : exchange?.attachHeir(remote, attempt, link, tell);
    channel.inlet = inlet;
    this.#tell({ type: `${role}.opened` });
    channel.early = undefined;
    for (const frame of early) inlet?.receive(frame);
  }

  #connectivity(channel: Channel, state: 'connected' | 'disconnected' | 'failed'): void {
    const { role } = channel;
    const { ports } = this.#input;
    ports.exchange?.count(`connectivity.${state}`);
    if (role === 'link') this.#tell({ type: CONNECTIVITY[state] });
    // An heir that fails is of no use, and without restarts nothing is.
    if (state === 'failed' && (role === 'heir' || !ports.link.capabilities.restart)) this.#close(channel);
  }

  #greet(
    channel: Channel | undefined,
    { random, cap, mark, resume }: Pick<Hello, 'random' | 'cap' | 'mark' | 'resume'>,
  ): void {
    const { ports, remote } = this.#input;
    if (channel === undefined) return;
    const { attempt } = channel;
    const { peerId } = ports.identity;
    const features = [
      ...(ports.link.capabilities.restart ? ['restart'] : []),
      ...(ports.signing ? [SIGNED_FEATURE] : []),
      ...(ports.dht === undefined ? [] : [DHT_FEATURE]),
      ...(ports.exchange?.features ?? []),
    ];
    const goesOn = resume === undefined ? {} : { resume };
    const hello = { type: 'HELLO', peerId, attempt, mark, random, cap, features, ...goesOn } as const;
    ports.exchange?.send(remote, hello, attempt);
    channel.proof.greeted();
  }

  #openHeir(attempt: AttemptId, offer: OfferSignal | undefined): void {
    this.#dropHeir();
    this.#heir = this.#open('heir', attempt, offer);
  }

  #dropHeir(): void {
    this.#giveUp(this.#heir);
    this.#heir = undefined;
  }

  #succeed(resumes: boolean): void {
    const { ports, remote } = this.#input;
    const heir = this.#heir;
    if (heir === undefined) return;
    const old = this.#channel;
    heir.role = 'link';
    this.#channel = heir;
    this.#heir = undefined;
    ports.exchange?.succeed(remote, heir.attempt, resumes);
    this.#giveUp(old);
  }

  /** Nobody waits for a channel any more. Its end takes leave of the other by itself, which may be sending just now. */
  #giveUp(channel: Channel | undefined): void {
    if (channel === undefined) return;
    const { ports, remote } = this.#input;
    channel.freed = true;
    channel.proof.end();
    ports.exchange?.detach(remote, channel.attempt);
    this.#close(channel);
  }

  /** Once: a second call would cut it while the other side may be sending. */
  #close(channel: Channel | undefined): void {
    if (channel === undefined || channel.closing) return;
    channel.closing = true;
    channel.link.close();
  }
}

export const linkActor: CallbackActorLogic<LinkPortCommand, LinkPortInput> = fromCallback(
  ({ input, receive, sendBack }) => {
    const channels = new Channels(input, (fact) => sendBack(fact as never));
    // XState calls no clean-up for an actor that threw, and the link would live on.
    const freeOnError = (act: () => void): void => {
      try {
        act();
      } catch (error) {
        channels.free();
        throw error;
      }
    };
    freeOnError(() => channels.begin());
    receive((command) => freeOnError(() => channels.obey(command)));
    return () => channels.free();
  },
);
