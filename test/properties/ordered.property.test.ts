/** Goal: ordered broadcasts reach every app by their numbers, or their gap does, whatever the network loses. */
import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { type SimPeer, Simulation } from '../../runtime/testing.ts';

vi.setConfig({ testTimeout: 180_000 });

interface Heard {
  readonly seqs: number[];
  readonly gaps: (readonly [number, number])[];
}

/** What one app hears of each source: numbers and gaps, one after the other. */
function listen(peer: SimPeer): Map<string, Heard> {
  const heard = new Map<string, Heard>();
  const of = (source: string): Heard => {
    const list = heard.get(source) ?? { seqs: [], gaps: [] };
    heard.set(source, list);
    return list;
  };
  peer.mesh.on('message', ({ from, seq }) => void (seq === undefined || of(from).seqs.push(seq)));
  peer.mesh.on('message.gap', ({ source, from, to }) => void of(source).gaps.push([from, to]));
  return heard;
}

/** Undefined when numbers rise, and whatever lies between two of them was told missing. */
function wrongIn({ seqs, gaps }: Heard, first: number, last: number): string | undefined {
  const missing = new Set<number>();
  for (const [from, to] of gaps) for (let n = from; n <= to; n++) missing.add(n);
  for (let at = 1; at < seqs.length; at++) {
    if ((seqs[at] as number) <= (seqs[at - 1] as number)) return `${seqs[at]} after ${seqs[at - 1]}`;
  }
  const there = new Set(seqs);
  for (let n = first; n <= last; n++) {
    if (there.has(n) === missing.has(n))
      return `${n} is ${there.has(n) ? 'both there and' : 'neither there nor'} missing`;
  }
  return undefined;
}

describe('ordered broadcasts', () => {
  it('keep their order under loss and reordering, in bursts and one by one', () => {
    let lost = 0;
    let delivered = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.constantFrom(0, 0.05, 0.2),
        fc.integer({ min: 1, max: 8 }),
        (seed, frameLoss, burst) => {
          const simulation = new Simulation({ seed, mesh: { maxPeers: 3 } });
          const peers = simulation.addPeers(8, 500);
          simulation.runFor(6_000);
          const heard = peers.map(listen);
          simulation.setFaults({ frameLoss, packetLoss: frameLoss });
          const sources = peers.slice(0, 2);
          for (let round = 0; round < 10; round++) {
            for (const { mesh } of sources) {
              for (let i = 0; i < burst; i++) mesh.broadcast(round, { ordered: true });
            }
            simulation.runFor(150);
          }
          simulation.setFaults({ frameLoss: 0, packetLoss: 0 });
          simulation.runFor(30_000);
          lost += simulation.figures().faults.framesLost ?? 0;
          for (const [i, peer] of peers.entries()) {
            for (const source of sources) {
              if (source === peer) continue;
              const list = heard[i]?.get(source.peerId) ?? { seqs: [], gaps: [] };
              // Who misses the very first cannot know that there was one.
              const first = frameLoss === 0 ? 1 : (list.seqs[0] as number);
              expect(wrongIn(list, first, 10 * burst), `seed ${seed}, peer ${i}`).toBeUndefined();
              if (frameLoss === 0) expect(list.gaps).toEqual([]);
              delivered += list.seqs.length;
            }
          }
          expect(simulation.violations).toEqual([]);
        },
      ),
      { numRuns: 6, seed: 20 },
    );
    expect(lost).toBeGreaterThan(20);
    expect(delivered).toBeGreaterThan(1_000);
  });

  it('reach a late joiner from some number on without a gap, and begin again with a source that starts anew', () => {
    const simulation = new Simulation({ seed: 5 });
    const [source, other] = simulation.addPeers(4, 500);
    if (source === undefined || other === undefined) throw new Error('peers');
    simulation.runFor(5_000);
    const heard = listen(other);
    const say = (peer: SimPeer, count: number) => {
      for (let i = 0; i < count; i++) {
        peer.mesh.broadcast(i, { ordered: true });
        simulation.runFor(200);
      }
    };
    say(source, 20);
    const late = simulation.addPeer();
    const lateHeard = listen(late);
    say(source, 30);
    simulation.runFor(15_000);
    const list = lateHeard.get(source.peerId);
    expect(list?.gaps).toEqual([]);
    expect(list?.seqs.at(-1)).toBe(50);
    expect(wrongIn(list as Heard, list?.seqs[0] as number, 50)).toBeUndefined();
    simulation.crash(source);
    simulation.runFor(15_000);
    const again = simulation.addPeer({ identity: source.identity });
    simulation.runFor(10_000);
    say(again, 3);
    simulation.runFor(15_000);
    expect(heard.get(source.peerId)).toEqual({
      seqs: [...Array.from({ length: 50 }, (_, n) => n + 1), 1, 2, 3],
      gaps: [],
    });
  });
});
