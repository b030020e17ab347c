/** Goal: each fault of the model does what it says, and what it does is counted. */
import { describe, expect, it, vi } from 'vitest';
import { type FaultModel, type NetworkModel, Simulation, type SimulationOptions } from '../../runtime/testing.ts';

// Virtual time costs as much as the machine is busy.
vi.setConfig({ testTimeout: 180_000 });

function pair(faults: Partial<FaultModel>, network: Partial<NetworkModel> = {}, more: SimulationOptions = {}) {
  const simulation = new Simulation({ seed: 1, faults, network, ...more });
  const [a, b] = [simulation.addPeer(), simulation.addPeer()];
  return { simulation, a, b, linked: () => simulation.components().length === 1 };
}
const count = (simulation: Simulation, name: string): number => simulation.figures().faults[name] ?? 0;
const fixed = (ms: number) => ({ kind: 'fixed', ms }) as const;

describe('links', () => {
  it('take the latency and the set-up time of the model', async () => {
    const { simulation, a, b, linked } = pair({}, { latency: fixed(40), hubLatency: fixed(10), setup: fixed(200) });
    expect(simulation.runUntil(linked, 5_000, 1)).toBe(true);
    const atMs = simulation.nowMs;
    expect(simulation.figures().firstLinkMs.p50).toBeGreaterThanOrEqual(200);
    const receipt = a.mesh.direct(b.peerId, 'hello');
    simulation.runFor(200);
    expect((await receipt).ms).toBe(80);
    expect(atMs).toBeLessThan(3_000);
  });

  it('lose packets at the price of time, never of messages', () => {
    const { simulation, linked } = pair({ packetLoss: 0.3 });
    simulation.runUntil(linked, 20_000);
    for (let i = 0; i < 50; i++) {
      simulation.broadcast(simulation.peers[i % 2] ?? simulation.addPeer());
      simulation.runFor(100);
    }
    simulation.runFor(10_000);
    const { delivery, latencyMs, faults } = simulation.figures();
    expect(delivery).toMatchObject({ expected: 50, delivered: 50, duplicates: 0 });
    expect(latencyMs.p99).toBeGreaterThan(200);
    expect(faults.packetsLost).toBeGreaterThan(10);
  });

  it('lose frames above their reliability for good', () => {
    const { simulation, a, linked } = pair({});
    simulation.runUntil(linked, 10_000);
    simulation.setFaults({ frameLoss: 1 });
    simulation.broadcast(a);
    simulation.runFor(1_000);
    expect(simulation.figures().delivery).toMatchObject({ expected: 1, delivered: 0 });
    expect(count(simulation, 'framesLost')).toBeGreaterThan(0);
  });

  it('fill their buffers when bandwidth is bounded, and nothing is lost', () => {
    const { simulation, a, linked } = pair({}, { bytesPerMs: 50 });
    simulation.runUntil(linked, 10_000);
    for (let i = 0; i < 100; i++) simulation.broadcast(a, 'x'.repeat(10_000));
    expect(a.ports.open.values().next().value?.bufferedBytes).toBeGreaterThan(500_000);
    simulation.runFor(25_000);
    const { delivery, latencyMs } = simulation.figures();
    expect(delivery).toMatchObject({ expected: 100, delivered: 100 });
    expect(latencyMs.p99).toBeGreaterThan(15_000);
  });

  it('never come about between NATs that let nothing through', () => {
    const { simulation, linked } = pair({ natPairs: 1 });
    expect(simulation.runUntil(linked, 40_000)).toBe(false);
    expect(count(simulation, 'natBlocked')).toBe(1);
  });

  it('fail to open with the given chance and cost the whole time-out', () => {
    const { simulation, linked } = pair({ dialFailure: 1 });
    expect(simulation.runUntil(linked, 15_000)).toBe(false);
    expect(count(simulation, 'dialsFailed')).toBeGreaterThan(0);
    simulation.setFaults({ dialFailure: 0 });
    expect(simulation.runUntil(linked, 60_000)).toBe(true);
  });

  it('are refused beyond the budget of a tab, until old ones are collected', () => {
    const { simulation, linked } = pair({ connectionsMax: 0 });
    expect(simulation.runUntil(linked, 8_000)).toBe(false);
    expect(count(simulation, 'connectionsRefused')).toBeGreaterThan(0);
    simulation.setFaults({ connectionsMax: 500 });
    expect(simulation.runUntil(linked, 60_000)).toBe(true);
  });
});

describe('signals', () => {
  it.each([
    ['signalsLost', { signalLoss: 0.3 }],
    ['signalsDuplicated', { signalDuplication: 0.5 }],
    ['signalsReordered', { signalReordering: 0.5 }],
  ] as const)('%s: the pair links all the same', (name, faults) => {
    const { simulation, linked } = pair(faults);
    expect(simulation.runUntil(linked, 120_000)).toBe(true);
    // More of them than two peers need, so that the fault is seen.
    simulation.addPeers(4, 100);
    simulation.runFor(30_000);
    expect(count(simulation, name)).toBeGreaterThan(0);
    expect(simulation.finish().violations).toEqual([]);
  });
});

describe('processes', () => {
  it('in a background tab fire timers on whole seconds or minutes only, and still hear messages', () => {
    const { simulation, a, b, linked } = pair({});
    simulation.runUntil(linked, 10_000);
    for (const [mode, grainMs] of [
      ['perSecond', 1_000],
      ['perMinute', 60_000],
    ] as const) {
      simulation.freeze(b, mode);
      const firedMs: number[] = [];
      b.clock.setTimeout(() => firedMs.push(simulation.clock.now()), 10);
      simulation.broadcast(a);
      simulation.runFor(1_000);
      expect(simulation.figures().delivery.ratio).toBe(1);
      simulation.runFor(60_000);
      expect(firedMs).toHaveLength(1);
      expect((firedMs[0] ?? 1) % grainMs).toBe(0);
    }
    expect(simulation.linksOf(a).has(b.peerId), 'links outlive a frozen tab').toBe(true);
  });

  it('that sleep do nothing and hear nothing until they wake', () => {
    const { simulation, a, b, linked } = pair({});
    simulation.runUntil(linked, 10_000);
    const heard: unknown[] = [];
    b.mesh.on('message', ({ data }) => heard.push(data));
    simulation.sleep(b);
    a.mesh.broadcast('while asleep');
    simulation.runFor(2_000);
    expect(heard).toEqual([]);
    simulation.wake(b);
    simulation.runFor(1_000);
    expect(heard).toEqual(['while asleep']);
  });

  it('have clocks that are off, and do not mind', () => {
    const simulation = new Simulation({ seed: 2, faults: { clockSkewMs: 300_000 } });
    simulation.addPeers(6, 500);
    simulation.runFor(5_000);
    const offsets = simulation.peers.map((peer) => peer.clock.now() - simulation.clock.now());
    expect(Math.max(...offsets) - Math.min(...offsets)).toBeGreaterThan(60_000);
    for (const peer of simulation.peers) simulation.broadcast(peer);
    simulation.runFor(2_000);
    const figures = simulation.finish();
    expect(figures.delivery.ratio).toBe(1);
    expect(figures.violations).toEqual([]);
  });

  it.each([
    ['restarts ICE', true, 0],
    ['resumes on a fresh channel', false, 1],
  ])('that get another address lose no link and no message: the link %s', (_how, restart, resumed) => {
    const { simulation, a, b, linked } = pair({}, { restart });
    simulation.runUntil(linked, 10_000);
    const ended: string[] = [];
    a.mesh.on('peer.disconnected', ({ reason }) => ended.push(reason));
    simulation.move(b);
    simulation.broadcast(a);
    simulation.runFor(2_000);
    expect(simulation.figures().delivery.delivered, 'nothing passes at first').toBe(0);
    simulation.runFor(10_000);
    expect(simulation.figures().delivery).toMatchObject({ expected: 1, delivered: 1, duplicates: 0 });
    expect(a.mesh.status().counters['links.resumed'] ?? 0).toBe(resumed);
    expect(ended).toEqual([]);
    expect(count(simulation, 'moves')).toBe(1);
  });

  it('crash without a word, and leave with one', () => {
    const { simulation, a, b, linked } = pair({});
    simulation.runUntil(linked, 10_000);
    const reasons: string[] = [];
    a.mesh.on('peer.disconnected', ({ reason }) => reasons.push(reason));
    simulation.leave(b);
    simulation.runFor(3_000);
    expect([b.fate, reasons]).toEqual(['left', ['left']]);
    const other = simulation.addPeer();
    simulation.runUntil(() => simulation.linksOf(other).size > 0, 30_000);
    simulation.crash(other);
    simulation.runFor(1_000);
    expect([other.fate, reasons]).toEqual(['crashed', ['left']]);
    simulation.runFor(15_000);
    expect(reasons).toEqual(['left', 'lost']);
  });
});

describe('the world', () => {
  it('parts into groups, with the hub on one side only where asked, and heals', () => {
    const simulation = new Simulation({ seed: 3 });
    simulation.addPeers(8, 500);
    simulation.runFor(5_000);
    simulation.partition((peer) => peer.index % 2, 0);
    simulation.runFor(40_000);
    expect(simulation.components().length).toBe(2);
    const open = simulation.peers.map((peer) => peer.mesh.status().hubs[0]?.state.startsWith('open'));
    expect(open).toEqual([true, false, true, false, true, false, true, false]);
    simulation.heal();
    expect(simulation.runUntil(() => simulation.components().length === 1, 60_000)).toBe(true);
    expect(simulation.finish().violations).toEqual([]);
  });

  it('loses its hub and gets it back', () => {
    const simulation = new Simulation({ seed: 4 });
    simulation.addPeers(4, 500);
    simulation.runFor(4_000);
    simulation.killHub();
    simulation.runFor(5_000);
    expect(simulation.peers.some((peer) => peer.mesh.status().hubs[0]?.state.startsWith('open'))).toBe(false);
    simulation.restartHub();
    simulation.runFor(10_000);
    expect(simulation.peers.every((peer) => peer.mesh.status().hubs[0]?.state.startsWith('open'))).toBe(true);
    expect(() => simulation.killHub(7)).toThrow(RangeError);
  });
});
