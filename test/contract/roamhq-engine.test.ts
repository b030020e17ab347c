/** Goal: links over @roamhq/wrtc that come and go share one engine, whose threads do not grow in number, and a program ends. */
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { nativeRoamhqLinkPort } from '../../adapters/webrtc-native.node.ts';
import { roamhqLinkPort } from '../../adapters/webrtc-roamhq.ts';
import { closePair, type LinkHarness, openPair } from './link-ends.ts';

/** Linux tells; elsewhere there is nothing to compare. */
const threads = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0);

it.each([
  { name: 'native', port: nativeRoamhqLinkPort() },
  { name: 'simple-peer', port: roamhqLinkPort() },
])('$name: 20 pairs, one after the other, need no more threads than one', async ({ port }) => {
  const harness: LinkHarness = { left: port, right: port };
  const first = await openPair(harness);
  const atFirst = threads();
  await closePair(harness, first);
  for (let n = 0; n < 20; n++) await closePair(harness, await openPair(harness));
  // A thread of Node's own pool may start meanwhile.
  expect(threads()).toBeLessThanOrEqual(atFirst + 4);
});

it('a program whose links have closed ends by itself', async () => {
  const program = ['test/tools/run-ts.mjs', 'test/bench/cycles-child.ts', 'roamhq', '2'];
  const { stdout } = await promisify(execFile)(process.execPath, program, { timeout: 20_000 });
  expect(JSON.parse(stdout)).toMatchObject({ pairs: 2 });
});
