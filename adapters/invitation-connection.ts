/**
 * One mesh's use of an invitation port: its commands become words to peers, what texts say becomes facts. Owns the order of
 * facts, each in a later turn, and what was announced.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type {
  PeerSignal,
  Presence,
  SignalingCommand,
  SignalingConnection,
  SignalingFact,
} from '../runtime/ports/signaling.ts';
import { invitationError } from '../runtime/wire/invitation.ts';
import { DelayLine } from './delay-line.ts';
import type { Contact, InvitationLedger } from './invitation-ledger.ts';

/** What the port does for its connection. */
export interface PortSide {
  /** False when nobody takes this signal to that peer. */
  say(to: PeerId, signal: PeerSignal): boolean;
  announced(): void;
  farewell(): void;
  closed(): void;
}

type Refused = Extract<SignalingFact, { type: 'refused' }>;
type Command<T extends SignalingCommand['type']> = Extract<SignalingCommand, { type: T }>;

const NOBODY: Presence = { v: 1, key: '', free: 0, degree: 0 };

export class InvitationConnection implements SignalingConnection {
  /** Resolves with this connection once its mesh has announced itself. Rejects with NOT_JOINED when it closed before. */
  readonly announced: Promise<this>;
  readonly #ledger: InvitationLedger;
  readonly #port: PortSide;
  /** Facts come in a later turn, in order. */
  readonly #facts: DelayLine<SignalingFact>;
  #isOpen = true;
  #network: string | undefined;
  /** It said goodbye, and did not announce itself again. */
  hasLeft = false;
  #presence = NOBODY;
  #ready: (connection: this) => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  constructor(onFact: (fact: SignalingFact) => void, clock: MeshClock, ledger: InvitationLedger, port: PortSide) {
    this.#facts = new DelayLine(clock, { deliver: onFact });
    this.#ledger = ledger;
    this.#port = port;
    this.announced = new Promise((resolve, reject) => {
      this.#ready = resolve;
      this.#failed = reject;
    });
    // Nobody may wait for it.
    this.announced.catch(() => undefined);
  }

  get network(): string {
    return this.#network ?? '';
  }

  get presence(): Presence {
    return this.#presence;
  }

  /** Welcomes, or ends at once with what is wrong. */
  open(problem: string | undefined): void {
    if (problem === undefined) this.#tell({ type: 'welcome' });
    else this.#end(1008, problem);
  }

  send(command: SignalingCommand): boolean {
    if (!this.#isOpen) return false;
    this.#obey(command);
    return true;
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#goodbye();
    this.#end(1000, '');
  }

  #obey(command: SignalingCommand): void {
    switch (command.type) {
      case 'announce':
        return this.#announce(command);
      case 'discover':
        return this.#discover(command);
      case 'signal':
        return this.#signal(command);
      case 'goodbye':
        if (command.network === undefined || command.network === this.#network) this.#goodbye();
        return;
      case 'ping':
        return this.#tell({ type: 'pong' });
      case 'prove':
      case 'resume':
        return this.#refuse('UNKNOWN_TYPE', 'Texts are signed: nobody asks for a proof', { type: command.type });
    }
  }

  #announce({ network, presence }: Command<'announce'>): void {
    if (this.#network !== undefined && network !== this.#network) {
      return this.#refuse('TOO_MANY_NETWORKS', 'One network a port', { type: 'announce' });
    }
    this.#network = network;
    this.#presence = presence;
    this.hasLeft = false;
    this.#ready(this);
    this.#port.announced();
  }

  #discover({ network, presence }: Command<'discover'>): void {
    if (this.#network === undefined || network !== this.#network) {
      return this.#refuse('NOT_ANNOUNCED', 'Announce in this network first', { type: 'discover' });
    }
    if (presence !== undefined) this.#presence = presence;
    const contacts = this.#ledger.present(network);
    for (const contact of contacts) this.introduce(contact, false);
    this.#tell({ type: 'discovered', network, count: contacts.length, networkSize: contacts.length + 1 });
  }

  #signal({ network, to, signal }: Command<'signal'>): void {
    const about = { type: signal.kind, targetPeerId: to, attempt: signal.attempt };
    if (this.#network === undefined || network !== this.#network) {
      return this.#refuse('NOT_ANNOUNCED', 'Announce in this network first', about);
    }
    if (!this.#port.say(to, signal)) this.#refuse('UNKNOWN_TARGET', 'Nobody takes a text to this peer', about);
  }

  #goodbye(): void {
    if (this.#network === undefined) return;
    this.#port.farewell();
    this.#network = undefined;
    this.hasLeft = true;
  }

  // ---- facts -------------------------------------------------------------------------------------------------------------

  /** Tells the mesh of a peer. `wanted`: somebody waits for what the mesh says to it. */
  introduce({ network, id, presence }: Contact, wanted: boolean): void {
    const about = { network, id, presence, proven: true, isHub: false } as const;
    this.#tell({ type: 'peer', ...about, ...(wanted && { wanted }) });
  }

  pass({ network, id: from }: Contact, signals: readonly PeerSignal[]): void {
    for (const signal of signals) this.#tell({ type: 'signal', network, from, signal });
  }

  dismiss(contact: Contact): void {
    contact.isGone = true;
    this.#tell({ type: 'gone', network: contact.network, id: contact.id });
  }

  ignore(why: string): void {
    this.#tell({ type: 'ignored', why });
  }

  #refuse(code: string, message: string, inReplyTo: Refused['inReplyTo'] & {}): void {
    this.#tell({ type: 'refused', code, message, inReplyTo });
  }

  #tell(fact: SignalingFact): void {
    if (this.#isOpen) this.#facts.push(fact, 0);
  }

  #end(code: number, reason: string): void {
    this.#isOpen = false;
    this.#facts.clear();
    this.#facts.push({ type: 'closed', code, reason }, 0);
    this.#failed(invitationError('NOT_JOINED', 'The mesh was left before it joined.'));
    this.#port.closed();
  }
}
