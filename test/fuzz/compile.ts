/** The fuzzing program and all decoders as plain modules in a folder of its own: what vite's module runner adds would count as branches. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compiledName, compileProgram } from '../support/compiled.ts';

const ENTRY = 'test/fuzz/program.ts';

export interface Compiled {
  /** What a worker thread is started with. */
  readonly program: string;
  /** The text of a module that was made of the source whose path ends so. */
  textOf(file: string): string;
  remove(): void;
}

export async function compile(): Promise<Compiled> {
  const outDir = mkdtempSync(join(tmpdir(), 'xstate-mesh-fuzz-'));
  await compileProgram({ entry: ENTRY, outDir, withPackages: true });
  return {
    program: join(outDir, compiledName(ENTRY)),
    textOf: (file) => readFileSync(join(outDir, compiledName(file)), 'utf8'),
    remove: () => rmSync(outDir, { recursive: true, force: true }),
  };
}
