/** Peer charts whose link stands, falls silent and heals, for the tests of that. */
import { expect } from 'vitest';
import { TAKEOVER_MS } from '../../machines/shared/limits.ts';
import type { OfferSignal } from '../../runtime/ports/signaling.ts';
import { connect, HIGH, hello, LOW, OURS, offer, type Peer } from './peer-kit.ts';

export const FAILED = { type: 'link.closed', error: 'ice failed' };
export const gone = (of: string) => ({ type: 'signal.undeliverable', attempt: of, unknown: true });
export const resumption = (n: number, more: Partial<OfferSignal> = {}) => ({
  type: 'signal.offer',
  signal: offer(n, { resume: OURS, ...more }),
});
export const restartOffer = (restart: number, of = OURS) => ({
  type: 'signal.offer',
  signal: { ...offer(0, { restart }), attempt: of },
});

/** A link whose ends can restart ICE. `leads`: we have the larger id. */
export const healable = (leads: boolean, restart = true): Peer => {
  const peer = connect(
    leads ? { restart } : { self: LOW, remote: HIGH, restart },
    restart ? { features: ['restart'] } : {},
  );
  peer.run.take();
  return peer;
};
export const healthOf = ({ run }: Peer): unknown => {
  const { link } = run.value as { link?: { connected?: { health?: unknown } } };
  return link?.connected?.health;
};
export const silent = (peer: Peer): Peer => {
  peer.run.send({ type: 'link.quiet' });
  peer.run.send({ type: 'link.silent' });
  return peer;
};
export const commands = ({ link }: Peer): string[] => link.last.commands.splice(0).map(({ type }) => type);
export const heirOf = ({ run }: Peer): string => run.context.memory.heir as string;
export const isLost = (peer: Peer): void => {
  expect(peer.run.take().filter(({ type }) => type === 'peer.backedOff')).toMatchObject([{ reason: 'lost' }]);
  expect(peer.run.value).toEqual({ backingOff: 'waiting' });
  expect(peer.link.last.freed).toBe(true);
  expect(peer.run.context.memory.heir).toBeUndefined();
};
/** A fresh dial is under way. */
export const redialing = (leads = true): Peer => {
  const peer = silent(healable(leads, false));
  if (!leads) peer.run.clock.runFor(TAKEOVER_MS);
  expect(healthOf(peer)).toEqual({ restarting: 'redialing' });
  peer.run.take();
  commands(peer);
  return peer;
};
export const greeting = (): Peer => {
  const peer = redialing();
  peer.link.last.tell({ type: 'heir.opened' });
  expect(healthOf(peer)).toEqual({ restarting: 'greeting' });
  commands(peer);
  return peer;
};
export const reanswering = (): Peer => {
  const peer = healable(false, false);
  peer.run.send(resumption(200));
  expect(healthOf(peer)).toEqual({ restarting: 'reanswering' });
  peer.run.take();
  return peer;
};
/** The fresh channel is open and says what it should; who says so is still to be shown. */
export const provingHeir = (peer: Peer = redialing(), more: object = { resume: OURS }): Peer => {
  peer.link.last.tell({ type: 'heir.opened' });
  peer.run.send(hello(peer.remote, heirOf(peer), more));
  expect(healthOf(peer)).toEqual({ restarting: 'proving' });
  return peer;
};
