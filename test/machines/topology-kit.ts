import { type AdmissionView, type DialView, type LinkView, shapeOf } from '../../machines/mesh/topology.core.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';

export const SELF = '0'.repeat(40);
/** An id in the k-bucket of `bits` common bits, seen from SELF. */
export const inBucket = (bits: number, n = 0): string => {
  const value = (1n << BigInt(159 - bits)) + BigInt(n);
  return value.toString(16).padStart(40, '0');
};
export const random = streams('topology').fork('tests');
export const ad = (id: string, free = 1) => ({ id, key: '', free, degree: 1 });
export const link = (id: string, more: Partial<LinkView> = {}): LinkView => ({
  id,
  random: false,
  sinceMs: 0,
  neighbours: [],
  free: 0,
  degree: 2,
  key: '',
  ...more,
});
export const links = (count: number, more: Partial<LinkView> = {}) =>
  Array.from({ length: count }, (_, n) => link(inBucket(n), more));
export const dials = (more: Partial<DialView>): DialView => ({
  self: SELF,
  shape: shapeOf(8),
  xor: true,
  links: [],
  opening: [],
  candidates: [],
  ...more,
});
export const admission = (more: Partial<AdmissionView>): AdmissionView => ({
  self: SELF,
  shape: shapeOf(8),
  xor: true,
  links: [],
  opening: [],
  busy: false,
  mayOperate: true,
  isIsland: false,
  ...more,
});
