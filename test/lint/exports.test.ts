/** Goal: what a file exports is needed by another one, by the package's users, or at least by itself. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { deadExports } from './exports.ts';
import { filesOf, PRODUCT, ROOT, report, type Source, typescriptOf } from './source.ts';

/** Every text in a tree of objects: the files that the package's names stand for. */
const textsOf = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsOf)
      : [];

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Record<string, unknown>;
const entries = new Set(
  [...textsOf(manifest.exports), ...textsOf(manifest.imports)]
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => path.replace(/^\.\//, '')),
);

describe('exports of this tree', () => {
  const product = typescriptOf(PRODUCT);
  const scripts = (folder: string) => filesOf([folder], (path) => /\.(?:ts|mjs)$/.test(path));
  const [examples, tests] = [scripts('examples'), scripts('test')];

  it('knows the entries of the package', () => {
    expect([...entries].filter((path) => !product.some((source) => source.path === path))).toEqual([]);
    expect([...entries]).toEqual(
      expect.arrayContaining(['runtime/index.ts', 'hub/index.ts', 'adapters/default.node.ts']),
    );
  });
  it('has none in the product that only tests take', () => {
    // Relations between constants are written down beside these, for a test to hold them.
    const isRelation = (message: string) => /^\w+_RELATIONS:/.test(message);
    const found = deadExports(product, entries, examples).filter(({ message }) => !isRelation(message));
    expect(report(found)).toBe('');
  });
  it('has none elsewhere that nobody takes', () => {
    // Vite and Vitest read the default export of what their configurations name.
    const found = deadExports([...examples, ...tests], entries).filter(
      ({ message }) => !message.startsWith('default:'),
    );
    expect(report(found)).toBe('');
  });
});

describe('the rule itself', () => {
  const find = (text: string, others: readonly Source[] = [], entries: readonly string[] = []) =>
    deadExports([{ path: 'runtime/a.ts', text }], new Set(entries), others).map(({ message }) => message.split(':')[0]);
  const other = (text: string): Source[] => [{ path: 'runtime/b.ts', text }];
  const all = `export const a = 1; export function b(): void {} export type C = 1; export interface D { a: 1 } export class E {}
    const f = 1; const g = 1; export { f as h }; export const { i, j: [k] } = x; export default 1;`;

  it('finds what nobody takes', () => {
    expect(find(all)).toEqual(['a', 'b', 'C', 'D', 'E', 'h', 'i', 'k', 'default']);
    expect(find(`export const a = 1; const o = { a: 1 }; o.a;`)).toEqual(['a']);
  });
  it('lets pass what the file itself uses, and what an entry gives out', () => {
    expect(find(`export interface A { a: 1 } export const b = (x: A) => x; b({ a: 1 });`)).toEqual([]);
    expect(find(all, [], ['runtime/a.ts'])).toEqual([]);
  });
  it('sees every way of taking', () => {
    const names = ['a', 'b', 'C', 'D', 'E', 'h', 'i', 'k', 'default'];
    const without = (...taken: string[]) => names.filter((name) => !taken.includes(name));
    expect(find(all, other(`import z, { a, type C as c } from './a.ts';`))).toEqual(without('a', 'C', 'default'));
    expect(find(all, other(`export { b as y, default } from './a.ts';`))).toEqual(without('b', 'default'));
    expect(find(all, other(`type T = import('./a.ts').D;`))).toEqual(without('D'));
    for (const way of [`import * as z from './a.ts';`, `export * from './a.ts';`, `await import('./a.ts');`]) {
      expect(find(all, other(way)), way).toEqual([]);
    }
  });
});
