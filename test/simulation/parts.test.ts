/** Goal: how many threads a run has depends on its options alone, and what the parts counted adds up to what one would have. */
import { describe, expect, it } from 'vitest';
import { Ledger } from '../../runtime/simulation/ledger.ts';
import { cannotDeal, scenarioDefaults, threadsFor } from '../../runtime/simulation/scenario-options.ts';
import { readOptions } from '../../runtime/simulation/trace.ts';

describe('threads', () => {
  it('are two from 1,000 peers on, where a run can be dealt out', () => {
    const of = (peers: number, more = {}) => threadsFor({ ...scenarioDefaults('join', peers), ...more });
    expect([of(100), of(999), of(1_000), of(100_000)]).toEqual([1, 1, 2, 2]);
    expect([of(5_000, { bytesPerMs: 1 }), of(5_000, { latencyMinMs: 0 }), of(5_000, { hubLatencyMinMs: 0 })]).toEqual([
      1, 1, 1,
    ]);
    for (const scenario of ['dht', 'dht-churn', 'dht-liars', 'hostile', 'late-joiner'] as const) {
      expect(of(5_000, { scenario }), scenario).toBe(1);
    }
  });

  it('of a trace are as many as a run may have', () => {
    const of = (more: object) => readOptions({ ...scenarioDefaults('join', 100), ...more });
    expect(of({ threads: 16 })).toMatchObject({ threads: 16 });
    expect(of({ threads: undefined })).toMatchObject({ threads: 1 });
    for (const threads of [0, 17, 1.5, 1e9]) expect(of({ threads })).toBe('threads are 1 to 16');
    expect(of({ threads: 2, scenario: 'dht' })).toMatch(/looks into all peers/);
    expect(cannotDeal(scenarioDefaults('dht', 5_000))).toBeUndefined();
  });
});

describe('ledgers of parts', () => {
  const [A, B] = ['a', 'b'].map((id) => id.repeat(32)) as [string, string];

  /** Four peers, two messages; peer 3 went away, peer 2 never hears of the second. What happens elsewhere is told by `owns`. */
  function live(owns: (peer: number) => boolean): Ledger {
    const ledger = new Ledger(owns);
    for (let i = 0; i < 4; i++) ledger.joined(ledger.started(0), 10);
    ledger.said(A, 0, 100);
    ledger.said(B, 1, 200);
    ledger.count('crashes');
    ledger.excused(3);
    const got: [string, number, number, number][] = [
      [A, 1, 1, 130],
      [A, 2, 3, 150],
      [B, 0, 2, 260],
    ];
    for (const [id, peer, hops, atMs] of got) {
      if (!owns(peer)) continue;
      ledger.copied(id);
      ledger.got(id, peer, hops, atMs);
      ledger.signals += 2;
      ledger.count('packetsLost', 3);
      // Both ends of a pair may find out.
      ledger.blocked(`${Math.min(peer, 1)} ${Math.max(peer, 1)}`);
    }
    return ledger;
  }

  it('add up to what one ledger counts', () => {
    const whole = live(() => true);
    const [first, second, third] = [0, 1, 2].map((part) => live((peer) => peer % 3 === part)) as [
      Ledger,
      Ledger,
      Ledger,
    ];
    for (const other of [second, third]) first.absorb(structuredClone(other.tally()));
    expect(first.deliveryFigures()).toEqual(whole.deliveryFigures());
    expect(whole.deliveryFigures().delivery).toEqual({
      broadcasts: 2,
      expected: 4,
      delivered: 3,
      duplicates: 0,
      ratio: 0.75,
    });
    expect([first.delivered, first.signals]).toEqual([whole.delivered, whole.signals]);
    expect(Object.fromEntries(first.faults)).toEqual(Object.fromEntries(whole.faults));
  });

  it('weigh latencies alike, however many each has left out', () => {
    const [first, second] = [0, 1].map(() => live(() => true)) as [Ledger, Ledger];
    const tally = second.tally();
    const some = (stride: number, ms: number) => ({
      ...tally,
      stride,
      latencies: new Float64Array(400 / stride).fill(ms),
    });
    first.absorb(some(4, 10));
    first.absorb(some(1, 20));
    first.absorb(some(2, 30));
    const { p50, p99 } = first.deliveryFigures().latencyMs;
    expect([p50, p99]).toEqual([20, 30]);
  });
});
