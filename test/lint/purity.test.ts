/** Goal: charts and cores read no clock, no randomness and no network, which is what makes one simulator possible. */
import { describe, expect, it } from 'vitest';
import { impurities, isPure } from './purity.ts';
import { PRODUCT, report, typescriptOf } from './source.ts';

const pure = typescriptOf(PRODUCT).filter(({ path }) => isPure(path));
const check = (text: string) => impurities({ path: 'machines/x/x.core.ts', text });

describe('purity of this tree', () => {
  it('has files to look at', () => expect(pure.length).toBeGreaterThan(5));
  it('is kept', () => expect(report(pure.flatMap(impurities))).toBe(''));
});

describe('the rule itself', () => {
  const bad = [
    'const a = Date.now();',
    `const a = Date['now']();`,
    'const a = new Date();',
    'const a = Date();',
    'const a = performance.now();',
    'const a = Math.random();',
    'const pick = { random: Math.random };',
    'setTimeout(() => undefined, 1);',
    'setInterval(() => undefined, 1);',
    'const a = crypto.getRandomValues(new Uint8Array(1));',
    'const a = new WebSocket("ws://x");',
    'const a = new RTCPeerConnection();',
    'const a = process.env.HOME;',
    'const a = fetch("x");',
    'const a = globalThis.setTimeout;',
    'const a = (setTimeout as (f: () => void) => void);',
    `import { randomBytes } from 'node:crypto';`,
    `const a = await import('node:fs');`,
    `import { fromPromise } from 'xstate';`,
    'const a = { setTimeout };',
  ];
  for (const text of bad) it(`refuses ${text}`, () => expect(check(text).length).toBeGreaterThan(0));

  const good = [
    '// Date.now() in a comment',
    'const a = "Date.now() in a text";',
    'const a = (clock: { now(): number }) => clock.now();',
    'const a = new Date(0);',
    'const f = (clock: { setTimeout(f: () => void, ms: number): unknown }) => clock.setTimeout(() => undefined, 1);',
    'type Timer = ReturnType<typeof setTimeout>;',
    'const f = (crypto: { hash(): string }) => crypto.hash();',
    'const a = { process: 1, fetch: 2 };',
    'interface A { process: number; crypto?: Crypto }',
    'const f = ({ random }: { random: { next(): number } }) => random.next();',
  ];
  for (const text of good) it(`accepts ${text}`, () => expect(report(check(text))).toBe(''));
});
