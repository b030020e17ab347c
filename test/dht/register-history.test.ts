/** The checker of histories sees each thing that a register never does, and nothing in a history of one that is right. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OpenRecord } from '../../machines/dht/records.core.ts';
import { RECORD_TTL_MAX_MS } from '../../machines/shared/dht-limits.ts';
import { Holdings } from '../../runtime/dht/holdings.ts';
import { RegisterHistory, type Version } from '../../runtime/simulation/register-history.ts';
import { NOW_MS, WRITERS } from './record-kit.ts';

const version = (seq: number, change: Partial<Version> = {}): Version => ({
  seq,
  writer: 'anna',
  tombstone: false,
  value: `value ${seq}`,
  endsMs: 1_000,
  ...change,
});

function wrong(body: (history: RegisterHistory) => void): string[] {
  const history = new RegisterHistory();
  body(history);
  return history.violations().map(({ detail }) => detail);
}
const written = (history: RegisterHistory, beganMs: number, doneMs: number, what: Version, cas?: number): void =>
  history.write('a', what, beganMs, cas)(what.seq, doneMs);
const read = (history: RegisterHistory, reader: string, beganMs: number, doneMs: number, what?: Version): void =>
  history.read('a', reader, beganMs)(what, doneMs);

describe('a history', () => {
  it.each<[string, (history: RegisterHistory) => void]>([
    [
      'read 1 of anna at 10 after 2 of anna was acknowledged',
      (history) => {
        written(history, 0, 1, version(1));
        written(history, 2, 3, version(2));
        read(history, 'ben', 10, 11, version(1));
      },
    ],
    [
      'read nothing at 10 after 1 of anna was acknowledged',
      (history) => {
        written(history, 0, 1, version(1));
        read(history, 'ben', 10, 11);
      },
    ],
    [
      'read 1 of anna, which nobody wrote',
      (history) => {
        written(history, 0, 1, version(1));
        read(history, 'ben', 10, 11, version(1, { value: 'forged' }));
      },
    ],
    [
      'read 1 of anna, which nobody wrote',
      (history) => {
        history.write('a', version(1), 50);
        read(history, 'ben', 10, 11, version(1));
      },
    ],
    [
      'read 1 of anna at 10 after it had read 2 of anna',
      (history) => {
        history.write('a', version(1), 0);
        history.write('a', version(2), 0);
        read(history, 'ben', 3, 4, version(2));
        read(history, 'ben', 10, 11, version(1));
      },
    ],
    [
      'read 1 of anna at 1000, which ended at 1000',
      (history) => {
        written(history, 0, 1, version(1));
        read(history, 'ben', 1_000, 1_001, version(1));
      },
    ],
    [
      'read 1 of anna at 10 after 1 of anna, deleted was acknowledged',
      (history) => {
        written(history, 0, 1, version(1));
        written(history, 2, 3, version(1, { tombstone: true }));
        read(history, 'ben', 10, 11, version(1));
      },
    ],
    [
      '2 of anna and 2 of ben both swapped 1',
      (history) => {
        written(history, 0, 1, version(2), 1);
        written(history, 0, 1, version(2, { writer: 'ben' }), 1);
      },
    ],
  ])('is wrong where somebody %s', (sentence, body) => {
    expect(wrong(body).join('\n')).toContain(sentence);
  });

  it.each<[string, (history: RegisterHistory) => void]>([
    [
      'a write that is under way is read, or is not',
      (history) => {
        history.write('a', version(1), 0);
        read(history, 'ben', 5, 6);
        read(history, 'ben', 7, 8, version(1));
        read(history, 'eva', 9, 10);
      },
    ],
    [
      'reads side by side differ',
      (history) => {
        written(history, 0, 1, version(1));
        history.write('a', version(2), 2);
        read(history, 'ben', 3, 9, version(2));
        read(history, 'ben', 4, 10, version(1));
      },
    ],
    [
      'what ended or was deleted is not found',
      (history) => {
        written(history, 0, 1, version(1));
        read(history, 'ben', 999, 1_000);
        written(history, 0, 1, version(2, { tombstone: true }));
        read(history, 'ben', 5, 6);
      },
    ],
    [
      'an unacknowledged deletion came first',
      (history) => {
        written(history, 0, 1, version(1));
        history.write('a', version(2, { tombstone: true }), 2);
        read(history, 'ben', 5, 6);
      },
    ],
    [
      'one of two swaps was acknowledged',
      (history) => {
        written(history, 0, 1, version(2), 1);
        history.write('a', version(2, { writer: 'ben' }), 0, 1);
      },
    ],
  ])('is right where %s', (_what, body) => {
    expect(wrong(body)).toEqual([]);
  });

  it('is right when one holder answers everybody, and wrong when an older one does', () => {
    const step = fc.record({
      writer: fc.constantFrom(...WRITERS),
      kind: fc.constantFrom('put', 'put', 'swap', 'delete', 'get', 'get', 'get'),
      reader: fc.constantFrom('ben', 'eva'),
      ttlMs: fc.constantFrom(1_000, 60_000),
      waitMs: fc.constantFrom(1, 1, 500),
    });
    /** `lagging`: some reads are answered by a holder that heard of nothing newer than the third write. */
    const run = (
      steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[],
      lagging: boolean,
    ): RegisterHistory => {
      const history = new RegisterHistory();
      const holdings = new Holdings();
      const old = new Holdings();
      let nowMs = NOW_MS;
      let seq = 0;
      for (const { writer, kind, reader, ttlMs, waitMs } of steps) {
        nowMs += waitMs;
        if (kind === 'get') {
          const found = (lagging && reader === 'eva' ? old : holdings).get(KEY, nowMs) as OpenRecord | undefined;
          history.read(
            'a',
            reader,
            nowMs,
          )(found === undefined || found.tombstone ? undefined : versionOf(found), nowMs);
          continue;
        }
        const cas = kind === 'swap' ? holdings.seqAt(KEY, nowMs) : undefined;
        const record = recordOf(++seq, writer, kind === 'delete', ttlMs, nowMs);
        const acknowledge = history.write('a', versionOf(record), nowMs, cas);
        const result = holdings.put(record, nowMs, { cas });
        if (seq <= 3) old.put(record, nowMs);
        if (result.ok) acknowledge(record.seq, nowMs);
      }
      return history;
    };
    let found = 0;
    let seen = 0;
    const steps = fc.array(step, { minLength: 10, maxLength: 60 });
    fc.assert(
      fc.property(steps, (steps) => {
        const history = run(steps, false);
        expect(history.violations()).toEqual([]);
        found += history.counts().found;
        if (run(steps, true).violations().length > 0) seen++;
      }),
    );
    expect(found).toBeGreaterThan(100);
    expect(seen).toBeGreaterThan(30);
  });
});

const KEY = '0a'.repeat(20);
const recordOf = (seq: number, writer: string, tombstone: boolean, ttlMs: number, writtenAtMs: number): OpenRecord => ({
  kind: 'open',
  key: KEY,
  writer,
  name: 'a',
  seq,
  form: 'value',
  tombstone,
  value: new Uint8Array(tombstone ? 0 : 1),
  writtenAtMs,
  ttlMs: tombstone ? RECORD_TTL_MAX_MS : ttlMs,
});
const versionOf = ({ seq, writer, tombstone, value, writtenAtMs, ttlMs }: OpenRecord): Version => ({
  seq,
  writer,
  tombstone,
  value: String(value),
  endsMs: writtenAtMs + ttlMs,
});
