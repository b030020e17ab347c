/** The real clock: monotonic, close to the wall clock, and back on it after a sleep. */
import { describe, expect, it } from 'vitest';
import { createNow, systemClock } from '../../runtime/clock.ts';

describe('createNow', () => {
  const start = (): { sources: { wall: number; mono: number }; now: () => number } => {
    const sources = { wall: 1_000_000, mono: 50 };
    return { sources, now: createNow({ wallMs: () => sources.wall, monotonicMs: () => sources.mono }) };
  };

  it('follows the monotonic clock with its fractions', () => {
    const { sources, now } = start();
    expect(now()).toBe(1_000_000);
    sources.mono += 0.25;
    expect(now()).toBe(1_000_000.25);
  });

  it('ignores small corrections of the wall clock, and every one backwards', () => {
    const { sources, now } = start();
    sources.wall += 900;
    expect(now()).toBe(1_000_000);
    sources.wall -= 500_000;
    sources.mono += 10;
    expect(now()).toBe(1_000_010);
  });

  it('jumps with the wall clock after a sleep that stopped the monotonic one', () => {
    const { sources, now } = start();
    sources.wall += 3_600_000;
    sources.mono += 1;
    expect(now()).toBe(4_600_000);
    sources.mono += 5;
    sources.wall += 5;
    expect(now()).toBe(4_600_005);
  });
});

describe('systemClock', () => {
  it('tells ms since 1970 and never runs backwards', () => {
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1_100);
    let last = 0;
    for (let i = 0; i < 10_000; i++) {
      const now = systemClock.now();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });

  it('fires in order, cancels, and does not fire a far timer at once', async () => {
    const fired: string[] = [];
    const far = systemClock.setTimeout(() => fired.push('far'), 2 ** 40);
    const cancelled = systemClock.setTimeout(() => fired.push('cancelled'), 1);
    systemClock.clearTimeout(cancelled);
    systemClock.clearTimeout(undefined);
    await new Promise<void>((resolve) => {
      systemClock.setTimeout(() => fired.push('first'), 5);
      systemClock.setTimeout(resolve, 20);
    });
    systemClock.clearTimeout(far);
    expect(fired).toEqual(['first']);
  });
});
