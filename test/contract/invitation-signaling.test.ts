/**
 * Goal: texts that people hand over keep the contract of every signaling port. Here the people are a courier that carries each
 * text to its peer at once; nothing stands behind the port that could break down, so that two cases have no meaning.
 */
import { describe, expect, it } from 'vitest';
import { type InvitationPort, invitationSignaling } from '../../adapters/invitation.ts';
import { MeshError } from '../../runtime/errors.ts';
import { identityFromSeed, toBase64Url } from '../../runtime/identity/index.ts';
import type { MeshClock } from '../../runtime/ports/clock.ts';
import type { SignalingConnection, SignalingFact } from '../../runtime/ports/signaling.ts';
import { type SignalingHarness, signalingPortContract } from './signaling-port.contract.ts';

/** What a courier may run into: peers of other networks, and peers that have left. */
const EXPECTED = ['WRONG_NETWORK', 'NOT_JOINED', 'LEFT'];

/** Peers, and whoever carries texts between them, in order. */
class Village {
  readonly ports = new Map<string, InvitationPort>();
  readonly errors: unknown[] = [];
  readonly present = new Set<string>();
  timers = 0;
  #errands: Promise<unknown> = Promise.resolve();

  readonly clock: MeshClock = {
    now: () => Date.now(),
    setTimeout: (callback, delayMs) => {
      this.timers++;
      const timer = { isOver: false, id: undefined as NodeJS.Timeout | undefined };
      timer.id = setTimeout(() => {
        this.clock.clearTimeout(timer);
        callback();
      }, delayMs);
      return timer;
    },
    clearTimeout: (given) => {
      const timer = given as { isOver: boolean; id: NodeJS.Timeout | undefined } | undefined;
      if (timer === undefined || timer.isOver) return;
      timer.isOver = true;
      this.timers--;
      clearTimeout(timer.id);
    },
  };

  readonly who = (n: number) => {
    const identity = identityFromSeed(new Uint8Array(32).fill(n));
    return { identity, id: identity.peerId, key: toBase64Url(identity.publicKey) };
  };

  connect(peerId: string, onFact: (fact: SignalingFact) => void): SignalingConnection {
    const identity = [1, 2, 3].map((n) => this.who(n).identity).find((known) => known.peerId === peerId);
    if (identity === undefined) throw new Error(`nobody is ${peerId}`);
    const { clock } = this;
    const port = invitationSignaling({
      identity,
      clock,
      gatherMs: 1,
      gatherMaxMs: 5,
      carry: (text, to) => this.#errand(() => this.#deliver(text, to)),
    });
    this.ports.set(peerId, port);
    const connection = port.connect(peerId, onFact);
    return {
      send: (command) => {
        const taken = connection.send(command);
        if (command.type === 'announce' && !this.present.has(peerId)) {
          this.present.add(peerId);
          for (const other of this.present) if (other !== peerId) this.#errand(() => this.#introduce(other, peerId));
        }
        return taken;
      },
      close: () => connection.close(),
    };
  }

  async #introduce(host: string, newcomer: string): Promise<void> {
    const invitation = await this.ports.get(host)?.invite();
    if (invitation !== undefined) await this.#deliver(invitation, newcomer, host);
  }

  /** Hands a text over, and the answer back, until nobody has anything to say. */
  async #deliver(text: string, to: string, from = ''): Promise<void> {
    const answer = await this.ports.get(to)?.accept(text);
    if (answer !== undefined && from !== '') await this.#deliver(answer, from, to);
  }

  #errand(run: () => Promise<void>): void {
    this.#errands = this.#errands.then(run).catch((error: unknown) => {
      if (!(error instanceof MeshError && EXPECTED.includes(error.code))) this.errors.push(error);
    });
  }

  async settle(): Promise<void> {
    await this.#errands;
  }
}

signalingPortContract(
  'invitations',
  (): SignalingHarness => {
    const village = new Village();
    return {
      port: { url: 'invitation:', connect: (peerId, onFact) => village.connect(peerId, onFact) },
      who: village.who,
      proves: true,
      manual: true,
      breakDown: () => undefined,
      settle: () => village.settle(),
      leaks: () => village.timers,
      dispose: () => expect(village.errors).toEqual([]),
    };
  },
  { describe, it },
  {
    without: [
      'reports closed once, with a reason, when the other side breaks down',
      'reports closed, with a reason, when nobody answers at all',
    ],
  },
);
