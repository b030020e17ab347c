/**
 * The fuzzing program and all decoders as plain modules, one file each, in a folder of its own: run through vite's module runner
 * decoders take several times as long, and what it adds to them would count as branches of theirs.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';

const ENTRY = 'test/fuzz/program.ts';
const conditions = ['xstate-mesh-source', 'node'];

export interface Compiled {
  /** What a worker thread is started with. */
  readonly program: string;
  /** The text of a module that was made of the source whose path ends so. */
  textOf(file: string): string;
  remove(): void;
}

export async function compile(): Promise<Compiled> {
  const outDir = mkdtempSync(join(tmpdir(), 'xstate-mesh-fuzz-'));
  const output = { preserveModules: true, preserveModulesRoot: resolve('.'), entryFileNames: '[name].mjs' };
  await build({
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions },
    ssr: { noExternal: true, target: 'node', resolve: { conditions } },
    build: { ssr: ENTRY, outDir, emptyOutDir: true, minify: false, target: 'node20', rollupOptions: { output } },
  });
  const compiledName = (file: string): string => file.replace(/\.ts$/, '.mjs');
  return {
    program: join(outDir, compiledName(ENTRY)),
    textOf: (file) => readFileSync(join(outDir, compiledName(file)), 'utf8'),
    remove: () => rmSync(outDir, { recursive: true, force: true }),
  };
}
