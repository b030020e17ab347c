/** Goal: the library does not grow unnoticed: what a browser downloads stays within a tenth of the tracked figures. */
import { expect, it } from 'vitest';
import { measure, tracked } from '../tools/size.mjs';

const HOW = 'If the growth is wanted: `npm run size -- --update`, and commit test/package/size.json.';

it('is as small as tracked', async () => {
  const sizes = await measure();
  const before = tracked();
  for (const name of ['entry', 'entryWithoutXState', 'lazy'] as const) {
    const old = before[name];
    expect(old, `No figure is tracked for ${name}. ${HOW}`).toBeTypeOf('number');
    expect(sizes[name], `${name} was ${old} bytes gzipped. ${HOW}`).toBeLessThanOrEqual(Math.ceil((old ?? 0) * 1.1));
  }
  expect(sizes.entryWithoutXState, 'xstate was left out').toBeLessThan(sizes.entry);
});
