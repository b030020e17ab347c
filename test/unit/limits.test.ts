/** The relations between the limits hold: a changed default that breaks another one fails here, by its own words. */
import { describe, expect, it } from 'vitest';
import * as limits from '../../machines/shared/limits.ts';

describe('limits', () => {
  it.each(limits.LIMIT_RELATIONS)('%s', (_claim, holds) => {
    expect(holds).toBe(true);
  });

  it('states each relation once, and some', () => {
    const claims = limits.LIMIT_RELATIONS.map(([claim]) => claim);
    expect(new Set(claims).size).toBe(claims.length);
    expect(claims.length).toBeGreaterThan(5);
  });

  it('has positive whole numbers throughout', () => {
    const values = Object.entries(limits).filter(([name]) => name !== 'LIMIT_RELATIONS');
    expect(values.length).toBeGreaterThan(50);
    for (const [name, value] of values) {
      if (typeof value === 'number') expect(Number.isSafeInteger(value) && value > 0, name).toBe(true);
    }
  });
});
