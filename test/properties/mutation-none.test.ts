/** Goal: the properties that catch the mutants hold for the real charts: without this the mutation tests prove nothing. */
import { expect, it } from 'vitest';
import {
  deliversOnce,
  firstFailure,
  givesNothingUp,
  keepsOneLink,
  resumesExactly,
  takesNobodyForAnother,
} from './bodies.ts';

const PROPERTIES = [deliversOnce, keepsOneLink, givesNothingUp, resumesExactly, takesNobodyForAnother];

it.each(PROPERTIES.map((property) => [property.name, property] as const))('%s holds', (_name, property) => {
  expect(firstFailure(property)).toBeUndefined();
});
