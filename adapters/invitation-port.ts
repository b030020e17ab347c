/**
 * Signals that people carry: texts to copy and paste in place of a hub. A member writes an invitation, the newcomer accepts
 * it and gets a text to hand back, the member accepts that and gets the last one. Owns what a text takes along and whom it
 * concerns; what the texts say on the wire is in `runtime/wire/invitation.ts`, which of them count in `invitation-ledger.ts`.
 */
import { type PeerId, toHex } from '../machines/shared/ids.ts';
import {
  INVITATION_GATHER_MAX_MS,
  INVITATION_GATHER_MS,
  INVITATION_HUB_CHARS_MAX,
  INVITATION_HUBS_MAX,
  INVITATION_LIFETIME_MAX_MS,
  INVITATION_LIFETIME_MS,
  INVITATION_USES_MAX,
} from '../machines/shared/limits.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { Identity } from '../runtime/ports/identity.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import type { PeerSignal, SignalingPort } from '../runtime/ports/signaling.ts';
import {
  checkInvitationText,
  type Invitation,
  invitationError,
  readInvitationText,
  type SignalsText,
  writeInvitationText,
} from '../runtime/wire/invitation.ts';
import { Burst, type Patience } from './invitation-burst.ts';
import { InvitationConnection } from './invitation-connection.ts';
import { type Contact, InvitationLedger } from './invitation-ledger.ts';

export interface InvitationOptions {
  /** Who writes: the identity of the mesh that this port is for. */
  readonly identity: Identity;
  /** How long a text may be under way, ms: 1,000 to 604,800,000 (a week). Default 600,000: ten minutes. */
  readonly lifetimeMs?: number;
  /** Hubs that invitations name as a hint, at most 4 URLs of 256 characters. Default: none. */
  readonly hubs?: readonly string[];
  /**
   * For apps that can hand texts over by themselves, by a chat or a channel of their own: called with texts that no
   * `accept` waits for, such as late candidates and farewells. Default: such signals are dropped, or take another way.
   */
  readonly carry?: (text: string, to: PeerId) => void;
  /** A text is made when nothing came for `gatherMs`, and after `gatherMaxMs` in any case. Default 500 and 5,000. */
  readonly gatherMs?: number;
  readonly gatherMaxMs?: number;
  /** Default: the platform's. */
  readonly clock?: MeshClock;
  readonly random?: Pick<RandomPort, 'bytes'>;
}

export interface InviteOptions {
  /** As of the port. */
  readonly lifetimeMs?: number;
  /** Peers that it lets in, 1 to 64. Default 1. */
  readonly uses?: number;
  /** As of the port. */
  readonly hubs?: readonly string[];
}

/** A signaling port whose signals people carry. */
export interface InvitationPort extends SignalingPort {
  readonly manual: NonNullable<SignalingPort['manual']>;
  /**
   * The text of a new invitation into the network of this port's mesh.
   * Rejects with MeshError NOT_JOINED (the mesh was not started), BAD_OPTION, QUEUE_FULL.
   */
  invite(options?: InviteOptions): Promise<string>;
  /**
   * Takes a text that somebody handed over, and gives the one to hand back; undefined when there is nothing more to say: the
   * link is on its way. A text that was refused, or that failed for another reason than its own, may be accepted again.
   * Rejects with MeshError BAD_INVITATION, BAD_SIGNATURE, EXPIRED, ALREADY_USED, WRONG_NETWORK, REFUSED, NOT_JOINED,
   * LEFT, TOO_LARGE, QUEUE_FULL; nothing has happened then.
   */
  accept(text: string): Promise<string | undefined>;
}

export const INVITATION_URL = 'invitation:';
const NONCE_BYTES = 12;
const NUMBER_BYTES = 8;
const LIFETIME_MIN_MS = 1_000;

const platformClock: MeshClock = {
  now: () => Date.now(),
  setTimeout: (callback, delayMs) => globalThis.setTimeout(callback, delayMs),
  clearTimeout: (id) => globalThis.clearTimeout(id as ReturnType<typeof globalThis.setTimeout>),
};
const platformRandom: Pick<RandomPort, 'bytes'> = {
  bytes: (count) => globalThis.crypto.getRandomValues(new Uint8Array(count)),
};

function whole(name: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invitationError('BAD_OPTION', `${name} must be a whole number from ${min} to ${max}, not ${String(value)}.`);
}

const checkLifetime = (ms: number): number => whole('lifetimeMs', ms, LIFETIME_MIN_MS, INVITATION_LIFETIME_MAX_MS);

function checkHubs(hubs: readonly string[]): readonly string[] {
  const isHub = (url: unknown): boolean =>
    typeof url === 'string' && /^wss?:\/\/./.test(url) && url.length <= INVITATION_HUB_CHARS_MAX;
  if (Array.isArray(hubs) && hubs.length <= INVITATION_HUBS_MAX && hubs.every(isHub)) return hubs;
  const what = `at most ${INVITATION_HUBS_MAX} ws:// or wss:// URLs of ${INVITATION_HUB_CHARS_MAX} characters`;
  throw invitationError('BAD_OPTION', `hubs must be ${what}.`);
}

/**
 * A way to link peers by texts that people hand to each other: no server takes part. Pass it in `signaling` of
 * `createMeshActor`, alone or beside hubs, with the same `identity`. Throws MeshError BAD_OPTION.
 */
export const invitationSignaling = (options: InvitationOptions): InvitationPort => new ManualPort(options);

class ManualPort implements InvitationPort {
  readonly url = INVITATION_URL;
  readonly manual: InvitationPort['manual'];
  readonly #identity: Identity;
  readonly #lifetimeMs: number;
  readonly #hubs: readonly string[];
  readonly #carry: InvitationOptions['carry'];
  readonly #patience: Patience;
  readonly #clock: MeshClock;
  readonly #random: Pick<RandomPort, 'bytes'>;
  readonly #ledger = new InvitationLedger();
  #connection: InvitationConnection | undefined;

  constructor(options: InvitationOptions) {
    const { identity, clock = platformClock, random = platformRandom, carry } = options;
    if (typeof identity?.sign !== 'function' || typeof identity.peerId !== 'string') {
      throw invitationError('BAD_OPTION', 'identity must be the one that the mesh is made with.');
    }
    this.#identity = identity;
    this.#clock = clock;
    this.#random = random;
    this.#carry = carry;
    this.#hubs = checkHubs(options.hubs ?? []);
    this.#lifetimeMs = checkLifetime(options.lifetimeMs ?? INVITATION_LIFETIME_MS);
    const quietMs = whole('gatherMs', options.gatherMs ?? INVITATION_GATHER_MS, 0, INVITATION_LIFETIME_MAX_MS);
    const maxMs = whole('gatherMaxMs', options.gatherMaxMs ?? INVITATION_GATHER_MAX_MS, 0, INVITATION_LIFETIME_MAX_MS);
    this.#patience = { clock, quietMs, maxMs };
    // Two texts are under way while the first offer waits. Timers of the platform hold no more than 24 days.
    const dialTimeoutMs = 2 * this.#lifetimeMs;
    this.manual = { dialTimeoutMs, carries: (to) => this.#carries(to) };
  }

  connect(peerId: PeerId, onFact: Parameters<SignalingPort['connect']>[1]): InvitationConnection {
    const problem =
      peerId !== this.#identity.peerId
        ? 'This port has the identity of another peer: pass the same one to both'
        : this.#connection === undefined
          ? undefined
          : 'This port belongs to another mesh already';
    const connection = new InvitationConnection(onFact, this.#clock, this.#ledger, {
      say: (to, signal) => this.#say(to, signal),
      announced: () => this.#tellAll(connection, false),
      farewell: () => this.#tellAll(connection, true),
      closed: () => this.#release(connection),
    });
    if (problem === undefined) this.#connection = connection;
    connection.open(problem);
    return connection;
  }

  async invite(options: InviteOptions = {}): Promise<string> {
    const lifetimeMs = checkLifetime(options.lifetimeMs ?? this.#lifetimeMs);
    const uses = whole('uses', options.uses ?? 1, 1, INVITATION_USES_MAX);
    const hubs = checkHubs(options.hubs ?? this.#hubs);
    const { network, presence } = await this.#ready();
    const nowMs = this.#now();
    const nonce = toHex(this.#random.bytes(NONCE_BYTES));
    const { free, degree } = presence;
    const expiresMs = nowMs + lifetimeMs;
    const text = { kind: 'invitation', network, issuedMs: nowMs, expiresMs, nonce, free, degree, uses, hubs } as const;
    this.#ledger.issue(nonce, { uses, lapsesMs: expiresMs + this.#lifetimeMs, nowMs });
    return writeInvitationText(text, this.#identity);
  }

  async accept(text: string): Promise<string | undefined> {
    const content = readInvitationText(text);
    const connection = await this.#ready();
    const { network } = connection;
    checkInvitationText(content, { peerId: this.#identity.peerId, network, nowMs: this.#now() });
    return content.kind === 'invitation' ? this.#follow(connection, content) : this.#hear(connection, content);
  }

  /** An invitation: the mesh is told of its writer, and what it says to it is the text to hand back. */
  async #follow(connection: InvitationConnection, invitation: Invitation): Promise<string> {
    if (this.#ledger.contact(invitation.from)?.burst !== undefined) {
      throw invitationError('QUEUE_FULL', 'A text for this peer is being made: wait for it.', invitation.from);
    }
    const contact = this.#ledger.follow(invitation);
    try {
      const said = this.#listen(contact);
      connection.introduce(contact, true);
      return await this.#write(contact, await said);
    } catch (error) {
      this.#ledger.unfollow(invitation);
      throw error;
    }
  }

  async #hear(connection: InvitationConnection, text: SignalsText): Promise<string | undefined> {
    const contact = this.#ledger.hear(text, this.#now());
    try {
      return await this.#react(connection, contact, text);
    } catch (error) {
      this.#ledger.unhear(contact, text);
      throw error;
    }
  }

  async #react(connection: InvitationConnection, contact: Contact, text: SignalsText): Promise<string | undefined> {
    const { signals, farewell } = text;
    const asks =
      !farewell && (signals.length === 0 || signals.some(({ kind }) => kind === 'offer' || kind === 'probe'));
    // Where a text for this peer is being made already, that one takes the answer along.
    const said = asks && contact.burst === undefined ? this.#listen(contact) : undefined;
    connection.pass(contact, signals);
    if (farewell) connection.dismiss(contact);
    else connection.introduce(contact, asks);
    if (said === undefined) {
      if (asks || !signals.some(isRefusal) || signals.some(({ kind }) => kind === 'answer')) return undefined;
      throw invitationError('REFUSED', 'That peer had no room for us: ask for a new invitation.', contact.id);
    }
    const reply = await said;
    if (reply.length === 0) return undefined;
    if (reply.every(isRefusal)) {
      throw invitationError('REFUSED', 'This peer has no room for another link right now: try again.', contact.id);
    }
    return this.#write(contact, reply);
  }

  // ---- what the mesh says ----------------------------------------------------------------------------------------------

  #carries(to: PeerId): boolean {
    const contact = this.#ledger.contact(to);
    return contact !== undefined && !contact.isGone && (contact.burst !== undefined || this.#carry !== undefined);
  }

  /** Listens to what the mesh says to a peer from now on. */
  #listen(contact: Contact): Promise<readonly PeerSignal[]> {
    const burst = new Burst(this.#patience);
    contact.burst = burst;
    return burst.over.finally(() => {
      contact.burst = undefined;
    });
  }

  /** False when nobody carries an offer. What only follows one is dropped instead: the text with the offer is on its way. */
  #say(to: PeerId, signal: PeerSignal): boolean {
    const contact = this.#ledger.contact(to);
    if (contact === undefined || contact.isGone) return false;
    if (contact.burst === undefined) {
      if (this.#carry === undefined) return signal.kind !== 'offer' && signal.kind !== 'probe';
      const connection = this.#connection;
      this.#listen(contact)
        .then((signals) => this.#handOver(contact, signals))
        .catch((error: unknown) => connection?.ignore(`no text was made: ${String(error)}`));
    }
    return contact.burst?.push(signal) ?? false;
  }

  /** Tells those who know us that we are here, or leave: only an app that carries texts by itself can. */
  #tellAll(connection: InvitationConnection, farewell: boolean): void {
    if (this.#carry === undefined) return;
    for (const contact of this.#ledger.present(connection.network)) {
      this.#handOver(contact, [], farewell).catch((error: unknown) =>
        connection.ignore(`no text was made: ${String(error)}`),
      );
    }
  }

  async #handOver(contact: Contact, signals: readonly PeerSignal[], farewell = false): Promise<void> {
    this.#carry?.(await this.#write(contact, signals, farewell), contact.id);
  }

  /** The text that takes `signals` to a peer. Texts are written one after the other, so that they keep their order. */
  #write(contact: Contact, signals: readonly PeerSignal[], farewell = false): Promise<string> {
    const { id: to, network, nonces } = contact;
    const nonce = [...nonces].at(-1) ?? '';
    const { free = 0, degree = 0 } = this.#connection?.presence ?? {};
    const write = (): Promise<string> => {
      const issuedMs = this.#now();
      const number = toHex(this.#random.bytes(NUMBER_BYTES));
      const about = { network, issuedMs, expiresMs: issuedMs + this.#lifetimeMs, nonce, free, degree };
      return writeInvitationText({ kind: 'signals', ...about, to, number, farewell, signals }, this.#identity);
    };
    const text = contact.written.then(write, write);
    contact.written = text.catch(() => undefined);
    return text;
  }

  // ---- the mesh ----------------------------------------------------------------------------------------------------------

  #now(): number {
    return Math.floor(this.#clock.now());
  }

  /** The connection of a mesh that has announced itself. */
  #ready(): Promise<InvitationConnection> {
    if (this.#connection !== undefined && !this.#connection.hasLeft) return this.#connection.announced;
    return Promise.reject(
      invitationError('NOT_JOINED', 'No mesh runs on this port: pass it in `signaling` and start it.'),
    );
  }

  #release(connection: InvitationConnection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    for (const { burst } of this.#ledger.contacts()) burst?.fail(invitationError('LEFT', 'The mesh was left.'));
  }
}

const isRefusal = ({ kind }: PeerSignal): boolean => kind === 'refusal' || kind === 'close';
