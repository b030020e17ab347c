/** Goal: the environments of Node and of pages tell when we did not run and when the network changed, once each, and hold nothing while nobody listens. */
import type { NetworkInterfaceInfo } from 'node:os';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { browserEnvironment } from '../../adapters/environment.browser.ts';
import { nodeEnvironment } from '../../adapters/environment.node.ts';
import { AWAY_AFTER_MS, ENVIRONMENT_BEAT_MS } from '../../machines/shared/limits.ts';
import type { EnvironmentChange, EnvironmentPort } from '../../runtime/ports/environment.ts';

/** Time that the test moves; timers fire by vitest's. */
const time = { wall: 0, monotonic: 0, wallMs: () => time.wall, monotonicMs: () => time.monotonic };

beforeEach(() => {
  vi.useFakeTimers();
  time.wall = 1_000_000;
  time.monotonic = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

/** One beat that comes after so many ms, as either clock counts them. */
function beat(wallMs = ENVIRONMENT_BEAT_MS, monotonicMs = wallMs): void {
  time.wall += wallMs;
  time.monotonic += monotonicMs;
  vi.advanceTimersByTime(ENVIRONMENT_BEAT_MS);
}

function heard(port: EnvironmentPort) {
  const changes: EnvironmentChange[] = [];
  const listening = port.changes.subscribe((change) => changes.push(change));
  return { take: () => changes.splice(0), stop: () => listening.unsubscribe() };
}

describe('a Node process', () => {
  const address = (ip: string, internal = false): NetworkInterfaceInfo =>
    ({ address: ip, internal }) as NetworkInterfaceInfo;
  const OWN = { lo: [address('127.0.0.1', true)], eth0: [address('10.0.0.2'), address('fe80::1')] };

  it('tells that it did not run, by whichever clock shows it, and not of a busy second', () => {
    const { take, stop } = heard(nodeEnvironment({ time, interfaces: () => OWN }));
    beat();
    beat(AWAY_AFTER_MS - 1);
    expect(take()).toEqual([]);
    beat(60_000);
    expect(take()).toEqual([{ type: 'woke', awayMs: 60_000 }]);
    // Asleep: the monotonic clock stood still. A clock that was put back: only that one ran.
    beat(30_000, 10);
    beat(-5_000, AWAY_AFTER_MS);
    expect(take()).toEqual([
      { type: 'woke', awayMs: 30_000 },
      { type: 'woke', awayMs: AWAY_AFTER_MS },
    ]);
    beat();
    expect(take()).toEqual([]);
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells of addresses: one that is gone cuts, so does the first after none, one more does not', () => {
    let now: NodeJS.Dict<NetworkInterfaceInfo[]> = OWN;
    const { take, stop } = heard(nodeEnvironment({ time, interfaces: () => now }));
    const becomes = (interfaces: typeof now): EnvironmentChange[] => {
      now = interfaces;
      beat();
      return take();
    };
    expect(becomes({ ...OWN, eth0: [...OWN.eth0, address('fe80::2')] })).toEqual([]);
    expect(becomes({ ...OWN, wlan0: [address('10.1.0.2')] })).toEqual([{ type: 'network', cut: false }]);
    expect(becomes({ ...OWN, wlan0: [address('10.1.0.3')] })).toEqual([{ type: 'network', cut: true }]);
    expect(becomes({ lo: OWN.lo })).toEqual([{ type: 'network', cut: true }]);
    expect(becomes(OWN)).toEqual([{ type: 'network', cut: true }]);
    stop();
  });

  it('is watched once for all who listen, and not without any', () => {
    const port = nodeEnvironment({ time, interfaces: () => OWN });
    expect(vi.getTimerCount()).toBe(0);
    const [first, second] = [heard(port), heard(port)];
    expect(vi.getTimerCount()).toBe(1);
    beat(60_000);
    expect([first.take().length, second.take().length]).toEqual([1, 1]);
    first.stop();
    expect(vi.getTimerCount()).toBe(1);
    second.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a page', () => {
  class Page extends EventTarget {
    visibilityState = 'visible';
    become(state: string): void {
      this.visibilityState = state;
      this.dispatchEvent(new Event('visibilitychange'));
    }
  }
  class Connection extends EventTarget {
    type?: string;
    become(type: string): void {
      this.type = type;
      this.dispatchEvent(new Event('change'));
    }
  }
  const open = () => {
    const [document, window, connection] = [new Page(), new EventTarget(), new Connection()];
    connection.type = 'wifi';
    return { document, window, connection, ...heard(browserEnvironment({ document, window, connection, time })) };
  };

  it('that is hidden has slow timers, which say nothing; seen again it tells how long it missed', () => {
    const { document, take, stop } = open();
    document.become('hidden');
    beat(60_000);
    beat(60_000);
    expect(take()).toEqual([]);
    time.wall += 45_000;
    document.become('visible');
    expect(take()).toEqual([{ type: 'woke', awayMs: 45_000 }]);
    // It ran all the time that it was hidden: nothing to tell.
    document.become('hidden');
    beat();
    document.become('visible');
    expect(take()).toEqual([]);
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that was frozen, or comes back from the cache of pages, tells so; one that loads does not', () => {
    const { document, window, take, stop } = open();
    document.visibilityState = 'hidden';
    time.wall += 2_000;
    document.dispatchEvent(new Event('resume'));
    expect(take()).toEqual([{ type: 'woke', awayMs: 0 }]);
    document.visibilityState = 'visible';
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }));
    expect(take()).toEqual([]);
    time.wall += 90_000;
    window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
    expect(take()).toEqual([{ type: 'woke', awayMs: 90_000 }]);
    stop();
  });

  it('whose machine slept while it was seen tells at its first beat', () => {
    const { take, stop } = open();
    beat(600_000, 5);
    expect(take()).toEqual([{ type: 'woke', awayMs: 600_000 }]);
    stop();
  });

  it('tells that the network is back or another one, not of estimates, nor that there is none', () => {
    const { window, connection, take, stop } = open();
    window.dispatchEvent(new Event('offline'));
    connection.become('wifi');
    connection.become('none');
    expect(take()).toEqual([]);
    window.dispatchEvent(new Event('online'));
    connection.become('cellular');
    expect(take()).toEqual([
      { type: 'network', cut: true },
      { type: 'network', cut: true },
    ]);
    stop();
    window.dispatchEvent(new Event('online'));
    expect(take()).toEqual([]);
  });

  it('may be a worker, without a document or a word of its connection', () => {
    const { take, stop } = heard(browserEnvironment({ window: new EventTarget(), time }));
    beat(60_000);
    expect(take()).toEqual([{ type: 'woke', awayMs: 60_000 }]);
    stop();
  });
});
