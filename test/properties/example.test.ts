/** Goal: the example in examples/property-test finds its planted bug, shrinks it to its essence, and passes once mended. */
import { expect, it } from 'vitest';
import { search } from '../../examples/property-test/search.ts';

it('finds two peers that set the value at the same time, and nothing else', () => {
  const found = search(false);
  expect(found?.failure).toMatch(/registers hold/);
  expect(found?.schedule).toHaveLength(12);
  // Two sets, the second before the first was heard: no step can go.
  expect(found?.smallest.map((step) => step.do)).toEqual(['app', 'app']);
  expect(found?.smallest[1]?.afterMs).toBeLessThanOrEqual(100);
});

it('holds once ties are broken by id', () => {
  expect(search(true, 6)).toBeUndefined();
});
