/**
 * The decoders of the product: everything that strangers' bytes and texts reach first. Each is run on one input and throws when
 * it broke its promise: it ends, throws nothing of its own, and what it accepts it can write and read again.
 */
import type { Target } from './target.ts';
import { textTargets } from './targets-text.ts';
import { wireTargets } from './targets-wire.ts';

export const targets = async (): Promise<readonly Target[]> => [...(await wireTargets()), ...textTargets()];
