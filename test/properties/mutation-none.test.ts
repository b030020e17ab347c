/** Goal: the properties that catch the mutants hold for the real charts: without this the mutation tests prove nothing. */
import { expect, it } from 'vitest';
import { deliversOnce, firstFailure, givesNothingUp, keepsOneLink, resumesExactly } from './bodies.ts';

it.each([deliversOnce, keepsOneLink, givesNothingUp, resumesExactly])('$name holds', (property) => {
  expect(firstFailure(property)).toBeUndefined();
});
