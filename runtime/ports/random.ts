/** Randomness as every part of the mesh sees it: unpredictable in production, seeded in a simulation. */
export interface RandomPort {
  /** A number in [0, 1), for jitter and sampling. */
  next(): number;
  /** `count` random bytes, for ids and nonces. */
  bytes(count: number): Uint8Array;
}
