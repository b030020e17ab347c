/** Goal: whatever is lost, late or doubled, a stream is handed over by its numbers, and what is missing is told, once. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createOrdered, due, nextDueMs, type Ordered, type Step, take } from '../../machines/gossip/ordered.core.ts';
import {
  ORDER_GAP_MS,
  ORDER_HELD_BYTES_MAX,
  ORDER_HELD_BYTES_MAX_A_SOURCE,
  ORDER_HELD_MAX,
  ORDER_HELD_MAX_A_SOURCE,
  ORDER_SETTLE_MS,
  ORDER_SOURCES_MAX,
} from '../../machines/shared/gossip-limits.ts';

type State = Ordered<number>;
const told = (steps: readonly Step<number>[] | undefined): string =>
  (steps ?? [{ item: -1 }])
    .map((step) => ('item' in step ? `${step.item}` : `[${step.gap.from}-${step.gap.to}]`))
    .join(' ');
/** Number n of source a, at this time, with itself as its item. */
const put = (state: State, n: number, nowMs = 0, epoch = 1, source = 'a'): string =>
  told(take(state, source, { epoch, number: n }, n, 1, nowMs));

describe('an ordered stream', () => {
  it('that begins with its first number flows at once, and what comes too early waits', () => {
    const state: State = createOrdered();
    expect(put(state, 1)).toBe('1');
    expect(put(state, 3)).toBe('');
    expect(put(state, 4)).toBe('');
    expect(put(state, 2)).toBe('2 3 4');
    expect(nextDueMs(state)).toBeUndefined();
  });

  it('tells a gap after its time, goes on, and drops what comes later still', () => {
    const state: State = createOrdered();
    put(state, 1);
    put(state, 4, 100);
    put(state, 6, 200);
    expect(nextDueMs(state)).toBe(100 + ORDER_GAP_MS);
    expect(told(due(state, 99 + ORDER_GAP_MS))).toBe('');
    expect(told(due(state, 100 + ORDER_GAP_MS))).toBe('[2-3] 4');
    expect(put(state, 3, 150 + ORDER_GAP_MS)).toBe('-1');
    expect(told(due(state, 200 + ORDER_GAP_MS))).toBe('[5-5] 6');
    expect(put(state, 7)).toBe('7');
  });

  it('heard of in its middle begins with the least that comes within the time to settle, and no gap is told', () => {
    const state: State = createOrdered();
    for (const n of [9, 7, 8, 11]) expect(put(state, n, 10)).toBe('');
    expect(nextDueMs(state)).toBe(10 + ORDER_SETTLE_MS);
    expect(told(due(state, 10 + ORDER_SETTLE_MS))).toBe('7 8 9');
    expect(put(state, 6)).toBe('-1');
    expect(put(state, 10)).toBe('10 11');
  });

  it('begins anew with its source, whose last life is over', () => {
    const state: State = createOrdered();
    put(state, 1);
    put(state, 3);
    expect(put(state, 2, 0, 2)).toBe('[2-2] 3');
    expect(put(state, 1, 0, 2)).toBe('1 2');
    expect(put(state, 4, 0, 1)).toBe('-1');
  });

  it('does not wait for what came and is not for the app', () => {
    const state: State = createOrdered();
    put(state, 1);
    expect(put(state, 3)).toBe('');
    expect(told(take(state, 'a', { epoch: 1, number: 2 }, undefined, 0, 0))).toBe('3');
  });

  it('takes a number once', () => {
    const state: State = createOrdered();
    put(state, 1);
    put(state, 3);
    expect(put(state, 3)).toBe('-1');
    expect(put(state, 1)).toBe('-1');
  });
});

describe('bounds of ordered streams', () => {
  it('hold for one source: its gap is given up at once', () => {
    const state: State = createOrdered();
    put(state, 1);
    for (let n = 3; n < 3 + ORDER_HELD_MAX_A_SOURCE; n++) expect(put(state, n)).toBe('');
    expect(put(state, 3 + ORDER_HELD_MAX_A_SOURCE)).toMatch(
      new RegExp(`^\\[2-2\\] 3 4 .* ${3 + ORDER_HELD_MAX_A_SOURCE}$`),
    );
    expect(state.held).toBe(0);
    const bytes = ORDER_HELD_BYTES_MAX_A_SOURCE / 2;
    for (const n of [5_000, 5_002]) take(state, 'a', { epoch: 1, number: n }, n, bytes, 0);
    expect(state.bytes).toBe(2 * bytes);
    expect(put(state, 5_004)).toBe(`[${4 + ORDER_HELD_MAX_A_SOURCE}-4999] 5000`);
  });

  it('hold in all: who holds most gives up', () => {
    const state: State = createOrdered();
    const sources = Array.from({ length: 8 }, (_, i) => `s${i}`);
    for (const [i, source] of sources.entries()) {
      put(state, 1, 0, 1, source);
      const bytes = i === 3 ? ORDER_HELD_BYTES_MAX_A_SOURCE : ORDER_HELD_BYTES_MAX / 10;
      take(state, source, { epoch: 1, number: 3 }, i, bytes, 0);
    }
    expect(state.bytes).toBeLessThanOrEqual(ORDER_HELD_BYTES_MAX);
    const full = take(state, 's0', { epoch: 1, number: 5 }, 5, ORDER_HELD_BYTES_MAX / 10, 0);
    const more = take(state, 's1', { epoch: 1, number: 5 }, 5, ORDER_HELD_BYTES_MAX / 10, 0);
    expect(`${told(full)} ${told(more)}`).toContain('[2-2] 3');
    expect(state.bytes).toBeLessThanOrEqual(ORDER_HELD_BYTES_MAX);
  });

  it('hold for sources: the one quiet longest is forgotten, with what it held handed over', () => {
    const state: State = createOrdered();
    put(state, 1, 0, 1, 'first');
    put(state, 3, 0, 1, 'first');
    for (let i = 1; i < ORDER_SOURCES_MAX; i++) put(state, 1, 0, 1, `s${i}`);
    expect(put(state, 1, 0, 1, 'one more')).toBe('[2-2] 3 1');
    expect(state.streams.size).toBe(ORDER_SOURCES_MAX);
    expect(state.waiting.size).toBe(0);
  });
});

describe('any arrival of any streams', () => {
  /** What a source said and what arrived: numbers in any order, some lost, with pauses, in two lives of the source. */
  const arrivals = fc.array(
    fc.record({
      source: fc.constantFrom('a', 'b'),
      epoch: fc.integer({ min: 1, max: 2 }),
      number: fc.integer({ min: 1, max: 12 }),
      waitMs: fc.constantFrom(0, 0, 0, 50, ORDER_SETTLE_MS, ORDER_GAP_MS),
    }),
    { minLength: 1, maxLength: 60 },
  );

  it('is handed over in order, each once, and every number between first and last is there or told missing', () => {
    let gaps = 0;
    let held = 0;
    fc.assert(
      fc.property(arrivals, (list) => {
        const state: Ordered<{ source: string; epoch: number; number: number }> = createOrdered();
        const heard = new Map<string, { epoch: number; last: number }>();
        const look = (steps: readonly Step<{ source: string; epoch: number; number: number }>[]): void => {
          for (const step of steps) {
            if ('gap' in step) {
              const { source, from, to } = step.gap;
              gaps++;
              expect(to).toBeGreaterThanOrEqual(from);
              const before = heard.get(source);
              // A gap begins where the stream stood; or before the first that came of a new life.
              if (before === undefined || from !== before.last + 1) expect(from).toBe(1);
              heard.set(source, { epoch: before?.epoch ?? 0, last: to });
              continue;
            }
            const { source, epoch, number } = step.item;
            const before = heard.get(source);
            if (before !== undefined && before.epoch === epoch) expect(number).toBe(before.last + 1);
            if (before !== undefined) expect(epoch).toBeGreaterThanOrEqual(before.epoch);
            heard.set(source, { epoch, last: number });
          }
        };
        let nowMs = 0;
        for (const { source, epoch, number, waitMs } of list) {
          nowMs += waitMs;
          look(due(state, nowMs));
          look(take(state, source, { epoch, number }, { source, epoch, number }, 1, nowMs) ?? []);
          held = Math.max(held, state.held);
          expect(state.held).toBeLessThanOrEqual(ORDER_HELD_MAX);
        }
        look(due(state, nowMs + ORDER_GAP_MS + ORDER_SETTLE_MS));
        look(due(state, nowMs + 100 * ORDER_GAP_MS));
        expect([state.held, state.bytes, state.waiting.size, nextDueMs(state)]).toEqual([0, 0, 0, undefined]);
      }),
      { numRuns: 500 },
    );
    expect(gaps).toBeGreaterThan(100);
    expect(held).toBeGreaterThan(3);
  });
});
