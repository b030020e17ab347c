/** Goal: whatever a neighbour or a stranger at the hub says, a mesh keeps its links, its bounds and its life. */
import { describe, expect, it } from 'vitest';
import { factsOf } from '../../adapters/signaling-codec.ts';
import { onChildFailed } from '../../machines/mesh/lifecycle.core.ts';
import type { MeshWork } from '../../machines/mesh/mesh.events.ts';
import { linksOf, type MemoryWorld, memoryWorld } from '../support/memory-mesh.ts';
import { idOf, SOME_KEY, Stranger } from '../support/stranger.ts';

/** A stranger with a standing link to `to`. */
function neighbour(world: MemoryWorld, tail: number, to: string): Stranger {
  const stranger = new Stranger(world, idOf(tail)).announce();
  world.clock.runFor(100);
  stranger.dial(to);
  world.clock.runFor(300);
  return stranger;
}

describe('numbers out of range', () => {
  it('a beacon with the last number of all does not end the peer whose beacon it is', () => {
    const world = memoryWorld(1);
    const a = world.make('a').start();
    world.clock.runFor(100);
    const stranger = neighbour(world, 0xff, a.peerId);
    expect(linksOf(a)).toEqual([stranger.id]);
    stranger.say(a.peerId, { type: 'BEACON', root: a.peerId, seq: Number.MAX_SAFE_INTEGER, hops: 0 });
    world.clock.runFor(4_000);
    stranger.say(a.peerId, { type: 'PING', stampMs: 1 });
    world.clock.runFor(4_000);
    expect(stranger.heard.some(({ message }) => message.type === 'BEACON' && message.root === a.peerId)).toBe(true);
  });

  it('a beacon ahead of all time does not bury an honest root', () => {
    const world = memoryWorld(1);
    const [a, b] = [world.make('a').start(), world.make('b').start()];
    world.clock.runFor(5_000);
    const [root, other] = a.peerId < b.peerId ? [a, b] : [b, a];
    const stranger = neighbour(world, 0xff, other.peerId);
    expect(linksOf(other)).toContain(stranger.id);
    const fake = { type: 'BEACON', root: root.peerId, seq: Number.MAX_SAFE_INTEGER, hops: 0 } as const;
    stranger.say(other.peerId, fake);
    world.clock.runFor(40_000);
    expect(other.getSnapshot().context.memory.beacon).toBe(root.peerId);
  });

  it('a presence with impossible figures does not silence who passes it on', () => {
    const world = memoryWorld(1);
    const [a, b] = [world.make('a', { maxPeers: 2 }).start(), world.make('b', { maxPeers: 2 }).start()];
    world.clock.runFor(3_000);
    for (let tail = 1; tail <= 8; tail++) new Stranger(world, idOf(tail)).announce({ free: 1e9, degree: -1 });
    const errors: string[] = [];
    for (const mesh of [a, b]) mesh.on('error', ({ error }) => errors.push(error.message));
    world.clock.runFor(120_000);
    expect(errors).toEqual([]);
    expect(linksOf(a)).toContain(b.peerId);
  });

  it('a hub cannot announce more free slots than a neighbour would believe', () => {
    const data = { peerId: idOf(1), mesh: { v: 1, key: SOME_KEY, free: 51, degree: 0 } };
    const [fact] = factsOf(JSON.stringify({ type: 'peer-discovered', data, networkName: 'n' }), 'host');
    expect(fact).toMatchObject({ type: 'peer', id: idOf(1) });
    expect(fact).not.toHaveProperty('presence');
  });
});

describe('floods', () => {
  it('a neighbour that raises a beacon a thousand times makes nobody else say it more than twice a second', () => {
    const world = memoryWorld(2);
    const [a, b] = [world.make('a').start(), world.make('b').start()];
    world.clock.runFor(5_000);
    const stranger = neighbour(world, 0xff, a.peerId);
    expect(linksOf(a)).toContain(stranger.id);
    const sent = (): number => a.status().counters['sent.BEACON'] ?? 0;
    const before = sent();
    const signature = { key: new Uint8Array(32), sig: new Uint8Array(64) };
    for (let second = 0; second < 10; second++) {
      const raised = Array.from({ length: 100 }, (_, i) => second * 100 + i + 100);
      stranger.say(
        a.peerId,
        ...raised.map((seq) => ({ type: 'BEACON', root: '0'.repeat(40), seq, hops: 0, signature }) as const),
      );
      world.clock.runFor(1_000);
    }
    expect(sent() - before).toBeLessThanOrEqual(2 * 20);
    expect(b.getSnapshot().context.memory.beacon).toBe('0'.repeat(40));
  });

  it('a neighbour that asks for thousands of shuffles gets a few, and the link stays', () => {
    const world = memoryWorld(3);
    const a = world.make('a').start();
    world.clock.runFor(100);
    const stranger = neighbour(world, 0xff, a.peerId);
    for (let turn = 0; turn < 20; turn++) {
      const ask = { type: 'SHUFFLE', reply: false, entries: [] } as const;
      stranger.say(a.peerId, ...Array.from({ length: 250 }, () => ask));
    }
    world.clock.runFor(2_000);
    expect(stranger.heard.filter(({ message }) => message.type === 'SHUFFLE').length).toBeLessThanOrEqual(132);
    expect(a.status().counters['dropped.overBudget']).toBeGreaterThan(4_000);
    expect(linksOf(a)).toEqual([stranger.id]);
  });
});

describe('strangers at the hub', () => {
  it('who answers probes that nobody asked is not dialed: links stay within the cap', () => {
    const world = memoryWorld(4);
    const meshes = ['a', 'b', 'c'].map((name) => world.make(name, { maxPeers: 2 }).start());
    world.clock.runFor(20_000);
    const [a] = meshes;
    if (a === undefined) throw new Error('no mesh');
    expect(linksOf(a)).toHaveLength(2);
    const strangers = Array.from({ length: 12 }, (_, tail) => new Stranger(world, idOf(tail)).announce());
    world.clock.runFor(1_000);
    const before = offersTo(strangers, a.peerId);
    for (const stranger of strangers) {
      const probe = { kind: 'probe', attempt: stranger.attempt(), beacon: idOf(0), reply: true } as const;
      stranger.signal(a.peerId, probe);
    }
    world.clock.runFor(1_000);
    expect(offersTo(strangers, a.peerId) - before).toBeLessThanOrEqual(1);
  });
});

const offersTo = (strangers: readonly Stranger[], from: string): number =>
  strangers.flatMap(({ signals }) => signals).filter((s) => s.from === from && s.signal.kind === 'offer').length;

describe('operations', () => {
  it('a locked peer dials its target once, however often it is told', () => {
    const world = memoryWorld(5);
    const a = world.make('a', { autoDiscovery: false }).start();
    world.clock.runFor(100);
    const target = new Stranger(world, idOf(1)).announce();
    const owner = neighbour(world, 0xff, a.peerId);
    expect(linksOf(a)).toEqual([owner.id]);
    const op = 'ab'.repeat(8);
    let offers = 0;
    owner.say(a.peerId, { type: 'LOCK', op, kind: 'relink', dropped: target.id, other: a.peerId });
    world.clock.runFor(100);
    expect(owner.heard.some(({ message }) => message.type === 'LOCKED')).toBe(true);
    for (let times = 0; times < 20; times++) {
      const ad = { id: target.id, key: SOME_KEY, free: 0, degree: 0 };
      owner.say(a.peerId, { type: 'DIAL', op, target: ad, random: false });
      world.clock.runFor(100);
      for (const { signal } of target.signals.splice(0)) {
        if (signal.kind !== 'offer') continue;
        offers++;
        target.signal(a.peerId, { kind: 'refusal', attempt: signal.attempt, code: 'FULL', alternatives: [] });
      }
      world.clock.runFor(100);
    }
    expect(offers).toBe(1);
  });

  it('one neighbour cannot use up the locks that the others need', () => {
    const world = memoryWorld(6);
    const a = world.make('a', { autoDiscovery: false }).start();
    world.clock.runFor(100);
    const greedy = neighbour(world, 0xee, a.peerId);
    const other = neighbour(world, 0xff, a.peerId);
    const answers = (who: Stranger): string[] =>
      who.heard.map(({ message }) => message.type).filter((type) => type.startsWith('LOCK'));
    const ask = (who: Stranger, op: string): void => {
      who.say(a.peerId, { type: 'LOCK', op, kind: 'splice', dropped: a.peerId, other: idOf(1) });
      who.say(a.peerId, { type: 'UNLOCK', op });
      world.clock.runFor(100);
    };
    for (let n = 0; n < 4; n++) ask(greedy, `0${n}`.repeat(8));
    ask(other, 'ab'.repeat(8));
    expect(answers(greedy)).toEqual(['LOCKED', 'LOCKED', 'LOCK_REFUSED', 'LOCK_REFUSED']);
    expect(answers(other)).toEqual(['LOCKED']);
  });
});

describe('actors that fail', () => {
  it('a linked peer whose actor fails is gone for the app, the neighbours and the operation at hand', () => {
    const world = memoryWorld(7);
    const [a, b] = [world.make('a').start(), world.make('b').start()];
    world.clock.runFor(3_000);
    const { memory: context } = a.getSnapshot().context;
    const operation = { id: 'ab'.repeat(8), part: 'member', with: [b.peerId], partner: undefined } as const;
    const work: MeshWork = { context: { ...context, operation }, effects: [] };
    onChildFailed(work, `peer:${b.peerId}`, new Error('a bug'));
    expect(work.context).toMatchObject({ slots: {}, operation: undefined });
    const emitted = work.effects.flatMap((effect) => (effect.do === 'emit' ? [effect.event.type] : []));
    expect(emitted).toEqual(['peer.disconnected', 'peers.changed', 'failed']);
    const sent = work.effects.flatMap((effect) => (effect.do === 'send' ? [effect.event.type] : []));
    expect(sent).toContain('exchange.neighbours');
  });
});
