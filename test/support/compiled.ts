/**
 * A program of this tree and the sources it uses as plain modules, one file each, as they ship. Run through vite's module runner
 * the same code takes up to twice the time: each use of an import is a call there, and the runner's own memory is gone through
 * by each full collection.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'vite';

const ROOT = resolve(import.meta.dirname, '../..');
const conditions = ['xstate-mesh-source', 'node'];

export interface CompileOptions {
  /** Its path from the root. */
  readonly entry: string;
  /** The folder that the modules go to. */
  readonly outDir: string;
  /** Packages are compiled with it, and not looked up when it runs. */
  readonly withPackages: boolean;
}

/** Where the module of a source is, from `outDir`. */
export const compiledName = (file: string): string => file.replace(/\.ts$/, '.mjs');

export async function compileProgram({ entry, outDir, withPackages }: CompileOptions): Promise<void> {
  const output = { preserveModules: true, preserveModulesRoot: ROOT, entryFileNames: '[name].mjs' };
  await build({
    root: ROOT,
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions },
    ssr: { target: 'node', resolve: { conditions }, ...(withPackages && { noExternal: true as const }) },
    build: { ssr: entry, outDir, emptyOutDir: true, minify: false, target: 'node20', rollupOptions: { output } },
  });
}

/** The same in a new folder below the root, where packages are found. `remove` when it has ended. */
export async function compileHere(entry: string): Promise<{ readonly program: string; remove(): void }> {
  const scratch = join(ROOT, '.tmp');
  mkdirSync(scratch, { recursive: true });
  const outDir = mkdtempSync(join(scratch, 'compiled-'));
  await compileProgram({ entry, outDir, withPackages: false });
  return { program: join(outDir, compiledName(entry)), remove: () => rmSync(outDir, { recursive: true, force: true }) };
}
