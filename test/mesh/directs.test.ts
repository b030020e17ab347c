/** Goal: direct messages and their receipts survive links that are handed over while they are under way, find their way among many, and go round who is dead. */
import { expect, it } from 'vitest';
import { Simulation } from '../../runtime/testing.ts';
import { runDirects } from '../simulation/directs-run.ts';

it('ten peers with three links each, swapping them: all of 360 direct messages are confirmed', async () => {
  let failed = 0;
  let sent = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const simulation = new Simulation({ seed, mesh: { maxPeers: 3 } });
    simulation.addPeers(10, 300);
    for (let tries = 0; tries < 100 && simulation.components().length !== 1; tries++) simulation.runFor(200);
    simulation.runFor(500);
    const ends: Promise<void>[] = [];
    for (const from of simulation.living()) {
      for (const to of simulation.living()) {
        if (from === to) continue;
        sent++;
        const failing = (): void => void failed++;
        ends.push(from.mesh.direct(to.peerId, 'psst').then(() => undefined, failing));
      }
      simulation.runFor(300);
    }
    simulation.runFor(8_000);
    await Promise.all(ends);
    expect(simulation.finish().violations).toEqual([]);
  }
  expect(sent).toBe(360);
  expect(failed).toBe(0);
});

it.each([
  // A flood would take about as many copies as there are links: 180 and 75.
  { maxPeers: 8, signing: false, copies: 4 },
  { maxPeers: 3, signing: true, copies: 70 },
])('fifty peers with up to $maxPeers links: all of 60 messages are confirmed, for few copies each', async (run) => {
  const { first, again } = await runDirects({ ...run, seed: 1, peers: 50, messages: 60, dead: 0 });
  expect([first.confirmed, again.confirmed]).toEqual([60, 60]);
  expect(first.copies).toBeLessThan(run.copies);
  // Ways and keys are there.
  expect(again.copies).toBeLessThan(run.copies / 2 + 2);
  expect(first.floods + again.floods).toBeLessThan(0.1);
});

it('forty peers of which a fifth has just died: the others reach each other, the dead are typed errors in time', async () => {
  const { first } = await runDirects({ seed: 2, peers: 40, maxPeers: 8, signing: false, messages: 60, dead: 0.2 });
  expect(first.confirmed).toBe(60);
  const simulation = new Simulation({ seed: 3, checkEveryMs: 0 });
  const [ada, ...others] = simulation.addPeers(12, 500);
  simulation.runFor(10_000);
  const victim = others.find((peer) => ada !== undefined && !simulation.linksOf(ada).has(peer.peerId));
  if (ada === undefined || victim === undefined) throw new Error('nobody to reach over others');
  simulation.crash(victim);
  const codes: string[] = [];
  const sentMs = simulation.nowMs;
  const end = ada.mesh.direct(victim.peerId, 'psst').catch(({ code }: { code: string }) => void codes.push(code));
  simulation.runUntil(() => codes.length > 0, 4_900, 100);
  expect(codes).toEqual([]);
  simulation.runFor(200);
  await end;
  expect([codes, simulation.nowMs - sentMs <= 5_200]).toEqual([['DIRECT_TIMEOUT'], true]);
});

it('who writes much to a peer over others gets a link to it where that is asked for and there is a slot', async () => {
  for (const dialOnDemand of [true, false]) {
    const simulation = new Simulation({ seed: 5, mesh: { dialOnDemand }, checkEveryMs: 0 });
    simulation.addPeers(20, 500);
    simulation.runFor(20_000);
    const ada = simulation.living().find(({ mesh }) => mesh.canAcceptMore());
    const far = simulation.living().find((peer) => {
      const isLinked = ada === undefined || peer === ada || simulation.linksOf(ada).has(peer.peerId);
      return !isLinked && peer.mesh.canAcceptMore();
    });
    if (ada === undefined || far === undefined) throw new Error('nobody has room');
    const ends = Array.from({ length: 20 }, (_, n) => ada.mesh.direct(far.peerId, n));
    simulation.runFor(3_000);
    await Promise.all(ends);
    expect(simulation.linksOf(ada).has(far.peerId)).toBe(dialOnDemand);
    expect(simulation.finish().violations).toEqual([]);
  }
});
