/** The simulation's clock against a simpler model: a list sorted afresh for every timer. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createActor, createMachine } from 'xstate';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';

/** What the clock must do, in the plainest way. */
class ListClock {
  nowMs = 0;
  #timers: { dueMs: number; order: number; callback: () => void }[] = [];
  #order = 0;

  setTimeout(callback: () => void, delayMs: number): unknown {
    const timer = { dueMs: this.nowMs + Math.max(0, delayMs), order: this.#order++, callback };
    this.#timers.push(timer);
    return timer;
  }
  clearTimeout(id: unknown): void {
    this.#timers = this.#timers.filter((timer) => timer !== id);
  }
  get pending(): number {
    return this.#timers.length;
  }
  now(): number {
    return this.nowMs;
  }
  step(limitMs = Number.POSITIVE_INFINITY): boolean {
    this.#timers.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order);
    const timer = this.#timers[0];
    if (timer === undefined || timer.dueMs > limitMs) return false;
    this.#timers.shift();
    this.nowMs = Math.max(this.nowMs, timer.dueMs);
    timer.callback();
    return true;
  }
  runUntil(ms: number): void {
    while (this.step(ms));
    this.nowMs = Math.max(this.nowMs, ms);
  }
}

const noop = (): void => undefined;

type Command =
  | { readonly do: 'set'; readonly delayMs: number; readonly next: readonly number[] }
  | { readonly do: 'cancel'; readonly index: number }
  | { readonly do: 'step' }
  | { readonly do: 'run'; readonly ms: number };

const delay = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 20 }) }, fc.constantFrom(-5, 0.5, 1_000));
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('set' as const), delayMs: delay, next: fc.array(delay, { maxLength: 3 }) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('cancel' as const), index: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('step' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('run' as const), ms: fc.nat(30) }) },
);

/** Carries out commands; the log tells which timer fired when. */
function play(clock: HeapClock | ListClock, commands: readonly Command[]): { log: string[]; sizes: number[] } {
  const log: string[] = [];
  const sizes: number[] = [];
  const timers: unknown[] = [];
  const set = (delayMs: number, followers: readonly number[]): void => {
    const index = timers.length;
    timers.push(
      clock.setTimeout(() => {
        log.push(`${index}@${clock.now()}`);
        for (const delayed of followers) set(delayed, []);
        // A timer may cancel a later one, and itself.
        if (index % 5 === 0) clock.clearTimeout(timers[index + 1]);
        clock.clearTimeout(timers[index]);
      }, delayMs),
    );
  };
  for (const one of commands) {
    if (one.do === 'set') set(one.delayMs, one.next);
    else if (one.do === 'cancel') clock.clearTimeout(timers[one.index]);
    else if (one.do === 'step') clock.step();
    else clock.runUntil(clock.now() + one.ms);
    sizes.push(clock.pending);
  }
  clock.runUntil(1e6);
  return { log, sizes };
}

describe('HeapClock', () => {
  it('fires the same timers at the same instants in the same order as the model', () => {
    let fired = 0;
    fc.assert(
      fc.property(fc.array(command, { maxLength: 300, size: 'max' }), (commands) => {
        const heap = play(new HeapClock(), commands);
        expect(heap).toEqual(play(new ListClock(), commands));
        fired += heap.log.length;
      }),
      { numRuns: 200 },
    );
    expect(fired, 'timers did fire').toBeGreaterThan(5_000);
  });

  it('visits each due time: a repeating timer of 1 s fires ten times in 10 s', () => {
    const clock = new HeapClock(500);
    const at: number[] = [];
    const again = (): void => {
      at.push(clock.now());
      clock.setTimeout(again, 1_000);
    };
    clock.setTimeout(again, 1_000);
    clock.runFor(10_000);
    expect(at).toEqual(Array.from({ length: 10 }, (_, i) => 1_500 + i * 1_000));
    expect(clock.now()).toBe(10_500);
  });

  it('drives the delays of statecharts', () => {
    const clock = new HeapClock();
    const chart = createMachine({
      initial: 'red',
      states: { red: { after: { 1000: 'green' } }, green: { after: { 500: 'red' } } },
    });
    const actor = createActor(chart, { clock });
    const seen: string[] = [];
    actor.subscribe((snapshot) => seen.push(`${String(snapshot.value)}@${clock.now()}`));
    actor.start();
    clock.runUntil(3_000);
    actor.stop();
    expect(seen.filter((entry) => !entry.endsWith('@0'))).toEqual(['green@1000', 'red@1500', 'green@2500', 'red@3000']);
    expect(clock.pending).toBe(0);
  });

  it('treats odd delays like the global one: now', () => {
    const clock = new HeapClock();
    const fired: string[] = [];
    for (const odd of [-1, Number.NaN, Number.POSITIVE_INFINITY, undefined as unknown as number]) {
      clock.setTimeout(() => fired.push(String(odd)), odd);
    }
    clock.runUntil(0);
    expect(fired).toEqual(['-1', 'NaN', 'Infinity', 'undefined']);
  });

  it('ignores ids that are none, and timers that have fired', () => {
    const clock = new HeapClock();
    for (const id of [undefined, null, 7, 'x', {}]) clock.clearTimeout(id);
    const fired = clock.setTimeout(noop, 1);
    clock.setTimeout(noop, 2);
    clock.step();
    clock.clearTimeout(fired);
    expect(clock.pending).toBe(1);
  });

  it('stays sound when a callback throws, and goes on from there', () => {
    const clock = new HeapClock();
    const fired: number[] = [];
    for (let i = 1; i <= 9; i++) {
      clock.setTimeout(() => {
        if (i % 3 === 0) throw new Error(`timer ${i}`);
        fired.push(i);
      }, i);
    }
    expect(() => clock.runUntil(100)).toThrow('timer 3');
    expect(clock.now()).toBe(3);
    expect(clock.pending).toBe(6);
    expect(() => clock.runUntil(100)).toThrow('timer 6');
    expect(() => clock.runToIdle()).toThrow('timer 9');
    expect(clock.runToIdle()).toBe(true);
    expect(fired).toEqual([1, 2, 4, 5, 7, 8]);
    expect([clock.pending, clock.size, clock.now()]).toEqual([0, 0, 9]);
  });

  it('refuses to be run by a timer of its own', () => {
    const clock = new HeapClock();
    clock.setTimeout(() => clock.runFor(1), 1);
    expect(() => clock.runFor(5)).toThrow('must not run the clock');
    clock.runFor(5);
    expect(clock.now()).toBe(6);
  });

  it('runs to idle within a limit', () => {
    const clock = new HeapClock();
    const forever = (): void => void clock.setTimeout(forever, 10);
    forever();
    expect(clock.runToIdle(5)).toBe(false);
    expect([clock.fired, clock.now(), clock.pending, clock.nextDueMs]).toEqual([5, 50, 1, 60]);
    expect(new HeapClock().runToIdle()).toBe(true);
  });

  it('never runs backwards', () => {
    const clock = new HeapClock(100);
    clock.runUntil(50);
    expect(clock.now()).toBe(100);
  });

  it('keeps no memory of cancelled timers', () => {
    const clock = new HeapClock();
    const kept = clock.setTimeout(noop, 1e9);
    for (let i = 0; i < 100_000; i++) clock.clearTimeout(clock.setTimeout(noop, 1_000 + (i % 977)));
    expect(clock.pending).toBe(1);
    expect(clock.size).toBeLessThan(130);
    clock.clearTimeout(kept);
    expect([clock.pending, clock.step(), clock.size]).toEqual([0, false, 0]);
  });

  it('fires more than 100,000 timers a second with 50,000 pending, on a busy machine too', () => {
    const clock = new HeapClock();
    let state = 1;
    const delayMs = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state / 4_294_967;
    };
    let left = 300_000;
    const again = (): void => {
      if (left-- > 0) clock.setTimeout(again, delayMs());
    };
    for (let i = 0; i < 50_000; i++) clock.setTimeout(again, delayMs());
    const startMs = performance.now();
    clock.runToIdle(1e9);
    expect(clock.fired).toBe(350_000);
    const perSecond = (clock.fired / (performance.now() - startMs)) * 1_000;
    if (process.env.PRINT_FIGURES) console.log(`${Math.round(perSecond)} timers/s`);
    expect(perSecond).toBeGreaterThan(100_000);
  });
});
