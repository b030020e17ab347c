/**
 * What one port remembers: the invitations that it wrote, and the peers that it deals with. Owns which text still counts,
 * and the bounds of both; it writes and reads nothing.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { INVITATION_TEXTS_MAX, INVITATIONS_MAX } from '../machines/shared/limits.ts';
import type { Presence } from '../runtime/ports/signaling.ts';
import { type Invitation, invitationError, type SignalsText } from '../runtime/wire/invitation.ts';
import type { Burst } from './invitation-burst.ts';

/** An invitation that is out. */
interface Issued {
  /** When no text that answers it counts any more. */
  readonly lapsesMs: number;
  readonly uses: number;
  readonly guests: Set<PeerId>;
}

/** A peer that texts were exchanged with. */
export interface Contact {
  readonly id: PeerId;
  readonly network: string;
  /** The invitations that join us, the latest last: texts name that one. */
  readonly nonces: Set<string>;
  presence: Presence;
  /** It has left. */
  isGone: boolean;
  /** Numbers of its texts that counted, the oldest first. */
  readonly numbers: Set<string>;
  /** What the mesh says to it right now, while a text waits for that. */
  burst: Burst | undefined;
  /** Texts are written one after the other. */
  written: Promise<unknown>;
}

function dropOldest<T>(set: Set<T>, max: number): void {
  for (const oldest of set) {
    if (set.size <= max) return;
    set.delete(oldest);
  }
}

const newContact = (id: PeerId, network: string, presence: Presence): Contact => ({
  id,
  network,
  nonces: new Set(),
  presence,
  isGone: false,
  numbers: new Set(),
  burst: undefined,
  written: Promise.resolve(),
});

export class InvitationLedger {
  readonly #issued = new Map<string, Issued>();
  readonly #contacts = new Map<PeerId, Contact>();
  /** Invitations of others that we followed, by nonce. */
  readonly #followed = new Set<string>();

  contact(id: PeerId): Contact | undefined {
    return this.#contacts.get(id);
  }

  /** Peers of a network that did not say goodbye. */
  present(network: string): Contact[] {
    return [...this.#contacts.values()].filter((contact) => contact.network === network && !contact.isGone);
  }

  contacts(): Contact[] {
    return [...this.#contacts.values()];
  }

  /** Throws QUEUE_FULL while INVITATIONS_MAX are out. */
  issue(nonce: string, { uses, lapsesMs, nowMs }: { uses: number; lapsesMs: number; nowMs: number }): void {
    for (const [old, { lapsesMs: endMs }] of this.#issued) if (endMs <= nowMs) this.#issued.delete(old);
    if (this.#issued.size >= INVITATIONS_MAX) {
      throw invitationError('QUEUE_FULL', `${INVITATIONS_MAX} invitations are out: wait for one to expire.`);
    }
    this.#issued.set(nonce, { uses, lapsesMs, guests: new Set() });
  }

  /** The peer that invites us. Throws ALREADY_USED. */
  follow(invitation: Invitation): Contact {
    if (this.#followed.has(invitation.nonce)) {
      throw invitationError('ALREADY_USED', 'This invitation was accepted here already: ask for a new one.');
    }
    this.#followed.add(invitation.nonce);
    dropOldest(this.#followed, INVITATIONS_MAX);
    return this.#meet(invitation);
  }

  /** An invitation came to nothing: it may be accepted again. */
  unfollow({ nonce }: Invitation): void {
    this.#followed.delete(nonce);
  }

  /** The writer of a text, which counts from now on. Throws ALREADY_USED, BAD_INVITATION, EXPIRED. */
  hear(text: SignalsText, nowMs: number): Contact {
    const { from, nonce, number } = text;
    const issued = this.#issued.get(nonce);
    const before = this.#contacts.get(from);
    if (issued !== undefined) this.#checkGuest(issued, from, nowMs);
    else if (!before?.nonces.has(nonce)) {
      throw invitationError(
        'BAD_INVITATION',
        'This text belongs to no invitation that this peer knows (any more).',
        from,
      );
    }
    if (before?.numbers.has(number)) {
      throw invitationError('ALREADY_USED', 'This text was accepted here already.', from);
    }
    issued?.guests.add(from);
    const contact = this.#meet(text);
    contact.numbers.add(number);
    dropOldest(contact.numbers, INVITATION_TEXTS_MAX);
    return contact;
  }

  #checkGuest({ lapsesMs, uses, guests }: Issued, from: PeerId, nowMs: number): void {
    if (lapsesMs <= nowMs) throw invitationError('EXPIRED', 'The invitation that this text answers has expired.', from);
    if (guests.has(from) || guests.size < uses) return;
    const who = uses === 1 ? 'another peer' : `${uses} other peers`;
    throw invitationError(
      'ALREADY_USED',
      `The invitation that this text answers was used by ${who}: write a new one.`,
      from,
    );
  }

  /** A text came to nothing: it may be accepted again. */
  unhear(contact: Contact, { number }: SignalsText): void {
    contact.numbers.delete(number);
  }

  #meet({ from, network, nonce, presence }: Invitation | SignalsText): Contact {
    const before = this.#contacts.get(from);
    const contact: Contact = before?.network === network ? before : newContact(from, network, presence);
    contact.presence = presence;
    contact.isGone = false;
    contact.nonces.delete(nonce);
    contact.nonces.add(nonce);
    dropOldest(contact.nonces, INVITATION_TEXTS_MAX);
    this.#contacts.set(from, contact);
    this.#forgetSome();
    return contact;
  }

  #forgetSome(): void {
    for (const [id, { burst }] of this.#contacts) {
      if (this.#contacts.size <= INVITATIONS_MAX) return;
      if (burst === undefined) this.#contacts.delete(id);
    }
  }
}
