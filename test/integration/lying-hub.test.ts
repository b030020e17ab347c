/**
 * Goal: over real WebRTC, a hub that brings one peer's descriptions under the name of another, and names peers that there are
 * not, gets no link accepted under a false id; once it tells the truth the true links stand.
 */
import { afterAll, expect, it } from 'vitest';
import { MemoryNetwork } from '../../adapters/memory.ts';
import { nativeRoamhqLinkPort } from '../../adapters/roamhq.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';
import type { SignalingFact, SignalingPort } from '../../runtime/ports/signaling.ts';

const rtc = nativeRoamhqLinkPort();
afterAll(() => rtc.dispose?.());

/** A hub as one peer sees it, to whom it swaps two others. What others say of themselves it leaves alone: ids are made of keys. */
class NameSwapper {
  active = true;
  swapped = 0;
  #names: readonly [string, string] = ['', ''];
  #tell: ((fact: SignalingFact) => void) | undefined;

  swap(...names: [string, string]): void {
    this.#names = names;
  }

  #other(id: string): string {
    const at = this.#names.indexOf(id);
    if (at < 0 || !this.active) return id;
    this.swapped++;
    return this.#names[1 - at] ?? id;
  }

  /** It tells of a peer that there is not. */
  invent(id: string, network: string): void {
    const presence = { v: 1, key: 'rms0bL4PPxwMzlkIh4oXsyVinNXFhxyxq_KVVJlwUGY', free: 8, degree: 0 } as const;
    this.#tell?.({ type: 'peer', network, id, presence, proven: false, isHub: false });
  }

  wrap(port: SignalingPort): SignalingPort {
    return {
      url: port.url,
      connect: (peerId, onFact) => {
        this.#tell = onFact;
        const connection = port.connect(peerId, (fact) =>
          onFact(fact.type === 'signal' ? { ...fact, from: this.#other(fact.from) } : fact),
        );
        return {
          send: (command) =>
            connection.send(command.type === 'signal' ? { ...command, to: this.#other(command.to) } : command),
          close: () => connection.close(),
        };
      },
    };
  }
}

const first = (mesh: MeshActor, name: 'peer.unproven' | 'peer.connected'): Promise<{ remote: string; code?: string }> =>
  new Promise((resolve) => {
    const listening = mesh.on(name, (event) => {
      listening.unsubscribe();
      resolve(event);
    });
  });

it('a hub that swaps names is found out', async () => {
  const network = new MemoryNetwork({ clock: systemClock });
  const swapper = new NameSwapper();
  const make = (signaling: SignalingPort) => createMeshActor({ rtc, signaling, network: 'lies' });
  const [ada, eve] = [make(network.signalingPort()), make(network.signalingPort())];
  const bob = make(swapper.wrap(network.signalingPort()));
  swapper.swap(ada.peerId, eve.peerId);
  const connected: string[] = [];
  bob.on('peer.connected', ({ remote }) => connected.push(remote));
  // Whoever hears the other's proof first ends the link: it is made for another name.
  const refusal = Promise.race([ada, eve, bob].map((mesh) => first(mesh, 'peer.unproven')));
  const honest = first(ada, 'peer.connected');
  for (const mesh of [ada, eve]) mesh.start();
  expect((await honest).remote).toBe(eve.peerId);
  await bob.start().joined();
  const nobody = 'f'.repeat(40);
  swapper.invent(nobody, 'lies');
  expect((await refusal).code).toBe('PROOF_FAILED');
  expect(swapper.swapped).toBeGreaterThan(0);
  expect(connected).toEqual([]);

  swapper.active = false;
  const truth = first(bob, 'peer.connected');
  for (const { peerId } of [ada, eve]) bob.connectTo(peerId);
  await truth;
  const reached = await bob.direct(ada.peerId, 'truly you?');
  expect(reached.to).toBe(ada.peerId);
  expect(connected).not.toContain(nobody);
  await Promise.all([ada, eve, bob].map((mesh) => mesh.leave()));
});
