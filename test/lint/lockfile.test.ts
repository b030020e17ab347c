/**
 * Goal: `npm ci` works on every platform: the lock file names the packages that hold binaries for other platforms too.
 * npm leaves out what the registry did not have when the lock file was written, and then refuses it as out of step.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './source.ts';

interface Lock {
  readonly packages: Readonly<Record<string, { readonly version?: string; readonly optionalDependencies?: object }>>;
}

/** Optional packages that the lock file knows of and has no entry for. */
function missing(lock: Lock): string[] {
  const wanted = Object.values(lock.packages).flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}));
  return wanted.filter((name) => lock.packages[`node_modules/${name}`]?.version === undefined);
}

it('names every optional package', () => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;
  expect(Object.keys(lock.packages).length).toBeGreaterThan(50);
  expect(missing(lock)).toEqual([]);
});

it('would see one that is missing', () => {
  expect(missing({ packages: { 'node_modules/a': { optionalDependencies: { 'a-linux': '1.0.0' } } } })).toEqual([
    'a-linux',
  ]);
});
