/** Goal: types and style hold over the whole tree; a failure here prints what the tool said. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './source.ts';

function run(script: string, ...args: string[]): { code: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, script), ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
  });
  return { code: status, output: `${stdout}${stderr}` };
}

it('has no type error', () => {
  const { code, output } = run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.json');
  expect(output).toBe('');
  expect(code).toBe(0);
});

it('is formatted and free of lint errors', () => {
  const { code, output } = run(
    'node_modules/@biomejs/biome/bin/biome',
    'ci',
    '--colors=off',
    '--max-diagnostics=50',
    '.',
  );
  expect(code, output).toBe(0);
});
