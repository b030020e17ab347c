/** Goal: no input ends a decoder, and what one accepts it can write and read again; a bounded run, the long ones are `npm run fuzz`. */
import { expect, it } from 'vitest';
import { fuzz } from './fuzz.ts';
import { ACCEPTED } from './target.ts';
import { targets } from './targets.ts';

const COUNT = 2_000;

it.each((await targets()).map((target) => [target.name, target] as const))('%s', (_name, target) => {
  for (const sample of target.samples) expect(target.run(sample), String(sample).slice(0, 80)).toBe(ACCEPTED);
  const { failures, mutated, accepted } = fuzz(target, 20_26, COUNT);
  expect(failures).toEqual([]);
  // Not vacuous: most were valid before they were changed, and some still are.
  expect(mutated).toBeGreaterThan(COUNT / 2);
  expect(accepted).toBeGreaterThan(COUNT / 2_000);
});

it('the same seed gives the same run', async () => {
  const target = (await targets())[0];
  if (target === undefined) throw new Error('there are decoders');
  const { slowestMs: _a, ...first } = fuzz(target, 7, 2_000);
  const { slowestMs: _b, ...second } = fuzz(target, 7, 2_000);
  expect(second).toEqual(first);
  expect(fuzz(target, 8, 2_000).accepted).not.toBe(first.accepted);
});

it('a decoder that throws is found, with the input that made it', () => {
  const fragile = {
    name: 'fragile',
    entries: [],
    files: [],
    samples: [new Uint8Array([1, 2, 3])],
    run: (input: Uint8Array | string): string => {
      if (input[0] === 0xff) throw new Error('fell over');
      return ACCEPTED;
    },
  };
  const { failures } = fuzz(fragile, 1, 10_000);
  expect(failures.length).toBeGreaterThan(0);
  expect(failures[0]).toMatchObject({
    input: expect.stringMatching(/^ff/),
    error: expect.stringContaining('fell over'),
  });
});

it('a zero below zero, found at input 6,065,206, is read as the zero that is written', async () => {
  const signal = (await targets()).find(({ name }) => name === 'signal') ?? expect.unreachable();
  const input = `{"type":"ice-candidate","data":{"sdpMid":"0","sdpMLineIndex":-0,"candidate":"candidate:1 1 udp 1 192.0.2.1 5 typ host","mesh":{"v":1,"kind":"candidate","attempt":"018c0000000000000007"}}}`;
  expect(signal.run(new TextEncoder().encode(input))).toBe(ACCEPTED);
});
