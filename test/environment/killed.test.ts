/** Goal: a process that died is missed soon after its hub lost sight of it, and a peer that only lost its hub is not. */
import { describe, expect, it } from 'vitest';
import { SHAKEN_ANSWER_MS, SWEEP_MS } from '../../machines/shared/limits.ts';
import { Simulation } from '../../runtime/testing.ts';
import { REMOTE, single, THIRD } from '../exchange/exchange-kit.ts';

const linkedTo = (mesh: { status(): { links: readonly { peerId: string; state: string }[] } }): string[] =>
  mesh
    .status()
    .links.filter(({ state }) => state.startsWith('connected'))
    .map(({ peerId }) => peerId);

describe('a link in doubt', () => {
  it('is asked at once and judged soon, once; a frame ends the doubt', () => {
    const { clock, exchange, told, receive } = single();
    exchange.doubt(THIRD);
    exchange.doubt(REMOTE);
    exchange.doubt(REMOTE);
    expect(told).toEqual([{ type: 'link.quiet' }]);
    receive({ type: 'PONG', stampMs: clock.now() });
    exchange.doubt(REMOTE);
    clock.runFor(SHAKEN_ANSWER_MS + 1);
    expect(told.map(({ type }) => type)).toEqual(['link.quiet', 'link.lively', 'link.quiet', 'link.silent']);
  });
});

describe('a hub that lost sight of a peer', () => {
  it('has its neighbours miss it within seconds when it died', () => {
    const simulation = new Simulation({ seed: 11 });
    simulation.addPeers(12, 1_000);
    simulation.runFor(20_000);
    const [victim, ...others] = simulation.living();
    if (victim === undefined) throw new Error('no peer');
    const neighbours = others.filter(({ mesh }) => linkedTo(mesh).includes(victim.peerId));
    expect(neighbours.length).toBeGreaterThan(2);
    const reasons: string[] = [];
    for (const { mesh } of neighbours) {
      mesh.on('peer.disconnected', ({ remote, reason }) => {
        if (remote === victim.peerId) reasons.push(reason);
      });
    }
    simulation.crash(victim);
    simulation.runFor(SHAKEN_ANSWER_MS + 2 * SWEEP_MS);
    expect(reasons).toEqual(neighbours.map(() => 'lost'));
    expect(simulation.finish().violations).toEqual([]);
  });

  it('has nobody lose a link when only hubs died', () => {
    const simulation = new Simulation({ seed: 12 });
    simulation.addPeers(12, 1_000);
    simulation.runFor(20_000);
    const lost: string[] = [];
    for (const { mesh } of simulation.living()) mesh.on('peer.disconnected', ({ reason }) => lost.push(reason));
    simulation.killHub(0);
    simulation.runFor(20_000);
    expect(lost.filter((reason) => reason === 'lost')).toEqual([]);
    expect(simulation.finish().violations).toEqual([]);
  });
});
