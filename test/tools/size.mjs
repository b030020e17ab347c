/**
 * How large the library is in a browser: what an app downloads for `import { createMeshActor } from 'xstate-mesh'`,
 * minified and gzipped, as vite bundles it from `dist`.
 *
 *   npm run size                 prints the figures beside the tracked ones
 *   npm run size -- --update     tracks the present figures (test/package/size.json)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build as viteBuild } from 'vite';
import { build } from './build.mjs';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const TRACKED = join(ROOT, 'test/package/size.json');

/**
 * Gzipped bytes. `entry`: loaded at once, with xstate. `entryWithoutXState`: the same for an app that has xstate anyway.
 * `lazy`: loaded when needed, such as the WebRTC wrapper.
 * @typedef {{entry: number, entryWithoutXState: number, lazy: number}} Sizes
 */

/**
 * @param {readonly (string | RegExp)[]} external
 * @returns {Promise<{entry: number, lazy: number}>}
 */
async function bundle(external) {
  const result = await viteBuild({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      target: 'es2022',
      write: false,
      minify: true,
      lib: { entry: join(ROOT, 'dist/runtime/index.js'), formats: ['es'], fileName: () => 'entry.js' },
      // Whitespace too, which vite leaves in libraries and removes from apps.
      rolldownOptions: { external: [...external], output: { minify: true } },
    },
  });
  const outputs = [result].flat();
  const sizes = { entry: 0, lazy: 0 };
  for (const output of outputs) {
    if (!('output' in output)) throw new Error('vite watched instead of building');
    const chunks = new Map(output.output.flatMap((item) => (item.type === 'chunk' ? [[item.fileName, item]] : [])));
    // What the entry imports at once belongs to it, in whatever file the bundler has put it.
    const eager = new Set([...chunks.values()].filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName));
    for (const name of eager) for (const next of chunks.get(name)?.imports ?? []) if (chunks.has(next)) eager.add(next);
    for (const [name, chunk] of chunks) {
      sizes[eager.has(name) ? 'entry' : 'lazy'] += gzipSync(chunk.code, { level: 9 }).byteLength;
    }
  }
  return sizes;
}

/** @returns {Promise<Sizes>} */
export async function measure() {
  const whole = await bundle([]);
  const alone = await bundle([/^xstate($|\/)/]);
  return { entry: whole.entry, entryWithoutXState: alone.entry, lazy: whole.lazy };
}

/** The figures that a change is compared with. @returns {Partial<Sizes>} */
export const tracked = () => JSON.parse(readFileSync(TRACKED, 'utf8'));

const isMain = process.argv[1] !== undefined && import.meta.url === pathToFileURL(resolve(process.argv[1])).href;
if (isMain) {
  await build({ ifStale: true });
  const sizes = await measure();
  const before = tracked();
  for (const [name, bytes] of Object.entries(sizes)) {
    const old = before[/** @type {keyof Sizes} */ (name)];
    process.stdout.write(`${name}: ${bytes} bytes gzipped (tracked: ${old ?? 'none'})\n`);
  }
  if (process.argv.includes('--update')) writeFileSync(TRACKED, `${JSON.stringify(sizes, null, 2)}\n`);
}
