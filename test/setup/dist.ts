/**
 * Makes sure that `dist` is that of the present sources, before tests that start the command line or a browser. A build
 * that fails is told here and failed by test/package/dist.test.ts: a throw would keep every other test from running.
 */
import { build } from '../tools/build.mjs';

export default async function setup(): Promise<void> {
  try {
    await build({ ifStale: true, keepGoing: true });
  } catch (error) {
    process.stderr.write(`dist could not be built: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
