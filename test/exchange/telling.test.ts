/** Goal: what a neighbour is told alone comes in order and once, whatever channels its link has, within bounds, from those only who may. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KEPT_BYTES_MAX, LINK_BUFFER_HIGH_BYTES, MISBEHAVIOUR_MAX } from '../../machines/shared/limits.ts';
import { TELL_BYTES_MAX, TELL_QUEUE_BYTES_MAX } from '../../machines/shared/tell-limits.ts';
import { MeshError } from '../../runtime/errors.ts';
import { createExchange } from '../../runtime/exchange/exchange.ts';
import type { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import type { Hello } from '../../runtime/wire/messages.ts';
import { fakePorts } from '../machines/harness.ts';
import { budget } from '../properties/support.ts';
import { ATTEMPT, join, type Node, REMOTE, row, single, TestLink, THIRD } from './exchange-kit.ts';

const hello = (peerId: string, features: readonly string[], attempt = ATTEMPT): Hello => ({
  ...{ type: 'HELLO', peerId, attempt, mark: attempt, random: false, cap: 8, features },
});

function greet(clock: HeapClock, a: Node, b: Node): void {
  a.exchange.send(b.id, hello(a.id, a.exchange.features), ATTEMPT);
  b.exchange.send(a.id, hello(b.id, b.exchange.features), ATTEMPT);
  clock.runFor(100);
}

/** Two nodes with a link, told what each can do. */
function pair() {
  const { clock, nodes } = row('ab');
  const [a, b] = nodes as [Node, Node];
  greet(clock, a, b);
  return { clock, a, b };
}

/** The link of a and b goes on with another channel; what was under way on the last one is lost. */
function resume(clock: HeapClock, a: Node, b: Node, before: string, attempt: string): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const link = new TestLink();
    link.onFrame = (frame) => void clock.setTimeout(() => to.exchange.receive(from.id, attempt, frame.slice()), 10);
    from.exchange.suspend(to.id, before);
    from.exchange.attachHeir(to.id, attempt, link, () => undefined);
    from.links.set(to.id, link);
  }
  a.exchange.succeed(b.id, attempt, true);
  b.exchange.succeed(a.id, attempt, true);
}

const codeOf = (act: () => unknown): string => {
  try {
    return String(act());
  } catch (error) {
    return error instanceof MeshError ? error.code : String(error);
  }
};
const toldBy = ({ told }: Node) => told.map(({ data }) => data);

const act = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('tell' as const), bytes: fc.integer({ min: 2, max: 16_000 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('broadcast' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('break' as const) }) },
);

describe('what is told', () => {
  it('comes in order and once, over however many channels its link has', () => {
    let broken = 0;
    fc.assert(
      fc.property(fc.array(act, { minLength: 20, maxLength: 100, size: 'max' }), (acts) => {
        const { clock, a, b } = pair();
        let attempt = ATTEMPT;
        const told: number[] = [];
        let spread = 0;
        for (const one of acts) {
          if (one.kind === 'wait') clock.runFor(one.ms);
          else if (one.kind === 'broadcast') a.exchange.broadcast(++spread, {});
          else if (one.kind === 'break') {
            broken++;
            const next = String(Number(attempt) + 1).padStart(20, '0');
            resume(clock, a, b, attempt, next);
            attempt = next;
          } else {
            a.exchange.tells.tell(b.id, new Uint8Array(one.bytes).fill(told.length));
            told.push(told.length);
          }
        }
        clock.runFor(5_000);
        // Memory of what is acknowledged is used again: nobody sees that.
        for (let i = 0; i < 8; i++) a.exchange.tells.tell(b.id, new Uint8Array(16_000).fill(255));
        clock.runFor(100);
        const seen = toldBy(b).map((data) => [...new Set(data as Uint8Array)]);
        expect(seen).toEqual([...told.map((n) => [n]), ...Array.from({ length: 8 }, () => [255])]);
        expect(b.inbox.map(({ data }) => data)).toEqual(Array.from({ length: spread }, (_, i) => i + 1));
        expect(a.exchange.counters()['misbehaved']).toBeUndefined();
      }),
      budget(60),
    );
    expect(broken).toBeGreaterThan(50);
  });

  it.each([
    null,
    'text',
    -1.5,
    { a: [1, { b: new Uint8Array(3) }] },
    new Uint8Array(0),
    new Uint8Array(255),
    new Uint8Array(256),
  ])('is the data of the app (%#)', (data) => {
    const { clock, a, b } = pair();
    expect(a.exchange.tells.tell(b.id, data)).toBe(true);
    clock.runFor(50);
    expect(b.told).toEqual([{ from: a.id, data, kind: 'link' }]);
  });

  it('has memory of its own', () => {
    const { clock, a, b } = pair();
    const data = new Uint8Array([1, 2, 3]);
    a.exchange.tells.tell(b.id, data);
    data.fill(9);
    clock.runFor(50);
    expect(toldBy(b)).toEqual([new Uint8Array([1, 2, 3])]);
    expect((toldBy(b)[0] as Uint8Array).buffer.byteLength).toBe(3);
  });

  it('has memory of its own: large data that of its frame, which nobody else has', () => {
    const { clock, a, b } = pair();
    a.exchange.tells.tell(b.id, new Uint8Array(16_000).fill(7));
    clock.runFor(50);
    const [large] = toldBy(b) as [Uint8Array];
    expect(large.length).toBe(16_000);
    expect(large.buffer.byteLength).toBeLessThan(16_016);
  });

  it('is not mixed up with what others are told when it is acknowledged too early', () => {
    const { exchange, receive, link } = single();
    const sent: number[][] = [];
    receive(hello(REMOTE, exchange.features), { type: 'PING', stampMs: 1 });
    link.onFrame = (frame) => void sent.push([...new Set(frame.slice(9))]);
    for (let i = 0; i < 20; i++) {
      exchange.tells.tell(REMOTE, new Uint8Array(16_000).fill(i));
      receive({ type: 'ACK', received: i + 1, sent: 0 });
    }
    expect(sent).toEqual(Array.from({ length: 20 }, (_, i) => [i]));
    expect(exchange.counters()['misbehaved']).toBeUndefined();
  });

  it('fills a frame, and no more', () => {
    const { clock, a, b } = pair();
    const most = new Uint8Array(TELL_BYTES_MAX - 3).fill(7);
    a.exchange.tells.tell(b.id, most);
    clock.runFor(50);
    expect(toldBy(b)).toEqual([most]);
    expect(codeOf(() => a.exchange.tells.tell(b.id, new Uint8Array(TELL_BYTES_MAX - 2)))).toBe('TOO_LARGE');
    expect(codeOf(() => a.exchange.tells.tell(b.id, 'x'.repeat(TELL_BYTES_MAX)))).toBe('TOO_LARGE');
    expect(codeOf(() => a.exchange.tells.tell(b.id, () => undefined))).toBe('BAD_OPTION');
  });

  it('is lost with its link, and never given to another one', () => {
    const { clock, a, b } = pair();
    a.exchange.tells.tell(b.id, 'under way');
    a.exchange.detach(b.id, ATTEMPT);
    b.exchange.detach(a.id, ATTEMPT);
    clock.runFor(100);
    expect(codeOf(() => a.exchange.tells.tell(b.id, 'to nobody'))).toBe('UNREACHABLE');
    expect(a.exchange.counters()['lost.told']).toBe(1);
    join(clock, a, b);
    greet(clock, a, b);
    a.exchange.tells.tell(b.id, 'anew');
    clock.runFor(100);
    expect(toldBy(b)).toEqual(['anew']);
  });
});

describe('a neighbour', () => {
  it('of another network, or an older one, is told nothing', () => {
    const { exchange, receive } = single();
    expect(codeOf(() => exchange.tells.tell(REMOTE, 1))).toBe('FEATURE_OFF');
    receive(hello(REMOTE, ['tell:00000000']));
    expect(codeOf(() => exchange.tells.tell(REMOTE, 1))).toBe('FEATURE_OFF');
    expect(codeOf(() => exchange.tells.tell(THIRD, 1))).toBe('UNREACHABLE');
    expect(
      codeOf(() =>
        exchange.tells.whenRoom(
          THIRD,
          () => undefined,
          () => undefined,
        ),
      ),
    ).toBe('UNREACHABLE');
  });

  it('is told once it has admitted us, and what waits is bounded', () => {
    const { exchange, receive, link } = single();
    receive(hello(REMOTE, exchange.features));
    link.take();
    expect(exchange.tells.tell(REMOTE, 'first')).toBe(true);
    let taken = 1;
    while (codeOf(() => exchange.tells.tell(REMOTE, new Uint8Array(16_000))) !== 'QUEUE_FULL') taken++;
    expect(taken).toBeGreaterThan(100);
    expect(taken * 16_000).toBeLessThan(TELL_QUEUE_BYTES_MAX + 32_000);
    const heard: string[] = [];
    exchange.tells.whenRoom(
      REMOTE,
      () => heard.push('room'),
      () => heard.push('gone'),
    );
    expect([link.take(), heard]).toEqual([[], []]);
    receive({ type: 'PING', stampMs: 1 });
    expect(link.take().filter(({ type }) => type === 'TELL').length).toBe(taken);
    expect(heard).toEqual(['room']);
  });

  it('that tells what cannot be read, or whom it should not, is charged', () => {
    for (const features of [['tell:00000000'], undefined]) {
      const { node, exchange, receive, types, count } = single();
      receive(hello(REMOTE, features ?? exchange.features));
      for (let i = 0; i < MISBEHAVIOUR_MAX; i++) receive({ type: 'TELL', payload: new Uint8Array([0xc1]) });
      expect(types()).toContain('link.misbehaved');
      expect(count(features === undefined ? 'dropped.badPayload' : 'dropped.foreign')).toBe(MISBEHAVIOUR_MAX);
      expect(node.told).toEqual([]);
    }
  });

  it('that is muted is not heard', () => {
    const { node, exchange, receive, count } = single();
    receive(hello(REMOTE, exchange.features));
    exchange.setMode(REMOTE, 'muted');
    receive({ type: 'TELL', payload: new Uint8Array([1]) });
    expect([node.told, count('dropped.muted')]).toEqual([[], 1]);
    exchange.setMode(REMOTE, 'forwarding');
    receive({ type: 'TELL', payload: new Uint8Array([2]) });
    expect(toldBy(node)).toEqual([2]);
  });
});

describe('a link that is full', () => {
  /** A link whose channel keeps what it is given. */
  function full() {
    const stage = single();
    const { exchange, receive, link } = stage;
    receive(hello(REMOTE, exchange.features), { type: 'PING', stampMs: 1 });
    link.take();
    link.keeps = true;
    const heard: string[] = [];
    const wait = () =>
      exchange.tells.whenRoom(
        REMOTE,
        () => heard.push('room'),
        ({ message }) => heard.push(message),
      );
    return { ...stage, heard, wait };
  }

  it('says so, takes some more, and then no more', () => {
    const { exchange, link } = full();
    const data = new Uint8Array(16_000);
    let room = 0;
    while (exchange.tells.tell(REMOTE, data)) room++;
    expect(room * 16_000).toBeGreaterThan(LINK_BUFFER_HIGH_BYTES - 64_000);
    expect(room * 16_000).toBeLessThan(LINK_BUFFER_HIGH_BYTES + 64_000);
    let waiting = 0;
    while (codeOf(() => exchange.tells.tell(REMOTE, data)) === 'false') waiting++;
    expect(codeOf(() => exchange.tells.tell(REMOTE, data))).toBe('QUEUE_FULL');
    expect(waiting * 16_000).toBeLessThan(TELL_QUEUE_BYTES_MAX);
    expect(link.bufferedBytes).toBeLessThan(LINK_BUFFER_HIGH_BYTES + 64_000);
    // What all are to hear has room still.
    exchange.broadcast('for all', {});
    expect(exchange.counters()['dropped.queueFull']).toBeUndefined();
  });

  it('tells once when there is room again, as its chart lets it flow', () => {
    const { exchange, link, heard, wait, clock } = full();
    while (exchange.tells.tell(REMOTE, new Uint8Array(16_000))) clock.runFor(1);
    exchange.setMode(REMOTE, 'congested');
    wait();
    const cancel = wait();
    cancel();
    link.bufferedBytes = 0;
    expect(heard).toEqual([]);
    exchange.drained(REMOTE, ATTEMPT);
    exchange.setMode(REMOTE, 'forwarding');
    expect(heard).toEqual(['room']);
    wait();
    expect(heard).toEqual(['room', 'room']);
  });

  it('tells when it is gone, and when the mesh is left', () => {
    for (const end of ['detach', 'stop'] as const) {
      const { exchange, heard, wait } = full();
      while (exchange.tells.tell(REMOTE, new Uint8Array(16_000)));
      wait();
      if (end === 'stop') exchange.stop();
      else exchange.detach(REMOTE, ATTEMPT);
      expect(heard).toEqual([end === 'stop' ? 'The mesh was left.' : 'There is no link to send on.']);
    }
  });

  it('keeps no more than its session may, until it is acknowledged', () => {
    const { exchange, link, clock } = full();
    link.keeps = false;
    let room = 0;
    while (exchange.tells.tell(REMOTE, new Uint8Array(16_000))) {
      room++;
      clock.runFor(1);
    }
    expect(room * 16_000).toBeLessThan(KEPT_BYTES_MAX + 64_000);
    expect(room * 16_000).toBeGreaterThan(KEPT_BYTES_MAX / 2);
  });
});

it('peers of one network say the same, those of another one something else', () => {
  const featuresIn = (network: string) => {
    const random = streams('features').fork('peer');
    const { clock } = row('a');
    return createExchange({ ports: fakePorts({ clock, random }), network, maxPeers: 8, report: () => undefined })
      .features;
  };
  expect(featuresIn('demo')).toEqual(featuresIn('demo'));
  expect(featuresIn('demo')).not.toEqual(featuresIn('global'));
  expect(featuresIn('demo')[0]).toMatch(/^tell:[0-9a-f]{8}$/);
});
