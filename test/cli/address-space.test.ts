/** Goal: the address space is taken for a run, kept however often garbage is collected, and given back; never where it is bounded. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MODULE = join(import.meta.dirname, '..', '..', 'dist', 'runtime', 'cli', 'address-space.js');
const CHILD = `
  import { readFileSync } from 'node:fs';
  import { crowdAddresses } from ${JSON.stringify(MODULE)};
  const virtual = () => Number(/VmSize:\\s+(\\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 2 ** 30;
  const sizes = [virtual()];
  const release = crowdAddresses();
  for (let i = 0; i < 3; i++) globalThis.gc();
  sizes.push(virtual());
  // All the same there is room for what is used.
  const used = new Uint8Array(2 ** 28).fill(1);
  const isAgain = crowdAddresses() !== undefined;
  release?.();
  // Buffers are given back beside the program, in their own time; the test's is the limit.
  while (virtual() > 10) await new Promise((next) => setImmediate(next));
  sizes.push(virtual());
  console.log(JSON.stringify({ sizes, used: used.length, isTaken: release !== undefined, isAgain }));
`;

interface Told {
  /** TiB: before, taken, given back. */
  readonly sizes: readonly [number, number, number];
  readonly used: number;
  readonly isTaken: boolean;
  readonly isAgain: boolean;
}

async function child(before = ''): Promise<Told> {
  const command = `${before} exec "$0" --expose-gc --input-type=module --eval "$1"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, CHILD]);
  return JSON.parse(stdout) as Told;
}

it('most addresses are taken until they are released, on x64', async () => {
  const isThere = process.arch === 'x64';
  const { sizes, used, isTaken, isAgain } = await child();
  expect({ used, isTaken, isAgain }).toEqual({ used: 2 ** 28, isTaken: isThere, isAgain: false });
  expect(sizes[0]).toBeLessThan(10);
  expect(sizes[1] > 100).toBe(isThere);
  expect(sizes[2]).toBeLessThan(10);
});

it('none are taken where they are bounded', async () => {
  const { sizes, isTaken } = await child('ulimit -v 68719476736;');
  expect(isTaken).toBe(false);
  expect(sizes[1]).toBeLessThan(10);
});
