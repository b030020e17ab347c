/** Goal: meshes tell their neighbours by `tell`, hear it as `told`, through links that fall silent too, and say when they cannot. */
import { describe, expect, it } from 'vitest';
import { FALLBACK_AFTER_MS } from '../../machines/shared/limits.ts';
import { type SimPeer, Simulation } from '../../runtime/testing.ts';
import { memoryWorld } from '../support/memory-mesh.ts';

async function codeOf(act: () => unknown): Promise<string | undefined> {
  try {
    await act();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}

function end(simulation: Simulation): void {
  const { violations, leaks } = simulation.finish();
  expect(violations).toEqual([]);
  expect(leaks).toEqual({ actors: 0, timers: 0 });
}

it('what is told from the first moment on comes in order and once, also when nothing passes for 8 s', () => {
  const simulation = new Simulation({ seed: 5 });
  const [ada, bob] = [simulation.addPeer(), simulation.addPeer()];
  const said = new Map<SimPeer, number>();
  const heard = new Map<SimPeer, unknown[]>();
  const tell = (from: SimPeer, to: SimPeer): void => {
    const number = said.get(from) ?? 0;
    said.set(from, number + 1);
    from.mesh.tell(to.peerId, number);
  };
  for (const [from, to] of [
    [ada, bob],
    [bob, ada],
  ] as const) {
    const numbers: unknown[] = [];
    heard.set(to, numbers);
    to.mesh.on('told', ({ from: source, data }) => {
      expect(source).toBe(from.peerId);
      numbers.push(data);
    });
    from.mesh.on('peer.connected', () => {
      for (let i = 0; i < 300; i++) tell(from, to);
    });
    from.mesh.on('message', () => expect.unreachable('a broadcast'));
    from.mesh.on('peer.disconnected', ({ reason }) => {
      if (reason !== 'left') expect.unreachable('the link outlasts this');
    });
  }
  simulation.runUntil(() => said.size === 2, 5_000);
  simulation.partition((peer) => peer.index);
  for (let i = 0; i < 80; i++) {
    tell(ada, bob);
    tell(bob, ada);
    simulation.runFor(100);
  }
  simulation.heal();
  simulation.runFor(8_000);
  for (const [to, numbers] of heard) {
    expect(numbers).toEqual(Array.from({ length: said.get(to === ada ? bob : ada) ?? 0 }, (_, i) => i));
  }
  end(simulation);
});

it('a guest and its hosts tell each other nothing, guests of one network do', () => {
  const simulation = new Simulation({ seed: 7 });
  const host = simulation.addPeer({ mesh: { network: 'global' } });
  const guest = simulation.addPeer({ mesh: { network: 'demo', fallback: 'global' } });
  const linked = (): boolean =>
    simulation.linksOf(guest).has(host.peerId) && simulation.linksOf(host).has(guest.peerId);
  expect(simulation.runUntil(linked, FALLBACK_AFTER_MS + 10_000)).toBe(true);
  expect(() => guest.mesh.tell(host.peerId, 'psst')).toThrow(/another network/);
  expect(() => host.mesh.tell(guest.peerId, 'psst')).toThrow(/another network/);
  end(simulation);
});

describe('tell and drained', () => {
  it('say why they cannot', async () => {
    const { clock, make } = memoryWorld('tell');
    const [ada, bob, eve] = [make('ada'), make('bob'), make('eve')];
    expect(await codeOf(() => ada.tell(bob.peerId, 1))).toBe('NOT_JOINED');
    expect(await codeOf(() => ada.drained(bob.peerId))).toBe('NOT_JOINED');
    ada.start();
    bob.start();
    clock.runFor(5_000);
    const heard: unknown[] = [];
    bob.on('told', (event) => void heard.push(event));
    expect(ada.tell(bob.peerId, { x: 1 })).toBe(true);
    await ada.drained(bob.peerId);
    clock.runFor(100);
    expect(heard).toEqual([{ type: 'told', from: ada.peerId, data: { x: 1 } }]);
    expect(await codeOf(() => ada.tell(eve.peerId, 1))).toBe('UNREACHABLE');
    expect(await codeOf(() => ada.drained(eve.peerId))).toBe('UNREACHABLE');
    expect(await codeOf(() => ada.tell(bob.peerId, Symbol('none')))).toBe('BAD_OPTION');
    const given = new AbortController();
    given.abort('no longer');
    await expect(ada.drained(bob.peerId, { signal: given.signal })).rejects.toBe('no longer');
    const leaving = [ada.leave(), bob.leave()];
    clock.runFor(5_000);
    await Promise.all(leaving);
    expect(await codeOf(() => ada.tell(bob.peerId, 1))).toBe('LEFT');
  });

  it('hold back whoever waits for room, and let nothing be lost: 8 MiB in a row', async () => {
    const { clock, make } = memoryWorld('drained', { bytesPerMs: 4_000 });
    const [ada, bob] = [make('ada').start(), make('bob').start()];
    clock.runFor(5_000);
    const heard: number[] = [];
    bob.on('told', ({ data }) => void heard.push((data as Uint8Array)[0] ?? -1));
    let waits = 0;
    let isDone = false;
    const all = (async () => {
      for (let i = 0; i < 512; i++) {
        if (ada.tell(bob.peerId, new Uint8Array(16_000).fill(i % 251))) continue;
        waits++;
        await ada.drained(bob.peerId);
      }
      isDone = true;
    })();
    for (let i = 0; i < 1_000 && !isDone; i++) {
      clock.runFor(20);
      await Promise.resolve();
      await Promise.resolve();
    }
    await all;
    clock.runFor(5_000);
    expect(waits).toBeGreaterThan(0);
    expect(heard).toEqual(Array.from({ length: 512 }, (_, i) => i % 251));
    const leaving = [ada.leave(), bob.leave()];
    clock.runFor(5_000);
    await Promise.all(leaving);
  });
});
