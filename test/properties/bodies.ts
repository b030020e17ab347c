/** Properties as plain functions: what holds for the real charts, and must fail once a core is broken on purpose. */
import { vi } from 'vitest';
import { runScenario, type SimPeer, Simulation } from '../../runtime/testing.ts';

// Virtual time costs as much as the machine is busy: the bound is against a run that never ends.
vi.setConfig({ testTimeout: 180_000 });

/** Every broadcast reaches each app once (15). Undefined when it holds. */
export function deliversOnce(seed: number): string | undefined {
  const simulation = new Simulation({ seed });
  simulation.addPeers(8, 500);
  simulation.runFor(5_000);
  for (const peer of simulation.peers) simulation.broadcast(peer);
  simulation.runFor(2_000);
  const { violations, delivery } = simulation.finish();
  if (delivery.delivered !== 56) return `${delivery.delivered} of 56 delivered`;
  return violations.find(({ property }) => property === 'delivered-once')?.detail;
}

/** Two peers have one link and keep it, although every signal comes twice, the second time late (2, 3). */
export function keepsOneLink(seed: number): string | undefined {
  const faults = { signalDuplication: 1, signalReordering: 0.5, signalDelayMs: 3_000 };
  const simulation = new Simulation({ seed, faults });
  const reasons: string[] = [];
  for (let i = 0; i < 2; i++) simulation.addPeer().mesh.on('peer.disconnected', ({ reason }) => reasons.push(reason));
  simulation.runFor(30_000);
  if (simulation.components().length !== 1) return 'no link';
  if (reasons.length > 0) return `links ended: ${reasons.join(', ')}`;
  return simulation.finish().violations[0]?.detail;
}

/** A newcomer whose channels never open costs nobody a link (13). */
export function givesNothingUp(seed: number): string | undefined {
  const simulation = new Simulation({ seed, mesh: { maxPeers: 2 } });
  simulation.addPeers(12, 2_000);
  simulation.runFor(20_000);
  const lost: string[] = [];
  for (const { mesh } of simulation.peers) mesh.on('peer.disconnected', ({ reason }) => lost.push(reason));
  simulation.setFaults({ dialFailure: 1 });
  simulation.addPeer();
  simulation.runFor(25_000);
  const evicted = lost.filter((reason) => reason === 'handedOver' || reason === 'evicted');
  return evicted.length === 0 ? undefined : `${evicted.length} link ends were given up for nothing`;
}

/**
 * A link whose channel is lost goes on over a fresh one: the app hears nothing of it and every message once, those under
 * way included, and nothing that had arrived crosses again (15, and what a resumed link promises).
 */
export function resumesExactly(seed: number): string | undefined {
  const simulation = new Simulation({ seed, network: { restart: false } });
  const ended: string[] = [];
  const peers = simulation.addPeers(2, 500);
  simulation.runFor(5_000);
  for (const { mesh } of peers) mesh.on('peer.disconnected', ({ reason }) => ended.push(reason));
  for (let i = 0; i < 80; i++) {
    for (const peer of peers) simulation.broadcast(peer);
    // More than one time, and not between two messages: some are under way.
    if (i === 10 || i === 50) simulation.move(peers[i === 10 ? 0 : 1] as SimPeer);
    simulation.runFor(250);
  }
  simulation.runFor(10_000);
  const resumed = peers.map(({ mesh }) => mesh.status().counters['links.resumed'] ?? 0);
  if (Math.min(...resumed) < 2) return `resumed ${resumed.join(' and ')} times of 2`;
  if (ended.length > 0) return `links ended: ${ended.join(', ')}`;
  // What digests repair would hide that the links forgot.
  const asked = peers.reduce((sum, { mesh }) => sum + (mesh.status().counters['sent.WANT'] ?? 0), 0);
  if (asked > 0) return `what was under way was lost, and asked for ${asked} times`;
  const { delivery, rmrAll, violations } = simulation.finish();
  if (delivery.delivered !== 160) return `${delivery.delivered} of 160 delivered`;
  if (rmrAll !== 0) return `what had arrived was sent again: ${rmrAll} copies too many of each message`;
  return violations[0]?.detail;
}

/** No mesh takes a link for one to somebody else, whether a hub swaps names, sits in between or plays peers that there are not. */
export function takesNobodyForAnother(seed: number): string | undefined {
  const hubRole = (['invent', 'swap', 'between'] as const)[seed % 3] ?? 'all';
  const small = { peers: 6, joinOverMs: 500, settleMs: 2_000, liveMs: 2_000, broadcasts: 4 };
  const { figures, notes } = runScenario({ scenario: 'hostile', hostile: 0, hubRole, hubLies: 0.5, seed, ...small });
  const wrong = figures.violations.map(({ property, detail }) => `${property}: ${detail.replace(/\w{40}/g, 'a peer')}`);
  if (wrong.length > 0) return [...new Set(wrong)].join('; ');
  return notes.channelsMisled === 0 ? `${hubRole} misled nobody` : undefined;
}

export const SEEDS = [1, 2, 3, 4, 5];

/** The first failure among the seeds. */
export const firstFailure = (property: (seed: number) => string | undefined): string | undefined => {
  for (const seed of SEEDS) {
    const wrong = property(seed);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
};
