/**
 * Goal: the mesh gives up who brings nothing where somebody else may take its place, and lets those in past its cap who hear what it
 * does not, until they fail to bring it.
 */
import { describe, expect, it } from 'vitest';
import { DEAF_ADMIT_INTERVAL_MS, DEAF_LEAST } from '../../machines/shared/gossip-limits.ts';
import { ISLAND_PROBE_INTERVAL_MS } from '../../machines/shared/limits.ts';
import { BRIDGE_KEPT_MS, PROVE_MS } from '../../machines/shared/trust-limits.ts';
import { joined, link, type Mesh, offer, peer, signal } from './mesh-kit.ts';

/** At its cap of three; its floor is two. */
function full(): Mesh {
  const mesh = joined({ maxPeers: 3 });
  mesh.clock.runFor(ISLAND_PROBE_INTERVAL_MS);
  for (const n of [1, 2, 3]) link(mesh, n);
  return mesh;
}
/** Somebody well linked dials, is refused, and is known from then on. */
const introduce = (mesh: Mesh, n: number, more = {}) =>
  signal(mesh, peer(n), offer({ random: true, degree: 6, ...more }));
const slot = (mesh: Mesh, n: number) => mesh.snapshot().context.memory.slots[peer(n)];
const linked = (mesh: Mesh) =>
  Object.keys(mesh.snapshot().context.memory.slots).filter(
    (id) => mesh.snapshot().context.memory.slots[id].phase === 'linked',
  );
const barren = (mesh: Mesh, n: number) => mesh.send({ type: 'gossip.barren', remote: peer(n) });

describe('who brings nothing', () => {
  it('is given up for somebody else, and is neither dialed nor let in for a while, unless the app asks for it', () => {
    const mesh = full();
    introduce(mesh, 4);
    barren(mesh, 1);
    expect(slot(mesh, 1).phase).toBe('closing');
    expect(slot(mesh, 4).phase).toBe('opening');
    mesh.done(`peer:${peer(1)}`, { remote: peer(1), reason: 'disconnected', words: '', alternatives: [] });
    const refusals = () => mesh.heard.filter(({ command }) => command?.signal?.code === 'BACKOFF').length;
    introduce(mesh, 1);
    expect([refusals(), slot(mesh, 1)]).toEqual([1, undefined]);
    mesh.send({ type: 'mesh.disconnect', remote: peer(2) });
    mesh.send({ type: 'mesh.connect', remote: peer(1) });
    introduce(mesh, 1);
    expect(refusals()).toBe(1);
  });

  it('stays while nobody else is known, where few links are left, and when it came from another island', () => {
    const alone = full();
    barren(alone, 1);
    expect(slot(alone, 1).phase).toBe('linked');
    const poor = joined({ maxPeers: 3 });
    for (const n of [1, 2]) link(poor, n);
    introduce(poor, 4, { random: false });
    barren(poor, 1);
    expect(slot(poor, 1).phase).toBe('linked');
    const bridged = full();
    introduce(bridged, 4, { beacon: peer(0) });
    bridged.send({ type: 'peer.opened', remote: peer(4), random: true, cap: 8, op: undefined });
    introduce(bridged, 5);
    barren(bridged, 4);
    expect(slot(bridged, 4).phase).toBe('linked');
    bridged.clock.runFor(BRIDGE_KEPT_MS);
    barren(bridged, 4);
    expect(slot(bridged, 4)?.phase).not.toBe('linked');
  });
});

describe('who hears what we do not', () => {
  const told = (mesh: Mesh, heard: number) => ({ beacon: mesh.snapshot().context.memory.beacon, heard });

  it('is let in at the cap, again soon as long as we hear nothing', () => {
    const mesh = full();
    introduce(mesh, 4, told(mesh, DEAF_LEAST));
    expect(slot(mesh, 4), 'not before it is known what we hear').toBeUndefined();
    mesh.found.heardLately = 0;
    introduce(mesh, 5, told(mesh, DEAF_LEAST - 1));
    expect(slot(mesh, 5), 'too little').toBeUndefined();
    introduce(mesh, 6, told(mesh, DEAF_LEAST));
    expect(slot(mesh, 6)).toMatchObject({ phase: 'opening', isPromising: true });
    mesh.done(`peer:${peer(6)}`, { remote: peer(6), reason: 'dialFailed', words: '', alternatives: [] });
    introduce(mesh, 7, told(mesh, DEAF_LEAST));
    expect(slot(mesh, 7), 'too soon').toBeUndefined();
    mesh.clock.runFor(DEAF_ADMIT_INTERVAL_MS);
    introduce(mesh, 7, told(mesh, DEAF_LEAST));
    expect(slot(mesh, 7).phase).toBe('opening');
  });

  it.each([false, true])('is the one that goes, unless it brought something (%s)', (brought) => {
    const mesh = joined({ maxPeers: 3 });
    mesh.clock.runFor(ISLAND_PROBE_INTERVAL_MS);
    // In an order that neither ids nor slots have.
    for (const n of [2, 3, 1]) {
      link(mesh, n);
      mesh.clock.runFor(1_000);
    }
    mesh.found.heardLately = 0;
    introduce(mesh, 5);
    introduce(mesh, 4, told(mesh, 100));
    mesh.send({ type: 'peer.opened', remote: peer(4), random: true, cap: 8, op: undefined });
    if (brought) mesh.found.borne.add(peer(4));
    mesh.clock.runFor(PROVE_MS - 1_000);
    expect(slot(mesh, 4).phase).toBe('linked');
    mesh.clock.runFor(5_000);
    expect(linked(mesh).includes(peer(4))).toBe(brought);
    // Who was let in for nothing takes the newest link with it that never brought anything, where somebody else may take its place:
    // who lies does not get at those that were there long before it.
    expect(linked(mesh).sort()).toEqual((brought ? [1, 2, 3, 4] : [2, 3]).map(peer));
    expect(mesh.told('exchange').includes('exchange.alarm')).toBe(!brought);
  });

  it('is asked for, several at once and often, where links are barren', () => {
    const probes = (mesh: Mesh) => mesh.heard.filter(({ command }) => command?.signal?.kind === 'probe');
    const mesh = full();
    for (const n of [4, 5, 6, 7, 8, 9]) introduce(mesh, n);
    mesh.found.isAlarmed = true;
    mesh.found.heardLately = 0;
    mesh.send({ type: 'discovery.proposed', peers: [] });
    expect(probes(mesh).length).toBeGreaterThan(1);
    const [asked] = probes(mesh);
    expect(asked?.['command'].signal).toMatchObject({ heard: 0, reply: false });
    signal(mesh, asked?.['command'].to, {
      ...{ kind: 'probe', attempt: '0'.repeat(20), reply: true },
      ...told(mesh, DEAF_LEAST),
    });
    expect(mesh.snapshot().context.memory.slots[asked?.['command'].to]).toMatchObject({
      phase: 'opening',
      isPromising: true,
    });
  });
});
