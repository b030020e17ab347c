/** Goal: an open channel is a link only once its other end is proven to be the remote, whatever comes instead; run by `peer.test.ts`. */
import { expect, it } from 'vitest';
import {
  DRAIN_TIMEOUT_MS,
  FAILED_DIALS_MAX,
  PEER_BACKOFF_MAX_MS,
  PROOF_TIMEOUT_MS,
} from '../../machines/shared/limits.ts';
import { commands, healthOf, heirOf, provingHeir, redialing } from './peer-healing-kit.ts';
import { attempt, CLOSED, connect, hello, LOW, OURS, offer, type Peer, proving, start } from './peer-kit.ts';

/** What makes us refuse, by the code that the app and the remote hear. */
const UNPROVEN: Record<string, readonly [code: string, happen: (peer: Peer) => void]> = {
  'a proof that does not hold': [
    'PROOF_FAILED',
    ({ link }) => link.last.tell({ type: 'link.unproven', code: 'PROOF_FAILED' }),
  ],
  'a remote that proves nothing': [
    'PROOF_MISSING',
    ({ link }) => link.last.tell({ type: 'link.unproven', code: 'PROOF_MISSING' }),
  ],
  'no proof in time': ['PROOF_TIMEOUT', ({ run }) => run.clock.runFor(PROOF_TIMEOUT_MS)],
};

const refuses = (peer: Peer, code: string): void => {
  expect(peer.run.value).toEqual({ link: 'refusing' });
  expect(peer.run.take()).toEqual([{ type: 'peer.unproven', remote: LOW, code }]);
  expect(peer.link.last.commands.at(-1)).toEqual({ type: 'link.close', reason: code, alternatives: [] });
};

export function proofs(): void {
  it.each(Object.entries(UNPROVEN))(
    '%s: the remote is told why, the slot is freed, nothing is left',
    (_name, [code, happen]) => {
      for (const options of [{}, { offer: offer(50) }]) {
        for (const end of [
          ({ link }: Peer) => link.last.tell(CLOSED),
          // Nobody answers the goodbye.
          ({ run }: Peer) => run.clock.runFor(DRAIN_TIMEOUT_MS),
        ]) {
          const peer = proving(options);
          happen(peer);
          refuses(peer, code);
          expect(peer.link.last.freed).toBe(false);
          end(peer);
          expect(peer.run.take()).toMatchObject([{ type: 'peer.backedOff', reason: 'unproven', refusal: undefined }]);
          expect(peer.link.last.freed).toBe(true);
          expect(peer.run.value).toEqual({ backingOff: 'waiting' });
          expect(peer.run.clock.pending).toBe(1);
          expect(peer.link.last.commands.map(({ type }) => type)).not.toContain('link.admit');
        }
      }
    },
  );

  it('a remote that does not take ours ends it at once', () => {
    const peer = proving();
    peer.run.send({ type: 'link.farewell', reason: 'PROOF_FAILED', alternatives: [] });
    expect(peer.run.take()).toMatchObject([
      { type: 'peer.unproven', remote: LOW, code: 'PROOF_REFUSED' },
      { type: 'peer.backedOff', reason: 'unproven' },
    ]);
    expect(peer.link.last.freed).toBe(true);
  });

  it.each(['disconnected', 'evicted', '', 'we do not like you'])(
    'a remote that ends it (%j) has said nothing of our proof',
    (reason) => {
      const peer = proving();
      peer.run.send({ type: 'link.farewell', reason, alternatives: [] });
      expect(peer.run.take()).toMatchObject([{ type: 'peer.backedOff', reason: 'dialFailed' }]);
      expect(peer.link.last.freed).toBe(true);
    },
  );

  it('a remote that leaves meanwhile is gone', () => {
    const peer = proving();
    peer.run.send({ type: 'link.farewell', reason: 'left', alternatives: [] });
    expect(peer.run.take()).toEqual([]);
    expect(peer.run.output).toMatchObject({ remote: LOW, reason: 'left' });
    expect(peer.link.last.freed).toBe(true);
  });

  it('the words of an app are not for a remote that is not proven', () => {
    const peer = proving();
    peer.run.send({ type: 'peer.release', reason: 'disconnected', words: 'our secret plan' });
    expect(peer.link.last.commands.at(-1)).toEqual({ type: 'link.close', reason: 'disconnected', alternatives: [] });
  });

  it('a failure of ICE meanwhile is a failed dial like any other', () => {
    const peer = proving();
    peer.link.last.tell({ type: 'link.failed' });
    expect(peer.run.take()).toMatchObject([{ type: 'peer.backedOff', reason: 'dialFailed' }]);
  });

  it('a late result changes nothing', () => {
    const peer = proving();
    peer.run.clock.runFor(PROOF_TIMEOUT_MS);
    peer.run.take();
    for (const type of ['link.proven', 'link.unproven']) peer.link.last.tell({ type, code: 'PROOF_FAILED' });
    expect(peer.run.value).toEqual({ link: 'refusing' });
    peer.link.last.tell(CLOSED);
    peer.run.send({ type: 'link.proven' });
    expect(peer.run.value).toEqual({ backingOff: 'waiting' });
    const standing = proving();
    standing.link.last.tell({ type: 'link.proven' });
    standing.link.last.tell({ type: 'link.unproven', code: 'PROOF_FAILED' });
    expect(standing.run.value).toEqual({ link: { connected: { health: 'healthy', hold: 'free' } } });
  });

  it('a remote whose network signs what ours does not is told so', () => {
    const peer = start();
    peer.link.last.tell({ type: 'link.opened' });
    peer.run.take();
    peer.run.send(hello(LOW, OURS, { features: ['signed'] }));
    refuses(peer, 'SIGNING_DIFFERS');
    peer.link.last.tell(CLOSED);
    expect(peer.run.take()).toMatchObject([{ type: 'peer.backedOff', reason: 'unproven' }]);
  });

  it('before HELLO a result is no result', () => {
    const peer = start();
    peer.link.last.tell({ type: 'link.opened' });
    peer.link.last.tell({ type: 'link.proven' });
    expect(peer.run.value).toEqual({ link: 'handshaking' });
  });

  it('a newer offer of the remote is answered instead, in every one of these states', () => {
    for (const make of [
      () => proving(),
      () => {
        const peer = proving();
        peer.link.last.tell({ type: 'link.unproven', code: 'PROOF_FAILED' });
        return peer;
      },
    ]) {
      const peer = make();
      peer.run.send({ type: 'signal.offer', signal: offer(99) });
      expect(peer.link.runs.length).toBe(1);
      peer.run.send({ type: 'signal.offer', signal: offer(200) });
      expect(peer.run.value).toEqual({ link: 'answering' });
      expect(peer.link.runs.map(({ freed }) => freed)).toEqual([true, false]);
    }
  });

  it(`somebody in between is given up after ${FAILED_DIALS_MAX} tries in a row, HELLOs or not`, () => {
    const peer = proving();
    for (let n = 1; n < FAILED_DIALS_MAX; n++) {
      peer.link.last.tell({ type: 'link.unproven', code: 'PROOF_FAILED' });
      peer.link.last.tell(CLOSED);
      expect(peer.run.context.memory).toMatchObject({ failures: n, setbacks: n });
      peer.run.clock.runFor(PEER_BACKOFF_MAX_MS);
      peer.run.send({ type: 'peer.dial', attempt: attempt(100 + n), random: false, cap: 8 });
      peer.link.last.tell({ type: 'link.opened' });
      peer.run.send({
        type: 'hello.received',
        hello: {
          type: 'HELLO',
          peerId: LOW,
          attempt: attempt(100 + n),
          mark: OURS,
          random: false,
          cap: 4,
          features: [],
        },
      });
    }
    peer.link.last.tell({ type: 'link.unproven', code: 'PROOF_FAILED' });
    peer.link.last.tell(CLOSED);
    expect(peer.run.output).toEqual({ remote: LOW, reason: 'unproven', words: 'PROOF_FAILED', alternatives: [] });
    expect(peer.run.clock.pending).toBe(0);
  });
}

/** The same of a channel that is to take over from one that stands. */
export function heirProofs(): void {
  const UNPROVEN: Record<string, readonly [code: string, happen: (peer: Peer) => void]> = {
    'a proof that does not hold': [
      'PROOF_FAILED',
      ({ link }) => link.last.tell({ type: 'heir.unproven', code: 'PROOF_FAILED' }),
    ],
    'no proof in time': ['PROOF_TIMEOUT', ({ run }) => run.clock.runFor(PROOF_TIMEOUT_MS)],
  };
  it.each(Object.entries(UNPROVEN))(
    '%s: the heir does not take over, and the app hears why',
    (_name, [code, happen]) => {
      for (const more of [{ resume: OURS }, {}]) {
        const peer = provingHeir(redialing(), more);
        const heir = heirOf(peer);
        peer.run.take();
        happen(peer);
        expect(healthOf(peer)).toEqual({ restarting: 'pausing' });
        expect(peer.run.take()).toEqual([
          { type: 'peer.unproven', remote: LOW, code },
          expect.objectContaining({ signal: expect.objectContaining({ kind: 'close', attempt: heir }) }),
        ]);
        expect(commands(peer).slice(-2)).toEqual(['heir.drop', 'link.ping']);
        expect(peer.run.context.memory).toMatchObject({
          attempt: OURS,
          session: OURS,
          heir: undefined,
          heirHello: undefined,
        });
        // The link itself, when it speaks again, is as good as it was.
        peer.run.send({ type: 'link.lively' });
        expect(healthOf(peer)).toBe('healthy');
      }
    },
  );

  it('a newer offer takes the place of a link that the remote lost unnoticed, once it is proven, with its own role', () => {
    const peer = connect();
    peer.types();
    peer.run.send({ type: 'signal.offer', signal: offer(200, { random: true, op: '1'.repeat(16) }) });
    expect(peer.types()).toEqual(['peer.stalled']);
    peer.link.last.tell({ type: 'heir.opened' });
    expect(peer.link.last.commands.at(-1)).toMatchObject({ type: 'heir.greet', random: true });
    peer.run.send(hello(LOW, attempt(200), { random: true }));
    expect(peer.types()).toEqual([]);
    peer.link.last.tell({ type: 'heir.proven' });
    expect(peer.link.last.commands.slice(-2)).toEqual([
      { type: 'heir.succeed', resumes: false },
      { type: 'link.admit' },
    ]);
    expect(peer.run.take()).toMatchObject([
      { type: 'peer.reopening', random: true },
      { type: 'peer.opened', random: true, op: '1'.repeat(16) },
    ]);
    expect(peer.run.context.memory).toMatchObject({ attempt: attempt(200), session: attempt(200), random: true });
  });

  it('one in the name of the remote, by somebody else, costs nothing: the link is heard again, or was proven not to be it', () => {
    for (const happen of [
      (peer: Peer) => peer.run.send({ type: 'link.lively' }),
      (peer: Peer) => {
        peer.link.last.tell({ type: 'heir.opened' });
        peer.run.send(hello(LOW, attempt(200)));
        peer.link.last.tell({ type: 'heir.unproven', code: 'PROOF_FAILED' });
        expect(peer.types()).toContain('peer.unproven');
        expect(peer.link.last.commands.slice(-2).map(({ type }) => type)).toEqual(['heir.drop', 'link.ping']);
        peer.run.send({ type: 'link.lively' });
      },
    ]) {
      const peer = connect();
      peer.types();
      peer.run.send({ type: 'signal.offer', signal: offer(200) });
      happen(peer);
      expect(peer.run.value).toEqual({ link: { connected: { health: 'healthy', hold: 'free' } } });
      expect(peer.types().at(-1)).toBe('peer.recovered');
      expect(peer.run.context.memory).toMatchObject({ attempt: OURS, session: OURS, random: false, heir: undefined });
      expect(peer.link.runs.map(({ freed }) => freed)).toEqual([false]);
    }
  });
}
