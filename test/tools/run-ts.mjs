/**
 * Runs a TypeScript program of this tree in Node 20, which reads none itself, through vite's module runner:
 *
 *   node test/tools/run-ts.mjs FILE [ARGUMENTS]
 *
 * The program sees `process.argv` as if Node had started it. It ends by itself, or by `process.exit`.
 */
import { resolve } from 'node:path';
import { defaultServerConditions, runnerImport } from 'vite';

const [file, ...rest] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('Usage: node test/tools/run-ts.mjs FILE [ARGUMENTS]\n');
  process.exit(2);
}
const path = resolve(file);
process.argv = [process.argv[0] ?? 'node', path, ...rest];
const resolveOptions = { conditions: ['xstate-mesh-source', ...defaultServerConditions] };
await runnerImport(path, {
  configFile: false,
  logLevel: 'warn',
  ssr: { resolve: resolveOptions },
  // The runner's own environment: without this `#defaults` would be the built one.
  environments: { inline: { resolve: resolveOptions } },
});
