/** Goal: what the other tests start and pack is `dist` as built from the present sources, and the build is whole. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from '../lint/source.ts';
import { isFresh } from '../tools/build.mjs';

it('is built from the present sources', () => {
  expect(isFresh(), 'the build failed: see `npm run build`').toBe(true);
});

it.each([
  'dist/runtime/index.js',
  'dist/runtime/index.d.ts',
  'dist/runtime/index.js.map',
  'dist/hub/index.js',
  'dist/runtime/cli/main.js',
  'dist/browser/xstate-mesh.js',
  'dist/browser/xstate-mesh.global.js',
  'dist/examples/browser-chat/index.html',
])('holds %s', (path) => expect(existsSync(join(ROOT, path)), path).toBe(true));

it('has a command line that may be executed', () => {
  expect(statSync(join(ROOT, 'dist/runtime/cli/main.js')).mode & 0o111).not.toBe(0);
});
