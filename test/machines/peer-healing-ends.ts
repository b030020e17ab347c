/** Goal: a silent link that cannot heal is lost within its window, and sooner when somebody knows; run by `peer.test.ts`. */
import { expect, it } from 'vitest';
import { DRAIN_TIMEOUT_MS, RESUME_WINDOW_MS } from '../../machines/shared/limits.ts';
import {
  gone,
  greeting,
  healable,
  healthOf,
  heirOf,
  isLost,
  reanswering,
  redialing,
  resumption,
  silent,
} from './peer-healing-kit.ts';
import { attempt, CLOSED, connect, OURS, offer, type Peer, refusal } from './peer-kit.ts';

export function ends(): void {
  it('a hub that knows no such peer settles it, whoever asked', () => {
    const asked: Record<string, () => readonly [Peer, string]> = {
      waiting: () => [silent(healable(false)), OURS],
      reviving: () => [silent(healable(true)), OURS],
      redialing: () => {
        const peer = redialing();
        return [peer, heirOf(peer)];
      },
    };
    for (const make of Object.values(asked)) {
      const [peer, of] = make();
      peer.run.send(gone(attempt(9)));
      expect(peer.types()).not.toContain('peer.backedOff');
      peer.run.send(gone(of));
      isLost(peer);
    }
    const healthy = healable(true);
    healthy.run.send(gone(OURS));
    expect(healthOf(healthy)).toBe('healthy');
  });

  it('a remote that gave the link up and is full now ends it', () => {
    const peer = redialing();
    peer.run.send(refusal(OURS));
    expect(healthOf(peer)).toEqual({ restarting: 'redialing' });
    peer.run.send(refusal(heirOf(peer)));
    isLost(peer);
  });

  it('a goodbye by way of the hub ends it in every state; a late one of a failed dial does not', () => {
    const farewell = (reason: string) => ({ type: 'signal.close', signal: { kind: 'close', attempt: OURS, reason } });
    const states: (() => Peer)[] = [
      () => silent(healable(false)),
      () => silent(healable(true)),
      redialing,
      greeting,
      reanswering,
    ];
    for (const make of states) {
      const peer = make();
      peer.run.send(farewell('left'));
      expect(peer.run.output).toMatchObject({ reason: 'left' });
      expect(peer.link.last.freed).toBe(true);
    }
    const waiting = silent(healable(false));
    waiting.run.send(farewell('dialFailed'));
    expect(healthOf(waiting)).toEqual({ restarting: 'waiting' });
  });

  it('is given up when its window has passed, however it is spent', () => {
    for (const make of [
      () => silent(healable(true)),
      () => silent(healable(false)),
      () => silent(healable(true, false)),
    ]) {
      const peer = make();
      peer.run.clock.runFor(RESUME_WINDOW_MS - 1);
      expect(peer.types()).not.toContain('peer.backedOff');
      peer.run.clock.runFor(1);
      isLost(peer);
    }
    // A remote that dials again and again does not prolong it.
    const nagged = silent(healable(false, false));
    for (let n = 0; n < 40 && healthOf(nagged) !== undefined; n++) {
      nagged.run.send(resumption(200 + n));
      nagged.link.last.tell({ type: 'heir.closed', error: undefined });
      nagged.run.send({ type: 'link.silent' });
      nagged.run.clock.runFor(500);
    }
    isLost(nagged);
  });

  it('released meanwhile, the goodbye goes through the hub as well', () => {
    const peer = redialing();
    const heir = heirOf(peer);
    peer.run.send({ type: 'peer.release', reason: 'left' });
    expect(peer.run.take().map(({ signal }) => signal)).toMatchObject([
      { kind: 'close', attempt: heir },
      { kind: 'close', attempt: OURS, reason: 'left' },
    ]);
    peer.run.clock.runFor(DRAIN_TIMEOUT_MS);
    expect(peer.run.output).toMatchObject({ reason: 'left' });
    expect(peer.run.clock.pending).toBe(0);
  });

  it('a failure of ICE ends an attempt as its channel’s end does', () => {
    for (const more of [{}, { offer: offer(50) }]) {
      for (const opened of [false, true]) {
        const peer = connectless(more);
        if (opened) peer.link.last.tell({ type: 'link.opened' });
        peer.link.last.tell({ type: 'link.failed' });
        expect(peer.run.value).toEqual({ backingOff: 'waiting' });
      }
    }
  });
}

function connectless(options: object): Peer {
  const peer = connect(options);
  peer.link.last.tell(CLOSED);
  const offered = 'offer' in options;
  if (offered) peer.run.send({ type: 'peer.answer', offer: offer(60), cap: 8 });
  else peer.run.send({ type: 'peer.dial', attempt: attempt(150), random: false, cap: 8 });
  return peer;
}
