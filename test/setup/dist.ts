/** Makes sure that `dist` is that of the present sources, before tests that start the command line or a browser. */
import { build } from '../tools/build.mjs';

export default async function setup(): Promise<void> {
  await build({ ifStale: true, keepGoing: true });
}
