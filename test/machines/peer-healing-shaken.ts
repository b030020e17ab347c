/** Goal: when our own network changed or we were away, we begin to heal a link, whatever our id, and wait for nothing old; run by `peer.test.ts`. */
import { expect, it } from 'vitest';
import { healable, healthOf, heirOf, redialing, silent } from './peer-healing-kit.ts';
import { CLOSED, close, connect, HIGH, hello, LOW, OURS } from './peer-kit.ts';

export function shaken(): void {
  it.each([true, false])('silence after it is ours to end, with the larger id (%s) or without', (leads) => {
    for (const state of ['healthy', 'suspect']) {
      for (const restart of [true, false]) {
        const peer = healable(leads, restart);
        if (state === 'suspect') peer.run.send({ type: 'link.shaken', moved: false });
        peer.run.send({ type: 'link.silent', ours: true });
        expect(healthOf(peer)).toEqual({ restarting: restart ? 'reviving' : 'redialing' });
        expect(peer.types()[0]).toBe('peer.stalled');
      }
    }
  });

  it('another address begins a restart of ICE at the smaller id too', () => {
    const peer = healable(false);
    peer.run.send({ type: 'link.shaken', moved: true });
    expect(healthOf(peer)).toEqual({ restarting: 'reviving' });
  });

  it('what waits, pauses or was tried on the old network is begun anew', () => {
    const waiting = silent(healable(false));
    expect(healthOf(waiting)).toEqual({ restarting: 'waiting' });
    waiting.run.send({ type: 'link.shaken', moved: false });
    expect(healthOf(waiting)).toEqual({ restarting: 'reviving' });
    const peer = redialing();
    const heir = heirOf(peer);
    peer.run.send({ type: 'link.shaken', moved: true });
    expect(healthOf(peer)).toEqual({ restarting: 'redialing' });
    expect(heirOf(peer) > heir).toBe(true);
    expect(peer.run.take()).toMatchObject([{ signal: { kind: 'close', attempt: heir } }]);
    peer.run.send(close(heirOf(peer)));
    expect(healthOf(peer)).toEqual({ restarting: 'pausing' });
    peer.run.send({ type: 'link.shaken', moved: false });
    expect(healthOf(peer)).toEqual({ restarting: 'redialing' });
  });

  it('a fresh channel that is open already is not given up', () => {
    const peer = redialing();
    peer.link.last.tell({ type: 'heir.opened' });
    const heir = heirOf(peer);
    peer.run.send({ type: 'link.shaken', moved: true });
    expect(healthOf(peer)).toEqual({ restarting: 'greeting' });
    peer.run.send(hello(LOW, heir, { resume: OURS }));
    peer.run.send({ type: 'link.shaken', moved: true });
    expect(healthOf(peer)).toEqual({ restarting: 'proving' });
    peer.link.last.tell({ type: 'heir.proven' });
    expect(healthOf(peer)).toBe('healthy');
  });

  it('ends a back-off, and what made it long', () => {
    const peer = connect({ self: LOW, remote: HIGH });
    peer.link.last.tell(CLOSED);
    expect(peer.run.value).toEqual({ backingOff: 'waiting' });
    peer.run.take();
    peer.run.send({ type: 'peer.rouse' });
    expect(peer.run.value).toEqual({ backingOff: 'ready' });
    expect(peer.types()).toEqual(['peer.rested']);
    expect(peer.run.context.memory.setbacks).toBe(0);
  });
}
