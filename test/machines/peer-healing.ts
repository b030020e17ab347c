/** Goal: a link that falls silent heals by the ways it has, in their order and within its window, or is lost; run by `peer.test.ts`. */
import { describe, expect, it } from 'vitest';
import {
  HANDSHAKE_TIMEOUT_MS,
  LISTEN_TIMEOUT_MS,
  REDIAL_TIMEOUT_MS,
  RESTART_TIMEOUT_MS,
  RESTARTS_MAX,
  RESUME_WINDOW_MS,
  RETRY_MAX_MS,
  SUSPECT_TIMEOUT_MS,
  TAKEOVER_MS,
} from '../../machines/shared/limits.ts';
import { ends } from './peer-healing-ends.ts';
import {
  commands,
  FAILED,
  greeting,
  healable,
  healthOf,
  heirOf,
  isLost,
  provingHeir,
  reanswering,
  redialing,
  restartOffer,
  resumption,
  silent,
} from './peer-healing-kit.ts';
import { shaken } from './peer-healing-shaken.ts';
import {
  answer,
  attempt,
  CLOSED,
  candidate,
  close,
  connect,
  HIGH,
  hello,
  LOW,
  OURS,
  offer,
  type Peer,
} from './peer-kit.ts';
import { heirProofs } from './peer-proof.ts';

function suspicion(): void {
  it.each(['link.quiet', 'link.disturbed', 'link.shaken'])('%s: the remote is asked for a sign of life', (type) => {
    const peer = healable(true);
    commands(peer);
    peer.run.send({ type, moved: false });
    expect(healthOf(peer)).toBe('suspect');
    expect(commands(peer)).toEqual(['link.ping']);
    peer.run.send({ type: 'link.found' });
    peer.run.send({ type: 'link.shaken', moved: false });
    expect(commands(peer)).toEqual(['link.ping', 'link.ping']);
    peer.run.send({ type: 'link.lively' });
    expect(healthOf(peer)).toBe('healthy');
  });

  it.each(['healthy', 'suspect'])('%s: silence, a failure of ICE and of the channel begin the restart', (state) => {
    for (const event of [{ type: 'link.silent' }, { type: 'link.failed' }, FAILED]) {
      const peer = healable(true);
      if (state === 'suspect') peer.run.send({ type: 'link.quiet' });
      peer.run.send(event);
      expect(healthOf(peer)).toMatchObject({ restarting: expect.any(String) });
      expect(peer.types()[0]).toBe('peer.stalled');
    }
  });

  it('another address begins it at once where ICE restarts, whatever was suspected; elsewhere the link is asked', () => {
    for (const state of ['healthy', 'suspect']) {
      const peer = healable(true);
      if (state === 'suspect') peer.run.send({ type: 'link.quiet' });
      peer.run.send({ type: 'link.shaken', moved: true });
      expect(healthOf(peer)).toEqual({ restarting: 'reviving' });
      const poor = healable(true, false);
      if (state === 'suspect') poor.run.send({ type: 'link.quiet' });
      poor.run.send({ type: 'link.shaken', moved: true });
      expect(healthOf(poor)).toBe('suspect');
    }
  });

  it('a suspect that nobody judges is restarted in time; one that ended in order is lost', () => {
    const peer = healable(true);
    peer.run.send({ type: 'link.quiet' });
    peer.run.clock.runFor(SUSPECT_TIMEOUT_MS);
    expect(healthOf(peer)).toEqual({ restarting: 'reviving' });
    const ended = healable(true);
    ended.run.send({ type: 'link.quiet' });
    ended.link.last.tell(CLOSED);
    isLost(ended);
  });

  it('a hand-over that the link is part of goes on meanwhile', () => {
    const peer = healable(true);
    peer.run.send({ type: 'peer.hold' });
    silent(peer);
    peer.run.send(resumption(200));
    expect(peer.run.value).toMatchObject({ link: { connected: { hold: 'handingOver' } } });
  });
}

function restarts(): void {
  it('the end with the larger id restarts ICE, numbers what it says, and takes only the answer to that', () => {
    const peer = silent(healable(true));
    expect(commands(peer).filter((type) => type === 'link.restart')).toEqual(['link.restart']);
    peer.link.last.tell({ type: 'link.signal', signal: { kind: 'offer', sdp: 'again' } });
    peer.link.last.tell({ type: 'link.signal', signal: { kind: 'candidate', candidate: 'c' } });
    expect(peer.run.take().map(({ signal }) => signal)).toEqual([
      undefined,
      { kind: 'offer', attempt: OURS, sdp: 'again', random: false, restart: 1 },
      { kind: 'candidate', attempt: OURS, candidate: 'c' },
    ]);
    for (const late of [answer(OURS), { ...answer(OURS), signal: { ...answer(OURS).signal, restart: 2 } }]) {
      peer.run.send(late);
      expect(commands(peer)).toEqual([]);
    }
    peer.run.send({ ...answer(OURS), signal: { ...answer(OURS).signal, restart: 1 } });
    peer.run.send(candidate(OURS));
    expect(commands(peer)).toEqual(['link.take', 'link.take']);
    peer.run.send({ type: 'link.found' });
    expect(commands(peer)).toEqual(['link.ping']);
    expect(peer.types()).toEqual([]);
    peer.run.send({ type: 'link.lively' });
    expect(healthOf(peer)).toBe('healthy');
    expect(peer.types()).toEqual(['peer.recovered']);
    peer.run.clock.runFor(RESUME_WINDOW_MS * 2);
    expect(peer.types()).toEqual([]);
  });

  it('tries that a few times, then dials afresh, and begins anew after the next silence', () => {
    const peer = silent(healable(true));
    peer.run.clock.runFor(RESTART_TIMEOUT_MS * RESTARTS_MAX - 1);
    expect(commands(peer).filter((type) => type === 'link.restart').length).toBe(RESTARTS_MAX);
    peer.run.clock.runFor(1);
    expect(healthOf(peer)).toEqual({ restarting: 'redialing' });
    peer.run.send({ type: 'link.lively' });
    expect(commands(peer)).toEqual(['heir.open', 'heir.drop']);
    silent(peer);
    expect(healthOf(peer)).toEqual({ restarting: 'reviving' });
    expect(peer.run.context.memory.restarts).toBe(RESTARTS_MAX + 1);
  });

  it('ICE is back and nothing is heard: a fresh channel is dialed soon, and the old one may still speak first', () => {
    const peer = silent(healable(true));
    commands(peer);
    peer.link.last.tell({ type: 'link.found' });
    expect(healthOf(peer)).toEqual({ restarting: 'listening' });
    expect(commands(peer)).toEqual(['link.ping']);
    peer.run.clock.runFor(LISTEN_TIMEOUT_MS);
    expect(healthOf(peer)).toEqual({ restarting: 'redialing' });
    peer.run.send({ type: 'link.lively' });
    expect(healthOf(peer)).toBe('healthy');
    expect(commands(peer)).toEqual(['heir.open', 'heir.drop']);
    const closed = silent(healable(true));
    closed.link.last.tell({ type: 'link.found' });
    closed.run.send(FAILED);
    expect(healthOf(closed)).toEqual({ restarting: 'redialing' });
  });

  it('the other end knocks, waits, and takes over', () => {
    const peer = silent(healable(false));
    expect(healthOf(peer)).toEqual({ restarting: 'waiting' });
    expect(peer.run.take()).toMatchObject([
      { type: 'peer.stalled' },
      { type: 'peer.signals', signal: { kind: 'probe', attempt: OURS } },
    ]);
    peer.run.clock.runFor(TAKEOVER_MS);
    expect(healthOf(peer)).toEqual({ restarting: 'reviving' });
    const poor = silent(healable(false, false));
    poor.run.clock.runFor(TAKEOVER_MS);
    expect(healthOf(poor)).toEqual({ restarting: 'redialing' });
  });

  it('dials afresh when the channel is gone or the remote has none', () => {
    for (const event of [FAILED, close(OURS)]) {
      const peer = silent(healable(true));
      peer.run.send(event);
      expect(healthOf(peer)).toEqual({ restarting: 'redialing' });
    }
    const waiting = silent(healable(false));
    waiting.run.send(FAILED);
    waiting.run.clock.runFor(TAKEOVER_MS);
    expect(healthOf(waiting)).toEqual({ restarting: 'redialing' });
  });

  it('pauses when its signals do not get through', () => {
    const peer = silent(healable(true));
    peer.run.send({ type: 'signal.undeliverable', attempt: attempt(7) });
    expect(healthOf(peer)).toEqual({ restarting: 'reviving' });
    peer.run.send({ type: 'signal.undeliverable', attempt: OURS });
    expect(healthOf(peer)).toEqual({ restarting: 'pausing' });
    peer.run.clock.runFor(RETRY_MAX_MS);
    expect(healthOf(peer)).toEqual({ restarting: 'reviving' });
  });

  it('of the remote are answered once each while the link stands, and nowhere else', () => {
    const peer = healable(true);
    commands(peer);
    peer.run.send(restartOffer(1));
    peer.link.last.tell({ type: 'link.signal', signal: { kind: 'answer', sdp: 'a' } });
    expect(peer.run.take()).toMatchObject([{ signal: { kind: 'answer', attempt: OURS, sdp: 'a', restart: 1 } }]);
    for (const late of [restartOffer(1), restartOffer(9, attempt(50))]) peer.run.send(late);
    expect(commands(peer)).toEqual(['link.take']);
    peer.run.send(restartOffer(3));
    expect(commands(peer)).toEqual(['link.take']);
    expect(healthOf(peer)).toBe('healthy');
    const poor = healable(true, false);
    commands(poor);
    poor.run.send(restartOffer(1));
    expect(commands(poor)).toEqual([]);
    for (const { run, link } of [connect({ offer: offer(50) })]) {
      link.last.tell(CLOSED);
      run.send({ type: 'peer.dial', attempt: attempt(150), random: false, cap: 8 });
      run.send(restartOffer(1, attempt(300)));
      expect(run.value).toEqual({ link: 'dialing' });
    }
    const small = connect({ self: LOW, remote: HIGH });
    small.link.last.tell(CLOSED);
    small.run.send({ type: 'peer.dial', attempt: attempt(150), random: false, cap: 8 });
    small.run.send(restartOffer(1, attempt(300)));
    expect(small.run.value).toEqual({ link: 'dialing' });
  });
}

function redials(): void {
  it('an offer names the link; what follows belongs to the heir; both HELLOs resume it', () => {
    const peer = redialing();
    const heir = heirOf(peer);
    expect(heir > OURS).toBe(true);
    peer.link.last.tell({ type: 'heir.signal', signal: { kind: 'offer', sdp: 'new' } });
    expect(peer.run.take().map(({ signal }) => signal)).toEqual([
      { kind: 'offer', attempt: heir, sdp: 'new', random: false, resume: OURS },
    ]);
    for (const make of [answer, candidate]) peer.run.send(make(heir));
    expect(commands(peer)).toEqual(['heir.take', 'heir.take']);
    peer.run.send(candidate(OURS));
    expect(commands(peer)).toEqual(['link.take']);
    peer.run.send(answer(OURS));
    peer.link.last.tell({ type: 'heir.opened' });
    expect(peer.link.last.commands).toEqual([{ type: 'heir.greet', random: false, cap: 8, mark: heir, resume: OURS }]);
    // The old channel may speak now: both ends are past it.
    peer.run.send({ type: 'link.lively' });
    peer.run.send(hello(LOW, heir, { resume: OURS, features: ['restart'] }));
    expect(commands(peer)).toEqual(['heir.greet', 'heir.prove']);
    peer.run.send({ type: 'link.lively' });
    expect(healthOf(peer)).toEqual({ restarting: 'proving' });
    peer.link.last.tell({ type: 'heir.proven' });
    expect(peer.link.last.commands.at(-1)).toEqual({ type: 'heir.succeed', resumes: true });
    expect(healthOf(peer)).toBe('healthy');
    expect(peer.types()).toEqual(['peer.recovered']);
    expect(peer.run.context.memory).toMatchObject({ attempt: heir, session: OURS, heir: undefined, restarts: 0 });
    // The next silence goes on with the same link.
    silent(peer);
    expect(peer.run.context.memory.tries).toBe(1);
  });

  it('a remote that has lost the link gets another one, and the mesh hears both', () => {
    const peer = greeting();
    const heir = heirOf(peer);
    peer.run.take();
    peer.run.send(hello(LOW, heir));
    expect(peer.types()).toEqual([]);
    peer.link.last.tell({ type: 'heir.proven' });
    expect(peer.types()).toEqual(['peer.reopening', 'peer.opened']);
    expect(commands(peer)).toEqual(['heir.prove', 'heir.succeed', 'link.admit']);
    expect(peer.run.context.memory).toMatchObject({ attempt: heir, session: heir, heir: undefined });
    expect(healthOf(peer)).toBe('healthy');
  });

  const NOTHING: Record<string, (peer: Peer) => void> = {
    'no answer in time': ({ run }) => run.clock.runFor(REDIAL_TIMEOUT_MS),
    'the channel closed': ({ link }) => link.last.tell({ type: 'heir.closed', error: 'x' }),
    'the remote closed it': (peer) => peer.run.send(close(heirOf(peer))),
    'no way to signal': (peer) => peer.run.send({ type: 'signal.undeliverable', attempt: heirOf(peer) }),
    'no HELLO in time': ({ run, link }) => {
      link.last.tell({ type: 'heir.opened' });
      run.clock.runFor(HANDSHAKE_TIMEOUT_MS);
    },
    'a HELLO of somebody else': (peer) => {
      peer.link.last.tell({ type: 'heir.opened' });
      peer.run.send(hello(HIGH, heirOf(peer), { resume: OURS }));
    },
    'a channel that closed while greeting': ({ link }) => {
      link.last.tell({ type: 'heir.opened' });
      link.last.tell({ type: 'heir.closed', error: undefined });
    },
    'a channel that closed while proving': (peer) => {
      const { link } = provingHeir(peer);
      link.last.tell({ type: 'heir.closed', error: undefined });
    },
  };
  it.each(Object.entries(NOTHING))('%s: the heir is dropped, the remote told, the next try follows', (_name, fail) => {
    const peer = redialing();
    const heir = heirOf(peer);
    fail(peer);
    expect(healthOf(peer)).toEqual({ restarting: 'pausing' });
    expect(commands(peer)).toContain('heir.drop');
    expect(peer.run.take()).toMatchObject([{ signal: { kind: 'close', attempt: heir } }]);
    peer.run.clock.runFor(RETRY_MAX_MS);
    expect(healthOf(peer)).toEqual({ restarting: 'redialing' });
    expect(heirOf(peer) > heir).toBe(true);
  });

  it('on crossing dials the larger id’s stands', () => {
    const large = redialing(true);
    const heir = heirOf(large);
    large.run.send(resumption(0xffffffffff));
    expect(heirOf(large)).toBe(heir);
    const small = redialing(false);
    small.run.send(resumption(0xffffffffff));
    expect(healthOf(small)).toEqual({ restarting: 'reanswering' });
    expect(heirOf(small)).toBe(attempt(0xffffffffff));
  });

  it('a dial that nobody misses a link for is answered; a repeated one changes nothing, one of another link is a new link', () => {
    const peer = reanswering();
    expect(peer.link.last.commands.at(-1)).toMatchObject({ type: 'heir.open', attempt: attempt(200) });
    peer.run.send(resumption(200));
    peer.run.send(resumption(150));
    expect(heirOf(peer)).toBe(attempt(200));
    peer.link.last.tell({ type: 'heir.signal', signal: { kind: 'answer', sdp: 'a' } });
    expect(peer.run.take()).toMatchObject([{ signal: { kind: 'answer', attempt: attempt(200), sdp: 'a' } }]);
    peer.link.last.tell({ type: 'heir.opened' });
    peer.run.send(hello(HIGH, attempt(200), { resume: OURS }));
    peer.link.last.tell({ type: 'heir.proven' });
    expect(healthOf(peer)).toBe('healthy');
    const stranger = healable(true);
    stranger.run.send(resumption(200, { resume: attempt(3) }));
    expect(heirOf(stranger)).toBe(attempt(200));
    stranger.link.last.tell({ type: 'heir.opened' });
    stranger.run.send(hello(LOW, attempt(200), { resume: attempt(3) }));
    stranger.link.last.tell({ type: 'heir.proven' });
    expect(stranger.types()).toEqual(['peer.stalled', 'peer.reopening', 'peer.opened']);
  });

  it('a dial of the remote that comes to nothing leaves the link as it was, to be asked', () => {
    for (const fail of [
      ({ run }: Peer) => run.send(close(attempt(200))),
      ({ link }: Peer) => link.last.tell({ type: 'heir.closed', error: undefined }),
      ({ run }: Peer) => run.clock.runFor(REDIAL_TIMEOUT_MS),
    ]) {
      const peer = reanswering();
      fail(peer);
      expect(healthOf(peer)).toBe('suspect');
      expect(commands(peer).slice(-2)).toEqual(['heir.drop', 'link.ping']);
    }
  });
}

export function healing(): void {
  describe('suspicion', suspicion);
  describe('restarts of ICE', restarts);
  describe('fresh dials', redials);
  describe('a change of our own network', shaken);
  describe('the proof of an heir', heirProofs);
  describe('the end of a silent link', ends);
  it('a link that healed may be opened anew later', () => {
    const peer = greeting();
    peer.run.send(hello(LOW, heirOf(peer), { resume: OURS }));
    peer.link.last.tell({ type: 'heir.proven' });
    peer.run.send({ type: 'signal.offer', signal: offer(0xffffffffff) });
    peer.link.last.tell({ type: 'heir.opened' });
    peer.run.send(hello(LOW, attempt(0xffffffffff)));
    peer.link.last.tell({ type: 'heir.proven' });
    expect(peer.types().slice(-2)).toEqual(['peer.reopening', 'peer.opened']);
    expect(peer.run.context.memory.session).toBe(attempt(0xffffffffff));
  });
}
