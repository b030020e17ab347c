/** What a decoder is to the fuzzer. */
export type Input = Uint8Array | string;

export const ACCEPTED = 'accepted';

export interface Target {
  readonly name: string;
  /** Where what a stranger sends comes in, by name. */
  readonly entries: readonly string[];
  /** What it is written in, as paths from the root: the branches of all functions in them that the entries lead to are counted. */
  readonly files: readonly string[];
  readonly samples: readonly Input[];
  /** Given as they are, now and then. */
  readonly odd?: readonly Input[];
  /** `ACCEPTED`, or why not; throws when the decoder broke its promise. */
  run(input: Input): string;
}
