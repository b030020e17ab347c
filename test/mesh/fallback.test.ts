/**
 * Goal: a peer that is alone in its network is a guest of another one if it may: its messages reach those of its own network
 * and nobody else, and it is home again as soon as somebody appears there.
 */
import { describe, expect, it } from 'vitest';
import { FALLBACK_AFTER_MS } from '../../machines/shared/limits.ts';
import { type SimPeer, Simulation } from '../../runtime/testing.ts';

const OWN = { network: 'demo', fallback: 'global' };
const linked = ({ mesh }: SimPeer): string[] =>
  mesh
    .status()
    .links.filter(({ state }) => state.startsWith('connected'))
    .map(({ peerId }) => peerId);
const isGuest = ({ mesh }: SimPeer): boolean => mesh.status().guestOf === 'global';

/** What each of the peers hears from now on. */
function listen(peers: readonly SimPeer[]): Map<SimPeer, unknown[]> {
  const heard = new Map<SimPeer, unknown[]>(peers.map((peer) => [peer, []]));
  for (const [peer, data] of heard) peer.mesh.on('message', (message) => void data.push(message.data));
  return heard;
}

/** A network of strangers that stands. */
function strangers(count: number, options: ConstructorParameters<typeof Simulation>[0] = {}) {
  const simulation = new Simulation({ seed: 7, ...options });
  const members = Array.from({ length: count }, () => simulation.addPeer({ mesh: { network: 'global' } }));
  simulation.runFor(15_000);
  return { simulation, members };
}

function end(simulation: Simulation): void {
  const { violations, leaks } = simulation.finish();
  expect(violations).toEqual([]);
  expect(leaks).toEqual({ actors: 0, timers: 0 });
}

describe('a peer that is alone', () => {
  it('stays where it is unless it may go, and does not go while it has company', () => {
    const { simulation } = strangers(4);
    const loner = simulation.addPeer({ mesh: { network: 'other' } });
    const pair = [1, 2].map(() => simulation.addPeer({ mesh: OWN }));
    simulation.runFor(FALLBACK_AFTER_MS * 4);
    expect(linked(loner)).toEqual([]);
    expect(pair.map(isGuest)).toEqual([false, false]);
    expect(pair.map(linked)).toEqual([[pair[1]?.peerId], [pair[0]?.peerId]]);
    end(simulation);
  });

  it('is a guest soon, and goes home for the first of its own', () => {
    const { simulation, members } = strangers(12);
    const codes: string[] = [];
    const loner = simulation.addPeer({ mesh: OWN });
    loner.mesh.on('status.changed', ({ code }) => void codes.push(code));
    expect(simulation.runUntil(() => linked(loner).length > 0, FALLBACK_AFTER_MS + 5_000)).toBe(true);
    expect(isGuest(loner)).toBe(true);
    expect(members.map(({ peerId }) => peerId)).toEqual(expect.arrayContaining(linked(loner)));
    const heard = listen([loner, ...members]);
    loner.mesh.broadcast('of demo');
    members[0]?.mesh.broadcast('of global');
    simulation.runFor(2_000);
    expect(heard.get(loner)).toEqual([]);
    expect(members.map((member) => heard.get(member))).toEqual([[], ...members.slice(1).map(() => ['of global'])]);
    const friend = simulation.addPeer({ mesh: { network: 'demo' } });
    expect(simulation.runUntil(() => linked(friend).length > 0, 5_000)).toBe(true);
    // What the links of the guest say as they end takes a moment.
    simulation.runFor(2_000);
    expect(isGuest(loner)).toBe(false);
    expect(linked(loner)).toEqual([friend.peerId]);
    expect(members.flatMap(linked)).not.toContain(loner.peerId);
    expect(codes).toEqual(['VISITING', 'RETURNED']);
    loner.mesh.broadcast('at home');
    simulation.runFor(1_000);
    expect(members.flatMap((member) => heard.get(member))).not.toContain('at home');
    end(simulation);
  });

  it('goes again when the last of its own has gone', () => {
    const { simulation } = strangers(6);
    const [ada, bob] = [1, 2].map(() => simulation.addPeer({ mesh: OWN })) as [SimPeer, SimPeer];
    simulation.runFor(5_000);
    expect(linked(ada)).toEqual([bob.peerId]);
    simulation.leave(bob);
    expect(simulation.runUntil(() => isGuest(ada) && linked(ada).length > 0, FALLBACK_AFTER_MS + 10_000)).toBe(true);
    end(simulation);
  });
});

describe('guests', () => {
  it('of one network reach each other through another one, without a hub in common', async () => {
    // The strangers know both hubs, the guests one each.
    const { simulation, members } = strangers(10, { hubs: 2 });
    const guests = [0, 1].map((hub) => simulation.addPeer({ mesh: OWN, hubs: [hub] })) as [SimPeer, SimPeer];
    const areLinked = () => guests.every((guest) => isGuest(guest) && linked(guest).length > 0);
    expect(simulation.runUntil(areLinked, FALLBACK_AFTER_MS + 10_000)).toBe(true);
    const heard = listen([...members, ...guests]);
    guests[0].mesh.broadcast('anybody of demo?');
    const answered = guests[1].mesh.direct(guests[0].peerId, 'yes');
    simulation.runFor(3_000);
    expect(heard.get(guests[1])).toEqual(['anybody of demo?']);
    expect(heard.get(guests[0])).toEqual(['yes']);
    await expect(answered).resolves.toMatchObject({ to: guests[0].peerId });
    expect(members.flatMap((member) => heard.get(member))).toEqual([]);
    end(simulation);
  });

  it('stay when their hub dies, and hear of their own when it is back', () => {
    const { simulation } = strangers(8);
    const guest = simulation.addPeer({ mesh: OWN });
    expect(simulation.runUntil(() => linked(guest).length > 0, FALLBACK_AFTER_MS + 5_000)).toBe(true);
    simulation.killHub(0);
    simulation.runFor(20_000);
    expect(linked(guest).length).toBeGreaterThan(0);
    const friend = simulation.addPeer({ mesh: { network: 'demo' } });
    simulation.restartHub(0);
    expect(simulation.runUntil(() => linked(guest).includes(friend.peerId), 20_000)).toBe(true);
    expect(isGuest(guest)).toBe(false);
    end(simulation);
  });

  it('are not called home again and again by somebody whom they cannot reach', () => {
    const { simulation } = strangers(6);
    const guest = simulation.addPeer({ mesh: OWN });
    const friend = simulation.addPeer({ mesh: { network: 'demo' } });
    simulation.runFor(100);
    simulation.sleep(friend);
    let moves = 0;
    guest.mesh.on('status.changed', ({ code }) => {
      if (code === 'VISITING' || code === 'RETURNED') moves++;
    });
    simulation.runFor(120_000);
    expect(isGuest(guest)).toBe(true);
    expect(moves).toBeLessThanOrEqual(3);
    simulation.wake(friend);
    expect(simulation.runUntil(() => linked(guest).includes(friend.peerId), 330_000, 1_000)).toBe(true);
    end(simulation);
  });
});
