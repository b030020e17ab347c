/** Goal: where links are few, a mesh dials those that have room by what they said last, and an end of a thread takes what it is offered. */
import { describe, expect, it } from 'vitest';
import type { MeshContext } from '../../machines/mesh/mesh.events.ts';
import { ROOM_FRESH_MS } from '../../machines/shared/limits.ts';
import { SEEK_REFUSALS_FREE } from '../../machines/shared/topology-limits.ts';
import { HUB, joined, link, type Mesh, offer, peer, signal } from './mesh-kit.ts';

/** A hub tells of peers: their number, free slots, and how long ago they said so. */
function tell(mesh: Mesh, ...peers: readonly (readonly [n: number, free: number, ageS?: number])[]): void {
  const facts = peers.map(([n, free, ageS]) => ({
    ...{ type: 'peer', network: 'n', id: peer(n), proven: false, isHub: false },
    ...(ageS !== undefined && { ageS }),
    presence: { v: 1, key: '', free, degree: 1 },
  }));
  mesh.send({ type: 'hub.fact', url: HUB, fact: { type: 'peers', peers: facts } });
}
const contextOf = (mesh: Mesh): MeshContext => mesh.snapshot().context.memory as MeshContext;
const phases = (mesh: Mesh): Record<string, string> =>
  Object.fromEntries(
    Object.entries(contextOf(mesh).slots).map(([id, { phase }]) => [Number.parseInt(id.replace(/^a+/, ''), 16), phase]),
  );
const look = (mesh: Mesh): void => mesh.send({ type: 'discovery.proposed', peers: [] });
const refused = (mesh: Mesh, n: number): void =>
  mesh.send({
    type: 'peer.backedOff',
    remote: peer(n),
    reason: 'refused',
    refusal: { code: 'FULL', alternatives: [] },
  });

describe('the end of a thread', () => {
  it('takes an offer instead of the link that it asked for', () => {
    const mesh = joined();
    link(mesh, 1);
    tell(mesh, [2, 1]);
    look(mesh);
    expect(phases(mesh)).toEqual({ 1: 'linked', 2: 'opening' });
    signal(mesh, peer(3), offer());
    expect(phases(mesh)).toEqual({ 1: 'linked', 2: 'closing', 3: 'opening' });
    expect(mesh.told(`peer:${peer(2)}`)).toEqual(['peer.release']);
    signal(mesh, peer(4), offer());
    expect(phases(mesh)[4], 'an answer is not given up').toBeUndefined();
  });

  it('does not give up what the app asked for', () => {
    const mesh = joined();
    link(mesh, 1);
    mesh.send({ type: 'mesh.connect', remote: peer(2) });
    signal(mesh, peer(3), offer());
    expect(phases(mesh)).toEqual({ 1: 'linked', 2: 'opening' });
  });
});

describe('room', () => {
  /** Three links at most, two there. */
  function filled(): Mesh {
    const mesh = joined({ maxPeers: 3 });
    link(mesh, 1);
    link(mesh, 2);
    return mesh;
  }
  const OLD_S = ROOM_FRESH_MS / 1_000 + 1;

  it('that was told of lately comes first, then that of long ago, and nobody who is full is asked', () => {
    const mesh = filled();
    tell(mesh, [3, 0], [4, 3, OLD_S], [5, 1, 1]);
    look(mesh);
    expect(phases(mesh)).toEqual({ 1: 'linked', 2: 'linked', 5: 'opening' });
    refused(mesh, 5);
    expect(phases(mesh)).toEqual({ 1: 'linked', 2: 'linked', 5: 'waiting', 4: 'opening' });
    refused(mesh, 4);
    look(mesh);
    expect(phases(mesh)[3]).toBeUndefined();
  });

  it('is what a peer said last, whoever tells of it, and in whatever order', () => {
    const mesh = filled();
    tell(mesh, [3, 0, 2]);
    tell(mesh, [3, 2, 30]);
    const known = () => contextOf(mesh).ports.known.get(peer(3));
    expect(known()).toMatchObject({ free: 0, buried: false });
    look(mesh);
    expect(phases(mesh)[3]).toBeUndefined();
    tell(mesh, [3, 1]);
    expect(known()).toMatchObject({ free: 1 });
  });

  it('is not asked for again and again, but for whom the app dials', () => {
    const mesh = filled();
    const boasting = Array.from({ length: SEEK_REFUSALS_FREE + 4 }, (_, n) => n + 16);
    tell(mesh, ...boasting.map((n) => [n, 1] as const));
    look(mesh);
    const opening = (): number | undefined => {
      const [n] = Object.entries(phases(mesh)).find(([, phase]) => phase === 'opening') ?? [];
      return n === undefined ? undefined : Number(n);
    };
    let dials = 0;
    for (let n = opening(); n !== undefined; n = opening()) {
      dials++;
      refused(mesh, n);
    }
    expect(dials).toBe(SEEK_REFUSALS_FREE);
    mesh.send({ type: 'mesh.connect', remote: peer(50) });
    expect(opening()).toBe(50);
    mesh.send({ type: 'peer.opened', remote: peer(50), random: false, cap: 3, op: undefined });
    expect(contextOf(mesh).seeking.refusals).toBe(0);
  });

  it('is asked for anew when the app changes what it wants', () => {
    const mesh = filled();
    for (let n = 0; n <= SEEK_REFUSALS_FREE; n++) {
      tell(mesh, [n + 16, 1]);
      look(mesh);
      refused(mesh, n + 16);
    }
    expect(contextOf(mesh).seeking.refusals).toBe(SEEK_REFUSALS_FREE);
    mesh.send({ type: 'mesh.configure', settings: { minPeers: 2 } });
    expect(contextOf(mesh).seeking.refusals).toBe(0);
  });
});
