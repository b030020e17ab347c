/** Goal: an in-memory link loses and finds its path as WebRTC does: by itself, or by a restart of ICE where that is needed. */
import { describe, expect, it } from 'vitest';
import { MemoryNetwork, type MemoryNetworkOptions } from '../../adapters/memory-network.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { type End, LEFT, openPair, type Pair, RIGHT } from './link-ends.ts';

async function world(options: Partial<MemoryNetworkOptions> = {}) {
  const clock = new HeapClock();
  const network = new MemoryNetwork({ clock, latencyMs: 10, ...options });
  const port = network.linkPort();
  const step = () => {
    if (!clock.step()) throw new Error('Nothing is due any more');
  };
  const ends = await openPair({ left: port, right: port, step });
  for (const end of [ends.left, ends.right]) end.signals.length = 0;
  return { clock, network, ends };
}

const speak = (end: End, byte: number): boolean => end.link.send(new Uint8Array([byte]));
const heard = (end: End): number[] => end.frames.map(([byte]) => byte as number);
const both = ({ left, right }: Pair) => [left.connectivity, right.connectivity];

describe('an in-memory link', () => {
  it('that was cut for a while finds its path by itself, and what was under way arrives', async () => {
    const { clock, network, ends } = await world();
    network.cut(LEFT, RIGHT);
    speak(ends.left, 1);
    clock.runFor(10_000);
    expect(both(ends)).toEqual([['disconnected'], ['disconnected']]);
    network.mend(LEFT, RIGHT);
    clock.runFor(100);
    expect(both(ends)).toEqual([
      ['disconnected', 'connected'],
      ['disconnected', 'connected'],
    ]);
    expect(heard(ends.right)).toEqual([1]);
  });

  it('that failed needs a restart, which loses nothing', async () => {
    const { clock, network, ends } = await world();
    network.cut(LEFT, RIGHT);
    speak(ends.left, 1);
    clock.runFor(40_000);
    network.mend(LEFT, RIGHT);
    clock.runFor(1_000);
    expect(both(ends)).toEqual([
      ['disconnected', 'failed'],
      ['disconnected', 'failed'],
    ]);
    expect(heard(ends.right)).toEqual([]);
    ends.right.link.restart();
    clock.runFor(1_000);
    expect(ends.right.signals[0]).toMatchObject({ kind: 'offer' });
    expect(ends.left.signals[0]).toMatchObject({ kind: 'answer' });
    expect(both(ends).map((states) => states.at(-1))).toEqual(['connected', 'connected']);
    expect(heard(ends.right)).toEqual([1]);
    speak(ends.right, 2);
    clock.runFor(1_000);
    expect(heard(ends.left)).toEqual([2]);
    expect([ends.left.closes, ends.right.closes]).toEqual([0, 0]);
  });

  it('that failed is closed where the network knows no restart', async () => {
    const { clock, network, ends } = await world({ restart: false });
    ends.left.link.restart();
    clock.runFor(1_000);
    expect(ends.left.signals).toEqual([]);
    network.cut(LEFT, RIGHT);
    clock.runFor(40_000);
    expect([ends.left.closes, ends.right.closes]).toEqual([1, 1]);
    expect(ends.left.error?.message).toMatch(/ice/i);
  });

  it('restarts once when both ends ask for it at once: the smaller id gives way', async () => {
    const { clock, network, ends } = await world();
    network.move(LEFT);
    ends.left.link.restart();
    ends.right.link.restart();
    clock.runFor(1_000);
    expect(ends.left.signals.filter(({ kind }) => kind === 'answer').length).toBe(1);
    expect(ends.right.signals.filter(({ kind }) => kind === 'answer').length).toBe(0);
    speak(ends.left, 1);
    clock.runFor(100);
    expect(heard(ends.right)).toEqual([1]);
  });

  it('whose end moved carries nothing until it is restarted, and a whole one tells the end of a restart', async () => {
    const { clock, network, ends } = await world();
    network.move(RIGHT);
    speak(ends.left, 1);
    clock.runFor(3_000);
    expect(heard(ends.right)).toEqual([]);
    ends.left.link.restart();
    clock.runFor(1_000);
    expect(heard(ends.right)).toEqual([1]);
    ends.left.link.restart();
    clock.runFor(1_000);
    expect(both(ends)).toEqual([
      ['connected', 'connected'],
      ['connected', 'connected'],
    ]);
  });

  it('cut one way carries frames the other way, and both ends learn that its path fails', async () => {
    const { clock, network, ends } = await world();
    network.cutOneWay(LEFT, RIGHT);
    speak(ends.left, 1);
    speak(ends.right, 2);
    clock.runFor(6_000);
    expect([heard(ends.left), heard(ends.right)]).toEqual([[2], []]);
    expect(both(ends)).toEqual([['disconnected'], ['disconnected']]);
    network.mend();
    clock.runFor(100);
    expect(heard(ends.right)).toEqual([1]);
  });
});
