/**
 * Builds `dist`: modules and types by tsc, two one-file bundles for browsers and the demo's page by vite.
 *
 *   node test/tools/build.mjs [--if-stale] [--only types|bundles|page]
 *
 * It runs in plain Node 20, which reads no TypeScript; it needs nothing but the development dependencies.
 * Files are written in place and strays removed afterwards, so that a program that runs from `dist` meanwhile finds
 * every module. One build runs at a time in a tree: a second one waits, and finds its work done.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const DIST = join(ROOT, 'dist');
const STAMP = join(DIST, '.stamp');
const LOCK = join(DIST, '.lock');
const SOURCES = ['machines', 'runtime', 'adapters', 'hub', 'examples/browser-chat'];
const CONFIGS = ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'test/tools/build.mjs'];
const PAGE = 'examples/browser-chat';
/** A lock whose maker is gone is taken over; a living one is waited for this long. */
const LOCK_WAIT_MS = 300_000;

/** @param {string} text */
const say = (text) => process.stderr.write(`build: ${text}\n`);

/**
 * All files below a folder, as paths relative to the root, in a fixed order.
 * @param {string} folder @returns {string[]}
 */
function filesOf(folder) {
  const path = join(ROOT, folder);
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
}

/** What `dist` was made of: a hash over names and contents of all sources and settings. */
function sourceHash() {
  const hash = createHash('sha256');
  for (const file of [...SOURCES.flatMap(filesOf), ...CONFIGS.filter((name) => existsSync(join(ROOT, name)))]) {
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(ROOT, file)))
      .update('\0');
  }
  return hash.digest('hex');
}

/** True when `dist` was built, without errors or with them, from the present sources. */
export function isFresh() {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === sourceHash();
}

/** @param {number} pid @returns {boolean} */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // ESRCH: no such process, which is the answer.
    return false;
  }
}

/** Waits for the build of another process, then holds the tree. Returns the release. */
async function lock() {
  mkdirSync(DIST, { recursive: true });
  const deadline = Date.now() + LOCK_WAIT_MS;
  for (;;) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      return () => rmSync(LOCK, { force: true });
    } catch (error) {
      if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    }
    const holder = existsSync(LOCK) ? Number(readFileSync(LOCK, 'utf8')) : 0;
    if (holder > 0 && !isAlive(holder)) rmSync(LOCK, { force: true });
    else if (Date.now() > deadline) throw new Error(`Process ${holder} has been building for too long (${LOCK}).`);
    else await new Promise((wake) => setTimeout(wake, 200));
  }
}

/**
 * Runs the compiler. It emits even when types are wrong; the caller decides what that means.
 * @returns {Promise<{ok: boolean, output: string}>}
 */
function tsc() {
  return new Promise((done, fail) => {
    const bin = join(ROOT, 'node_modules/typescript/bin/tsc');
    const child = spawn(process.execPath, [bin, '-p', 'tsconfig.build.json', '--listEmittedFiles'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('error', fail);
    child.on('exit', (code) => done({ ok: code === 0, output }));
  });
}

/**
 * Compiles to `dist` and removes what no source stands behind any more.
 * @param {boolean} keepGoing
 */
async function buildModules(keepGoing) {
  const { ok, output } = await tsc();
  const lines = output.split('\n').filter((line) => line !== '');
  const emitted = new Set(
    lines.filter((line) => line.startsWith('TSFILE: ')).map((line) => resolve(ROOT, line.slice('TSFILE: '.length))),
  );
  const errors = lines.filter((line) => !line.startsWith('TSFILE: '));
  if (!ok) {
    process.stderr.write(`${errors.join('\n')}\n`);
    if (!keepGoing || emitted.size === 0) throw new Error('The sources have type errors.');
    say('type errors; dist is written all the same');
  }
  for (const folder of ['machines', 'runtime', 'adapters', 'hub']) {
    for (const file of filesOf(`dist/${folder}`)) if (!emitted.has(join(ROOT, file))) rmSync(join(ROOT, file));
  }
  const cli = join(DIST, 'runtime/cli/main.js');
  if (existsSync(cli)) chmodSync(cli, 0o755);
  return ok;
}

/**
 * The whole library in one file: as a module, and as a script that sets `XStateMesh`. Both are made from `dist` under the
 * conditions of any bundler, so that they prove what the package's own `exports` and `imports` say.
 */
async function buildBundles() {
  const entry = join(DIST, 'runtime/index.js');
  if (!existsSync(entry)) {
    say('no runtime/index.ts: bundles left out');
    return;
  }
  const { build: viteBuild } = await import('vite');
  for (const [format, fileName] of /** @type {const} */ ([
    ['es', 'xstate-mesh.js'],
    ['iife', 'xstate-mesh.global.js'],
  ])) {
    await viteBuild({
      root: ROOT,
      configFile: false,
      logLevel: 'warn',
      publicDir: false,
      define: { 'process.env.NODE_ENV': '"production"' },
      build: {
        target: 'es2022',
        outDir: join(DIST, 'browser'),
        emptyOutDir: false,
        sourcemap: true,
        minify: true,
        lib: { entry, formats: [format], name: 'XStateMesh', fileName: () => fileName },
        rolldownOptions: { output: { codeSplitting: false, minify: true } },
      },
    });
  }
}

/** The demo's page, ready to be served by the hub; nothing where the example does not exist. */
async function buildPage() {
  const root = join(ROOT, PAGE);
  if (!existsSync(join(root, 'index.html'))) return;
  const { build: viteBuild, defaultClientConditions } = await import('vite');
  await viteBuild({
    root,
    base: './',
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions: ['xstate-mesh-source', ...defaultClientConditions] },
    build: { target: 'es2022', outDir: join(DIST, PAGE), emptyOutDir: true, sourcemap: true },
  });
}

/**
 * Builds what is asked for.
 *
 * `ifStale`: do nothing when `dist` was made from the present sources. `keepGoing`: type errors are told and `dist` is
 * written all the same (for tests, which have their own test of the types). `only`: one part of the build.
 * @param {{ifStale?: boolean, keepGoing?: boolean, only?: string | undefined}} [options]
 */
export async function build({ ifStale = false, keepGoing = false, only } = {}) {
  if (ifStale && isFresh()) return;
  const release = await lock();
  try {
    if (ifStale && isFresh()) return;
    const hash = sourceHash();
    const startMs = Date.now();
    let ok = true;
    if (only === undefined || only === 'types') ok = await buildModules(keepGoing);
    if (only === undefined || only === 'bundles') await attempt(buildBundles, keepGoing && !ok);
    if (only === undefined || only === 'page') await attempt(buildPage, keepGoing && !ok);
    if (only === undefined && (ok || keepGoing)) writeFileSync(STAMP, hash);
    say(`${only ?? 'all'} in ${Date.now() - startMs} ms`);
  } finally {
    release();
  }
}

/**
 * @param {() => Promise<void>} step
 * @param {boolean} tolerant A failure after type errors is told, not thrown: the type errors are its cause.
 */
async function attempt(step, tolerant) {
  try {
    await step();
  } catch (error) {
    if (!tolerant) throw error;
    say(`${step.name} failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const isMain = process.argv[1] !== undefined && import.meta.url === pathToFileURL(resolve(process.argv[1])).href;
if (isMain) {
  const flags = process.argv.slice(2);
  const at = flags.indexOf('--only');
  build({ ifStale: flags.includes('--if-stale'), only: at < 0 ? undefined : flags[at + 1] }).catch((error) => {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
