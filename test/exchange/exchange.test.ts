/** Goal: the exchange carries, bounds and counts: early frames, congestion, misbehaviour, duplicates, receipts, silence, and any bytes at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EARLY_FRAMES_MAX,
  LINK_BUFFER_HIGH_BYTES,
  LINK_QUEUE_BYTES_MAX,
  MISBEHAVIOUR_MAX,
  MISBEHAVIOUR_WINDOW_MS,
  NEIGHBOURS_MIN_INTERVAL_MS,
  PAYLOAD_BYTES_MAX,
  PING_AFTER_MS,
  SILENT_AFTER_MS,
  SUSPECT_AFTER_MS,
  SWEEP_MS,
} from '../../machines/shared/limits.ts';
import { decodeEnvelope } from '../../runtime/wire/codec.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { decodePayload, encodePayload } from '../../runtime/wire/payload.ts';
import { ATTEMPT, frameOf, makeNode, OLDER, REMOTE, row, single, TestLink, THIRD } from './exchange-kit.ts';
import { BAD_PAYLOAD, gossip } from './gossip-kit.ts';
import { HELLO_OF, SAMPLES } from './samples.ts';

describe('before a link is admitted', () => {
  it('only HELLO and CLOSE are heard; what came early waits in order and is bounded', () => {
    const { exchange, node, told, receive, count } = single({ admitted: false });
    for (let n = 0; n < EARLY_FRAMES_MAX + 10; n++) receive(gossip({ payload: encodePayload(n) }));
    expect(node.inbox).toEqual([]);
    expect(count('dropped.early')).toBe(10);
    receive(HELLO_OF(REMOTE, ATTEMPT));
    expect(told.map(({ type }) => type)).toEqual(['hello.received']);
    exchange.admit(REMOTE, ATTEMPT);
    exchange.admit(REMOTE, ATTEMPT);
    expect(node.inbox.map(({ data }) => data)).toEqual(Array.from({ length: EARLY_FRAMES_MAX }, (_, n) => n));
    receive(HELLO_OF(REMOTE, ATTEMPT));
    expect(told.length).toBe(1);
  });

  it('a HELLO in one frame with a message is heard, and the message follows once', () => {
    const { exchange, node, receive } = single({ admitted: false });
    receive(HELLO_OF(REMOTE, ATTEMPT), gossip());
    exchange.admit(REMOTE, ATTEMPT);
    expect(node.inbox.length).toBe(1);
  });

  it('nothing is sent on it but what its chart says', () => {
    const { exchange, link, clock } = single({ admitted: false });
    exchange.broadcast('x', {});
    clock.runFor(PING_AFTER_MS + SWEEP_MS);
    expect(link.take()).toEqual([]);
  });
});

describe('attempts', () => {
  it('late calls of an older attempt change nothing for a newer one', () => {
    const { exchange, node, receive, count, link } = single();
    exchange.attach(REMOTE, OLDER, new TestLink(), () => undefined);
    exchange.attach(REMOTE, ATTEMPT, link, () => undefined);
    exchange.admit(REMOTE, ATTEMPT);
    exchange.receive(REMOTE, OLDER, frameOf(gossip()));
    exchange.drained(REMOTE, OLDER);
    exchange.admit(REMOTE, OLDER);
    exchange.detach(REMOTE, OLDER);
    expect(node.inbox).toEqual([]);
    expect(count('dropped.late')).toBe(1);
    receive(gossip());
    expect(node.inbox.length).toBe(1);
    exchange.detach(REMOTE, ATTEMPT);
    receive(gossip());
    expect(count('dropped.late')).toBe(2);
    exchange.broadcast('x', {});
    expect(link.take()).toEqual([]);
    expect(exchange.send(REMOTE, { type: 'PING', stampMs: 1 })).toBe(false);
  });

  it('a link takes frames of its heir once that took over, and of the old channel no more; a dropped heir brings none', () => {
    const { exchange, node, count } = single();
    const [dropped, heir] = [2, 3].map((n) => `${'0'.repeat(19)}${n}`) as [string, string];
    for (const attempt of [dropped, heir]) exchange.attachHeir(REMOTE, attempt, new TestLink(), () => undefined);
    exchange.receive(REMOTE, dropped, frameOf(gossip()));
    expect(count('dropped.late')).toBe(1);
    exchange.succeed(REMOTE, heir, true);
    exchange.receive(REMOTE, ATTEMPT, frameOf(gossip()));
    expect(count('dropped.late')).toBe(2);
    expect(node.inbox).toEqual([]);
    exchange.receive(REMOTE, heir, frameOf(gossip()));
    expect(node.inbox.length).toBe(1);
    exchange.stop();
    exchange.receive(REMOTE, heir, frameOf(gossip()));
    expect(count('dropped.late')).toBe(3);
  });
});

describe('a link that does not drain', () => {
  it('is reported, then held back in a bounded queue, and flushed in order', () => {
    const { exchange, link, types, count, receive } = single();
    link.bufferedBytes = LINK_BUFFER_HIGH_BYTES + 1;
    exchange.broadcast(0, {});
    expect(types()).toEqual(['link.congested']);
    exchange.setMode(REMOTE, 'congested');
    const big = new Uint8Array(PAYLOAD_BYTES_MAX - 64);
    const fits = Math.floor(LINK_QUEUE_BYTES_MAX / PAYLOAD_BYTES_MAX);
    for (let n = 0; n < fits + 20; n++) exchange.broadcast(big, {});
    expect(link.take()).toEqual([]);
    expect(count('dropped.queueFull')).toBeGreaterThan(0);
    link.bufferedBytes = 0;
    exchange.drained(REMOTE, ATTEMPT);
    expect(types().at(-1)).toBe('link.drained');
    exchange.setMode(REMOTE, 'forwarding');
    const flushed = link.take().length;
    expect(flushed).toBeGreaterThanOrEqual(fits);
    // That is as much as a link keeps: more goes when the neighbour has acknowledged it.
    exchange.broadcast('later', {});
    expect(link.take()).toEqual([]);
    receive({ type: 'ACK', received: flushed, sent: 0 });
    expect(link.take().length).toBe(1);
    exchange.broadcast('again', {});
    expect(link.take().length).toBe(1);
  });

  it('is reported again when the flush fills it once more; nothing is lost', () => {
    const { exchange, link, types } = single();
    link.bufferedBytes = LINK_BUFFER_HIGH_BYTES + 1;
    exchange.setMode(REMOTE, 'congested');
    for (let n = 0; n < 200; n++) exchange.broadcast(new Uint8Array(10_000), {});
    link.bufferedBytes = 0;
    link.keeps = true;
    exchange.setMode(REMOTE, 'forwarding');
    expect(types().at(-1)).toBe('link.congested');
    const first = link.take().length;
    expect(first).toBeLessThan(200);
    link.keeps = false;
    link.bufferedBytes = 0;
    exchange.setMode(REMOTE, 'forwarding');
    expect(first + link.take().length).toBe(200);
  });

  it.each(['forwarding', 'muted', 'congested'] as const)(
    'never grows beyond its bounds, whatever its mode (%s) and whoever fills it',
    (mode) => {
      const { exchange, link, receive } = single();
      link.keeps = true;
      exchange.setMode(REMOTE, mode);
      for (let n = 0; n < 400; n++) exchange.broadcast(new Uint8Array(PAYLOAD_BYTES_MAX - 64), {});
      for (let n = 0; n < 20_000; n++) receive({ type: 'PING', stampMs: 1 });
      for (let n = 0; n < 20_000; n++) receive(gossip({ kind: 'direct', to: '61'.padStart(40, '0') }));
      expect(link.bufferedBytes).toBeLessThan(LINK_BUFFER_HIGH_BYTES * 2);
    },
  );

  it('flows again with the ACK that it waited for, also when nothing else waits', () => {
    const { clock, exchange, link, types, receive } = single();
    const big = new Uint8Array(PAYLOAD_BYTES_MAX - 64);
    let sent = 0;
    // The channel takes everything; only the link's own memory of what is under way fills up.
    for (; types().at(-1) !== 'link.congested'; sent++) exchange.broadcast(big, {});
    expect(link.take().length + 1).toBeGreaterThanOrEqual(sent);
    exchange.setMode(REMOTE, 'congested');
    receive({ type: 'ACK', received: sent, sent: 0 });
    expect(types().at(-1)).toBe('link.drained');
    exchange.setMode(REMOTE, 'forwarding');
    clock.runFor(1);
    link.take();
    exchange.broadcast('next', {});
    expect(link.take().length).toBe(1);
  });

  it('is told when something was held back, also when its buffer has room a moment later', () => {
    const { clock, exchange, link, types } = single();
    // Native threads empty the buffer between two looks at it.
    const looks = [LINK_BUFFER_HIGH_BYTES + 1];
    Object.defineProperty(link, 'bufferedBytes', { get: () => looks.shift() ?? LINK_BUFFER_HIGH_BYTES - 1 });
    exchange.broadcast('held', {});
    expect(link.take()).toEqual([]);
    expect(types()).toEqual(['link.congested']);
    exchange.setMode(REMOTE, 'congested');
    Object.defineProperty(link, 'bufferedBytes', { value: 0 });
    exchange.drained(REMOTE, ATTEMPT);
    expect(types().at(-1)).toBe('link.drained');
    exchange.setMode(REMOTE, 'forwarding');
    clock.runFor(1);
    expect(link.take().length).toBe(1);
  });

  it('is not held back when its buffer has emptied a moment later: all goes, in order', () => {
    const { clock, exchange, link, types } = single();
    const looks = [LINK_BUFFER_HIGH_BYTES + 1];
    Object.defineProperty(link, 'bufferedBytes', { get: () => looks.shift() ?? 0 });
    for (let n = 0; n < 3; n++) exchange.broadcast(n, {});
    clock.runFor(1);
    expect(types()).toEqual([]);
    const data = link.take().map((message) => {
      const envelope = message.type === 'GOSSIP' ? decodeEnvelope(message.envelope) : undefined;
      return envelope?.ok ? decodePayload(envelope.value.payload) : undefined;
    });
    expect(data).toEqual([0, 1, 2].map((value) => ({ ok: true, value })));
  });

  it('counts what is lost with it', () => {
    const { exchange, count } = single();
    exchange.setMode(REMOTE, 'congested');
    for (let n = 0; n < 3; n++) exchange.broadcast(n, {});
    exchange.retire(REMOTE, ATTEMPT);
    exchange.detach(REMOTE, ATTEMPT);
    expect(count('lost.queued')).toBe(3);
  });
});

describe('misbehaviour', () => {
  const rubbish: Record<string, Uint8Array> = {
    'no message': new Uint8Array([1]),
    'random bytes': new Uint8Array([1, 0xff, 0x00]),
    'another version': new Uint8Array([9, 0x90]),
    'a bad envelope': frameOf({ type: 'GOSSIP', hops: 1, envelope: new Uint8Array([0x90]) }),
    'over the hop limit': frameOf(gossip({ hopsMax: 3 }, 4)),
  };

  it.each(Object.entries(rubbish))('%s: reported once when it is too much, and not before', (_name, frame) => {
    const { exchange, types, clock } = single();
    for (let n = 1; n < MISBEHAVIOUR_MAX; n++) exchange.receive(REMOTE, ATTEMPT, frame);
    clock.runFor(MISBEHAVIOUR_WINDOW_MS + 1);
    for (let n = 1; n < MISBEHAVIOUR_MAX; n++) exchange.receive(REMOTE, ATTEMPT, frame);
    expect(types()).not.toContain('link.misbehaved');
    for (let n = 0; n < 10; n++) exchange.receive(REMOTE, ATTEMPT, frame);
    expect(types().filter((type) => type === 'link.misbehaved').length).toBe(1);
  });

  it('a muted neighbour is not heard, and control still flows', () => {
    const { exchange, node, receive, link, types, count } = single();
    exchange.setMode(REMOTE, 'muted');
    receive(gossip(), { type: 'PING', stampMs: 5 });
    receive({ type: 'LOCKED', op: '0'.repeat(16) });
    expect(node.inbox).toEqual([]);
    expect(count('dropped.muted')).toBe(1);
    expect(link.take()).toEqual([
      { type: 'ACK', received: 1, sent: 0 },
      { type: 'PONG', stampMs: 5 },
    ]);
    expect(types()).toContain('wire.received');
    exchange.setMode(REMOTE, 'forwarding');
    receive(gossip());
    expect(node.inbox.length).toBe(1);
  });

  it('a broadcast that cannot be read goes no further, so that no honest relay is blamed', () => {
    const { clock, nodes } = row('abc');
    const [a, b, c] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
    for (let n = 0; n < MISBEHAVIOUR_MAX * 2; n++) {
      b.exchange.receive(a.id, ATTEMPT, frameOf(gossip({ source: a.id, payload: BAD_PAYLOAD })));
    }
    clock.runFor(100);
    expect(b.facts.filter(({ type }) => type === 'link.misbehaved').length).toBe(1);
    expect(c.facts.filter(({ type }) => type === 'link.misbehaved')).toEqual([]);
    expect(c.exchange.counters()['dropped.badPayload']).toBeUndefined();
  });

  it('a direct message that only its addressee reads does not blame who carried it', () => {
    const { clock, nodes } = row('abc');
    const [a, b, c] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
    for (let n = 0; n < MISBEHAVIOUR_MAX * 2; n++) {
      b.exchange.receive(
        a.id,
        ATTEMPT,
        frameOf(gossip({ source: a.id, kind: 'direct', to: c.id, payload: BAD_PAYLOAD })),
      );
    }
    clock.runFor(100);
    expect(c.exchange.counters()['dropped.badPayload']).toBe(MISBEHAVIOUR_MAX * 2);
    expect(c.inbox).toEqual([]);
    expect([...b.facts, ...c.facts].filter(({ type }) => type === 'link.misbehaved')).toEqual([]);
  });
});

describe('liveness', () => {
  it('asks after silence of its own, and reports silence of theirs once, and their return', () => {
    const { clock, link, told, receive, exchange } = single();
    clock.runFor(PING_AFTER_MS + SWEEP_MS);
    const pings = link.take();
    expect(pings.map(({ type }) => type)).toEqual(['PING']);
    clock.runFor(SUSPECT_AFTER_MS - PING_AFTER_MS);
    expect(told).toEqual([{ type: 'link.quiet' }]);
    // Judged to the millisecond, not at the next sweep.
    clock.runUntil(1_000_000 + SILENT_AFTER_MS - 1);
    expect(told.length).toBe(1);
    clock.runFor(1);
    expect(told).toEqual([{ type: 'link.quiet' }, { type: 'link.silent' }]);
    clock.runFor(60_000);
    expect(told.length).toBe(2);
    const { stampMs } = pings[0] as Extract<Message, { type: 'PING' }>;
    receive({ type: 'PONG', stampMs });
    expect(told.at(-1)).toEqual({ type: 'link.lively' });
    expect(exchange.rttMs(REMOTE)).toBe(null);
    receive({ type: 'PONG', stampMs: clock.now() - 7 });
    expect(exchange.rttMs(REMOTE)).toBe(7);
    for (const wrong of [clock.now() + 1, clock.now() - 100_000]) receive({ type: 'PONG', stampMs: wrong });
    expect(exchange.rttMs(REMOTE)).toBe(7);
    expect(exchange.rttMs(THIRD)).toBe(null);
  });

  it('judges nobody after a freeze of our own process', () => {
    let nowMs = 1_000_000;
    const timers: (() => void)[] = [];
    const clock = {
      now: () => nowMs,
      setTimeout: (fire: () => void) => timers.push(fire),
      clearTimeout: () => undefined,
    };
    const node = makeNode(clock as never, 'a');
    const told: unknown[] = [];
    const link = new TestLink();
    node.exchange.attach(REMOTE, ATTEMPT, link, (fact) => told.push(fact));
    node.exchange.admit(REMOTE, ATTEMPT);
    nowMs += 60_000;
    timers.shift()?.();
    expect(told).toEqual([]);
    expect(link.take().map(({ type }) => type)).toEqual(['PING']);
    for (let n = 1; n < SUSPECT_AFTER_MS / SWEEP_MS; n++) {
      nowMs += SWEEP_MS;
      timers.shift()?.();
    }
    expect(told).toEqual([]);
    nowMs += SWEEP_MS;
    timers.shift()?.();
    expect(told).toEqual([{ type: 'link.quiet' }]);
  });
});

describe('neighbours', () => {
  it('are told on change, at most once a second, the newest list last', () => {
    const { exchange, clock, link } = single();
    const times: number[] = [];
    let last: readonly unknown[] = [];
    link.onFrame = () => {
      const [message] = link.take();
      if (message?.type !== 'NEIGHBOURS') return;
      times.push(clock.now());
      last = message.peers;
    };
    const ad = (n: number) => ({ id: n.toString(16).padStart(40, '0'), key: '', free: 1, degree: 1 });
    for (let n = 0; n < 100; n++) {
      exchange.announceNeighbours([ad(n)]);
      clock.runFor(70);
    }
    clock.runFor(NEIGHBOURS_MIN_INTERVAL_MS);
    expect(times.length).toBeGreaterThan(5);
    for (let i = 1; i < times.length; i++) {
      expect((times[i] ?? 0) - (times[i - 1] ?? 0)).toBeGreaterThanOrEqual(NEIGHBOURS_MIN_INTERVAL_MS);
    }
    expect(last).toEqual([ad(99)]);
  });

  it('leave no timer when the exchange stops', () => {
    const { exchange, clock } = single();
    exchange.announceNeighbours([]);
    exchange.stop();
    exchange.announceNeighbours([]);
    expect(clock.pending).toBe(0);
  });
});

describe('any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 400 });
  const mutated = fc
    .tuple(
      fc.constantFrom(...SAMPLES, gossip(), gossip({ kind: 'direct', to: '61'.padStart(40, '0') })),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
      fc.nat(40),
    )
    .map(([message, changes, cut]) => {
      const frame = frameOf(message);
      for (const [at, value] of changes) frame[at % frame.length] = value;
      return cut === 0 ? frame : frame.subarray(0, Math.max(0, frame.length - cut));
    });

  it.each([true, false])('never throw and never grow the state (admitted: %s)', (admitted) => {
    const { exchange, link, count, clock } = single({ admitted });
    fc.assert(
      fc.property(
        fc.oneof(
          bytes,
          mutated,
          bytes.map((tail) => Uint8Array.from([1, ...tail])),
        ),
        (frame) => {
          exchange.receive(REMOTE, ATTEMPT, frame);
          link.take();
        },
      ),
      { numRuns: 3_000 },
    );
    // Counters are named by our own code, never by a stranger.
    expect(Object.keys(exchange.counters()).length).toBeLessThan(60);
    expect(count('dropped.BAD_ENCODING')).toBeGreaterThan(0);
    exchange.stop();
    expect(clock.pending).toBe(0);
  });
});
