/** Goal: a trace is compared line by line: whatever was changed, added or cut off in it is found at its place. */
import { describe, expect, it } from 'vitest';
import { Comparison, headerLine, TraceReader, traceText } from '../../runtime/simulation/trace.ts';
import { scenarioDefaults, type TraceLine } from '../../runtime/testing.ts';

const RUN: readonly TraceLine[] = [
  ['peer', 0, 0, 'ab'],
  ['copy', 20, 0, 1, 'ff', 1],
  ['hash', 1_000, '0011223344556677'],
  ['done', 2_000, '8899aabbccddeeff', 4],
];
const HEADER = headerLine({ commit: 'c0ffee', events: true, options: scenarioDefaults('join', 3) });
const TRACE = [HEADER, ...RUN.map(traceText)];

function compare(trace: readonly string[], run: readonly TraceLine[]) {
  const reader = new TraceReader();
  for (const line of trace) expect(reader.take(line)).toBeUndefined();
  const comparison = new Comparison(reader.recorded);
  for (const line of run) comparison.take(line);
  return { reader, difference: comparison.difference };
}

describe('a recorded run', () => {
  it('is the same as itself, whatever empty lines are between', () => {
    const { reader, difference } = compare([...TRACE.slice(0, 2), '', ...TRACE.slice(2), ''], RUN);
    expect(difference).toBeUndefined();
    expect(reader.hash).toBe('8899aabbccddeeff');
    expect(reader.recorded).toMatchObject({ events: true, hashes: { length: 4 } });
    expect(reader.header?.options).toEqual(scenarioDefaults('join', 3));
  });

  it.each([1, 2, 3, 4])('differs where its line %i was changed', (line) => {
    const changed = TRACE.map((text, i) => (i === line ? text.replace(/\d/, '7') : text));
    const now = RUN[line - 1] as TraceLine;
    expect(compare(changed, RUN).difference).toEqual({ line, atMs: now[1], now: traceText(now) });
  });

  it.each([1, 2, 3])('differs where its line %i is missing', (line) => {
    const { difference } = compare(
      TRACE.filter((_, i) => i !== line),
      RUN,
    );
    expect(difference?.line).toBe(line);
  });

  it('differs where it has more than the run', () => {
    expect(compare([...TRACE, '["got",1,2,"00",3]'], RUN).difference).toEqual({ line: 5 });
    expect(compare(TRACE, RUN.slice(0, 2)).difference).toEqual({ line: 3 });
  });

  it('is compared as far as it goes when it was cut off', () => {
    const { reader, difference } = compare(TRACE.slice(0, 3), RUN);
    expect(difference).toBeUndefined();
    expect(reader.hash).toBeUndefined();
    expect(compare(TRACE.slice(0, 3), RUN.slice(1)).difference?.line).toBe(1);
  });

  it('is not judged by a last line that was torn', () => {
    const torn = TRACE[2]?.slice(0, 9) ?? '';
    const { reader, difference } = compare([...TRACE.slice(0, 2), torn], RUN);
    expect(difference).toBeUndefined();
    expect(reader.recorded.hashes).toHaveLength(1);
    expect(compare([...TRACE.slice(0, 2), torn, ...TRACE.slice(3)], RUN).difference?.line).toBe(2);
  });

  it('has told all it can when it was cut off and is through, or differs; a whole one is run to its end', () => {
    const isThrough = (lines: readonly string[], run: readonly TraceLine[]): boolean => {
      const reader = new TraceReader();
      for (const line of lines) reader.take(line);
      const comparison = new Comparison(reader.recorded);
      run.forEach(comparison.take);
      return comparison.isExhausted;
    };
    expect([1, 2, 3].map((count) => isThrough(TRACE.slice(0, 3), RUN.slice(0, count)))).toEqual([false, true, true]);
    expect(isThrough(TRACE.slice(0, 3), RUN.slice(1, 2))).toBe(true);
    expect([isThrough(TRACE, RUN), isThrough(TRACE, RUN.slice(1))]).toEqual([false, false]);
  });

  it('may be long', () => {
    const long = Array.from({ length: 5_000 }, (_, i): TraceLine => ['hash', i, `${i}`]);
    const other = long.map((line, i): TraceLine => (i === 4_321 ? ['hash', i, 'x'] : line));
    expect(compare([HEADER, ...long.map(traceText)], long).difference).toBeUndefined();
    expect(compare([HEADER, ...long.map(traceText)], other).difference?.line).toBe(4_322);
  });
});
