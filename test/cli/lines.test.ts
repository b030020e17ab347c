/** Goal: lines come out as they went in, however the chunks fall; one that is too long costs no memory and no other line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LineEvent, LineSplitter } from '../../runtime/cli/lines.ts';

const split = (chunks: readonly string[], charsMax?: number): LineEvent[] => {
  const splitter = new LineSplitter(charsMax);
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
};
const lines = (...texts: string[]): LineEvent[] => texts.map((text) => ({ type: 'line', text }));

describe('lines', () => {
  it('joins chunks, takes CRLF and a last line without its end', () => {
    expect(split(['a', 'b\nc\r\n', '\nlast'])).toEqual(lines('ab', 'c', '', 'last'));
  });

  it('skips a line that is too long, tells it once, and reads the next', () => {
    expect(split(['abc', 'def', 'ghi', '\nok\n'], 5)).toEqual([{ type: 'tooLong' }, ...lines('ok')]);
    expect(split(['abcdef'], 5)).toEqual([{ type: 'tooLong' }]);
    expect(split(['abcde\n'], 5)).toEqual(lines('abcde'));
  });

  it('does not depend on where chunks are cut', () => {
    const text = fc.stringMatching(/^[a\n\r]{0,40}$/);
    fc.assert(
      fc.property(text, fc.array(fc.nat(40)), (whole, cuts) => {
        const at = [0, ...cuts.filter((cut) => cut < whole.length).sort((a, b) => a - b), whole.length];
        const chunks = at.slice(1).map((end, index) => whole.slice(at[index], end));
        expect(split(chunks, 8)).toEqual(split([whole], 8));
      }),
    );
  });
});
