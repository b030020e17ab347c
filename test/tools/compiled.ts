/**
 * A program of this tree as one plain module in a folder of its own: run through vite's module runner it takes one and a half
 * times as long, since each use of an import asks the runner.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { build } from 'vite';

const conditions = ['xstate-mesh-source', 'node'];

export interface CompiledProgram {
  /** What a worker thread is started with. */
  readonly path: string;
  remove(): void;
}

export async function compiled(entry: string): Promise<CompiledProgram> {
  const outDir = mkdtempSync(join(tmpdir(), 'xstate-mesh-compiled-'));
  await build({
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions },
    ssr: { noExternal: true, target: 'node', resolve: { conditions } },
    build: {
      ssr: entry,
      outDir,
      emptyOutDir: true,
      minify: false,
      target: 'node20',
      rolldownOptions: { output: { entryFileNames: '[name].mjs' } },
    },
  });
  return {
    path: join(outDir, basename(entry).replace(/\.ts$/, '.mjs')),
    remove: () => rmSync(outDir, { recursive: true, force: true }),
  };
}
