/** One run of one decoder: so many inputs, at least half of them valid ones that were changed; the same for the same seed. */
import { Draw } from './draw.ts';
import { grammarBytes, grammarText, mutatedBytes, mutatedText, noise, noiseText } from './mutate.ts';
import { ACCEPTED, type Input, type Target } from './target.ts';

export interface FuzzResult {
  readonly target: string;
  readonly seed: number;
  readonly count: number;
  /** Inputs that were made from valid ones. */
  readonly mutated: number;
  readonly accepted: number;
  /** The others, by why they were not. */
  readonly refused: Readonly<Record<string, number>>;
  /** The input that took longest, ms. */
  readonly slowestMs: number;
  readonly failures: readonly { readonly at: number; readonly input: string; readonly error: string }[];
}

const FAILURES_MAX = 10;
/** Every so many inputs the clock is looked at: that costs more than most decoders. */
const TIMED_EVERY = 16;

const isJson = (bytes: Uint8Array): boolean => bytes[0] === 0x7b;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** One in so many is an odd one that changes would never come to: too long, too many, too deep. */
const ODD_EVERY = 1_024;

/** Of ten inputs seven are changed samples, two are made by the grammar, one is noise. */
function inputFor(draw: Draw, { samples, odd = [] }: Target): { readonly input: Input; readonly isMutated: boolean } {
  if (odd.length > 0 && draw.chance(ODD_EVERY)) return { input: draw.pick(odd), isMutated: false };
  const kind = draw.int(10);
  const sample = draw.pick(samples);
  const other = draw.pick(samples);
  if (typeof sample === 'string' || typeof other === 'string') {
    const [text, more] = [sample as string, other as string];
    if (kind < 7) return { input: mutatedText(draw, text, more), isMutated: true };
    return { input: kind < 9 ? grammarText(draw) : noiseText(draw, draw.int(200)), isMutated: false };
  }
  if (kind < 7) {
    // JSON in bytes: half of it is changed as JSON.
    const asText = isJson(sample) && draw.chance(2);
    const changed = asText
      ? encoder.encode(mutatedText(draw, decoder.decode(sample), decoder.decode(other)))
      : undefined;
    return { input: changed ?? mutatedBytes(draw, sample, other), isMutated: true };
  }
  if (kind === 9) return { input: noise(draw, draw.int(200)), isMutated: false };
  if (isJson(sample)) return { input: encoder.encode(grammarText(draw)), isMutated: false };
  // Frames begin with their version: without it nothing else would be looked at.
  return { input: grammarBytes(draw, sample[0] === 1 ? [1] : []), isMutated: false };
}

/** Runs a decoder on inputs, as many at a time as it is told. */
export class Fuzzing {
  readonly #target: Target;
  readonly #seed: number;
  readonly #draw: Draw;
  readonly #progress: Int32Array;
  readonly #refused: Record<string, number> = {};
  readonly #failures: { at: number; input: string; error: string }[] = [];
  #count = 0;
  #mutated = 0;
  #accepted = 0;
  #slowestMs = 0;

  /** `progress`: its first element says which input is looked at. */
  constructor(target: Target, seed: number, progress: Int32Array = new Int32Array(1)) {
    this.#progress = progress;
    this.#target = target;
    this.#seed = seed;
    this.#draw = new Draw(seed);
  }

  run(count: number): this {
    for (let left = count; left > 0 && this.#failures.length < FAILURES_MAX; left--) this.#one(this.#count++);
    return this;
  }

  #one(at: number): void {
    const { input, isMutated } = inputFor(this.#draw, this.#target);
    this.#progress[0] = at;
    if (isMutated) this.#mutated++;
    const startMs = at % TIMED_EVERY === 0 ? performance.now() : 0;
    try {
      const outcome = this.#target.run(input);
      if (outcome === ACCEPTED) this.#accepted++;
      else this.#refused[outcome] = (this.#refused[outcome] ?? 0) + 1;
    } catch (error) {
      const shown = typeof input === 'string' ? JSON.stringify(input) : Buffer.from(input).toString('hex');
      const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#failures.push({ at, input: shown, error: said });
    }
    if (startMs > 0) this.#slowestMs = Math.max(this.#slowestMs, performance.now() - startMs);
  }

  get result(): FuzzResult {
    return {
      target: this.#target.name,
      seed: this.#seed,
      count: this.#count,
      mutated: this.#mutated,
      accepted: this.#accepted,
      refused: this.#refused,
      slowestMs: this.#slowestMs,
      failures: this.#failures,
    };
  }
}

export const fuzz = (target: Target, seed: number, count: number): FuzzResult =>
  new Fuzzing(target, seed).run(count).result;
