/** Goal: a mesh that hears of its environment asks links and hub at once, gives nobody up for its own absence, and stops listening when it leaves. */
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { SHAKEN_ANSWER_MS, SILENT_AFTER_MS, SWEEP_MS } from '../../machines/shared/limits.ts';
import type { EnvironmentChange } from '../../runtime/ports/environment.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { ATTEMPT, makeNode, REMOTE, single, TestLink } from '../exchange/exchange-kit.ts';
import { memoryWorld } from '../support/memory-mesh.ts';

const AWAY: EnvironmentChange = { type: 'woke', awayMs: 60_000 };

describe('the exchange, shaken', () => {
  it('gives each link SHAKEN_ANSWER_MS, however long ago it was heard, and says whose silence it is', () => {
    let nowMs = 1_000_000;
    const timers: (() => void)[] = [];
    const clock = {
      now: () => nowMs,
      setTimeout: (fire: () => void) => timers.push(fire),
      clearTimeout: () => undefined,
    };
    const node = makeNode(clock as never, 'a');
    const told: unknown[] = [];
    node.exchange.attach(REMOTE, ATTEMPT, new TestLink(), (fact) => told.push(fact));
    node.exchange.admit(REMOTE, ATTEMPT);
    nowMs += 60_000;
    node.exchange.shake(false);
    expect(told).toEqual([{ type: 'link.shaken', moved: false }]);
    node.exchange.ping(REMOTE, false);
    // The late sweep neither judges at once nor forgives.
    timers.shift()?.();
    expect(told.length).toBe(1);
    nowMs += SHAKEN_ANSWER_MS;
    timers.shift()?.();
    expect(told.at(-1)).toEqual({ type: 'link.silent', ours: true });
  });

  it('forgets it at the first frame, and what was quiet before has time to answer', () => {
    const { clock, told, receive, exchange } = single();
    clock.runFor(SILENT_AFTER_MS - 1);
    exchange.shake(false);
    clock.runFor(SHAKEN_ANSWER_MS - 1);
    expect(told.map(({ type }) => type)).toEqual(['link.quiet', 'link.shaken']);
    receive({ type: 'PONG', stampMs: clock.now() });
    expect(told.at(-1)).toEqual({ type: 'link.lively' });
    clock.runFor(SILENT_AFTER_MS + SWEEP_MS);
    expect(told.at(-1)).toEqual({ type: 'link.silent' });
  });

  it('on another network passes no signal over a link before it has answered', () => {
    const { clock, exchange, receive } = single();
    const others = { type: 'SHUFFLE', reply: false, entries: [] } satisfies Message;
    receive(others);
    expect(exchange.relays.reaches(REMOTE)).toBe(true);
    exchange.shake(true);
    expect(exchange.relays.reaches(REMOTE)).toBe(false);
    // This may have waited in the system since before.
    receive(others);
    expect(exchange.relays.reaches(REMOTE)).toBe(false);
    receive({ type: 'PONG', stampMs: clock.now() });
    expect(exchange.relays.reaches(REMOTE)).toBe(true);
  });
});

describe('a mesh', () => {
  const pair = () => {
    const world = memoryWorld('environment');
    const changes = new Subject<EnvironmentChange>();
    const [ada, bob] = [world.make('ada', { environment: { changes } }), world.make('bob')];
    const events: string[] = [];
    for (const mesh of [ada, bob]) mesh.on('*', ({ type }) => events.push(type));
    ada.start();
    bob.start();
    world.clock.runFor(5_000);
    expect(ada.has(bob.peerId)).toBe(true);
    events.length = 0;
    return { ...world, changes, ada, bob, events };
  };

  it('that was away asks its links and its hub, and loses neither', () => {
    const { ada, clock, changes, events } = pair();
    const before = ada.status().counters['sent.PING'] ?? 0;
    changes.next(AWAY);
    expect(ada.status().counters['sent.PING']).toBe(before + 1);
    expect(ada.status().links[0]?.state).toBe('connected.suspect');
    clock.runFor(100);
    expect(ada.status().links[0]?.state).toBe('connected.healthy');
    clock.runFor(10_000);
    expect(events.filter((type) => type !== 'peer.discovered')).toEqual([]);
    expect(ada.status().counters['environment.woke']).toBe(1);
  });

  it('on another network renews its hub at once and its link by a restart of ICE; the app hears of the hub only', () => {
    const { ada, bob, clock, changes, events } = pair();
    changes.next({ type: 'network', cut: true });
    expect(ada.status().hubs.map(({ state }) => state)).toEqual(['connecting']);
    clock.runFor(2_000);
    expect(ada.status().hubs.map(({ state }) => state)).toEqual(['open.quiet']);
    expect([ada, bob].map((mesh) => mesh.status().links[0]?.state)).toEqual(Array(2).fill('connected.healthy'));
    expect(events.filter((type) => type.startsWith('peer.') && type !== 'peer.discovered')).toEqual([]);
    expect(events.filter((type) => type.startsWith('hub.'))).toEqual(['hub.disconnected', 'hub.connected']);
  });

  it('stops listening when it has left, and before it starts', async () => {
    const { ada, clock, changes } = pair();
    expect(changes.observed).toBe(true);
    const left = ada.leave();
    clock.runFor(5_000);
    await left;
    expect(changes.observed).toBe(false);
  });
});
