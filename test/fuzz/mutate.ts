/** Inputs for decoders: valid ones changed a little, values by the grammar of their format, and noise. */
import type { Draw } from './draw.ts';

/** Heads of MessagePack, lengths at their borders, and what numbers turn over at. */
const TELLING = [
  0, 1, 0x1f, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc5, 0xc6, 0xc7, 0xca, 0xcb,
].concat([0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd6, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xfe, 0xff]);
const BYTES_MAX = 20_000;
/** From there on values are small numbers. */
const GRAMMAR_BYTES = 400;

/**
 * Where inputs are made: one piece of memory for all of them, since small ones of their own cost more than most decoders. What is
 * given out holds until the next one is made.
 */
class Scratch {
  readonly #bytes = new Uint8Array(4 * BYTES_MAX);
  length = 0;

  load(sample: Uint8Array): void {
    this.#bytes.set(sample);
    this.length = sample.length;
  }

  at(index: number): number {
    return this.#bytes[index] as number;
  }

  set(index: number, value: number): void {
    if (index < this.length) this.#bytes[index] = value;
  }

  push(...values: number[]): void {
    for (const value of values) this.#bytes[this.length++] = value;
    this.length = Math.min(this.length, 2 * BYTES_MAX);
  }

  cut(at: number, count: number): void {
    const from = Math.min(this.length, at + count);
    this.#bytes.copyWithin(at, from, this.length);
    this.length -= from - at;
  }

  /** Makes room, and fills it by `fill`. */
  insert(at: number, count: number, fill: (index: number) => number): void {
    this.#bytes.copyWithin(at + count, at, this.length);
    this.length += count;
    for (let i = 0; i < count; i++) this.#bytes[at + i] = fill(i);
  }

  /** A repetition of what stands before `at`. */
  repeat(at: number, count: number): void {
    const length = Math.min(at, count);
    this.#bytes.copyWithin(at + length, at, this.length);
    this.#bytes.copyWithin(at, at - length, at);
    this.length += length;
  }

  result(): Uint8Array {
    return this.#bytes.subarray(0, Math.min(this.length, BYTES_MAX));
  }
}

const scratch = new Scratch();

const noisy = (draw: Draw): number => (draw.chance(3) ? draw.pick(TELLING) : draw.int(256));

/** A valid input with one to four changes. `other`: another one, to take from. */
export function mutatedBytes(draw: Draw, sample: Uint8Array, other: Uint8Array): Uint8Array {
  scratch.load(sample);
  for (let changes = 1 + draw.int(4); changes > 0; changes--) change(draw, other);
  return scratch.result();
}

function change(draw: Draw, other: Uint8Array): void {
  const at = draw.int(scratch.length + 1);
  const span = 1 + draw.int(draw.chance(4) ? 64 : 4);
  switch (draw.int(8)) {
    case 0:
      return scratch.set(at, scratch.at(at) ^ (1 << draw.int(8)));
    case 1:
      return scratch.set(at, draw.pick(TELLING));
    case 2:
      return scratch.set(at, scratch.at(at) + (draw.chance(2) ? 1 : -1));
    case 3:
      return scratch.insert(at, span, () => noisy(draw));
    case 4:
      return scratch.cut(at, span);
    case 5:
      return scratch.repeat(at, span);
    case 6: {
      const from = draw.int(other.length + 1);
      if (draw.chance(2)) scratch.cut(at, span);
      return scratch.insert(at, Math.min(span, other.length - from), (i) => other[from + i] as number);
    }
    default:
      scratch.length = at;
  }
}

export function noise(draw: Draw, length: number): Uint8Array {
  scratch.length = 0;
  for (let i = 0; i < length; i++) scratch.push(noisy(draw));
  return scratch.result();
}

/** Well-formed MessagePack with wrong content, mostly: lengths may lie now and then. `head`: what stands before it. */
export function grammarBytes(draw: Draw, head: readonly number[]): Uint8Array {
  scratch.length = 0;
  scratch.push(...head);
  writeValue(draw, scratch, 0);
  return scratch.result();
}

function writeValue(draw: Draw, to: Scratch, depth: number): void {
  const length = draw.chance(8) ? draw.int(300) : draw.int(34);
  // Values in values in values: without an end to them, most of the time would go into a few inputs.
  if (to.length > GRAMMAR_BYTES) return to.push(draw.int(128));
  switch (draw.int(depth > 5 ? 7 : 10)) {
    case 0:
      return to.push(draw.int(128));
    case 1:
      return to.push(draw.pick([0xc0, 0xc2, 0xc3, 0xe0 + draw.int(32)]));
    case 2: {
      const head = 0xca + draw.int(10);
      to.push(head);
      for (let left = [4, 8, 1, 2, 4, 8, 1, 2, 4, 8][head - 0xca] as number; left > 0; left--) to.push(draw.int(256));
      return;
    }
    case 3:
    case 4:
    case 5:
      to.push(0xc4, length & 255);
      break;
    case 6:
      if (length < 32) to.push(0xa0 + length);
      else to.push(0xd9, length & 255);
      break;
    default: {
      const count = draw.int(14);
      const isMap = draw.chance(4);
      to.push((isMap ? 0x80 : 0x90) + count);
      for (let left = draw.chance(16) ? draw.int(40) : isMap ? count * 2 : count; left > 0; left--) {
        writeValue(draw, to, depth + 1);
      }
      return;
    }
  }
  for (let left = draw.chance(16) ? draw.int(300) : length & 255; left > 0; left--) to.push(draw.int(128));
}

// ---- text ----------------------------------------------------------------------------------------------------------

const WORDS = [
  'type',
  'data',
  'mesh',
  'v',
  'kind',
  'offer',
  '__proto__',
  'constructor',
  'toString',
  '',
  '\u0000',
  '\ud800',
  '🙂',
  '$bytes',
];
const VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  '',
  'x'.repeat(300),
  'ab'.repeat(20),
  [],
  {},
  [[]],
  { v: 1 },
];

/** A valid JSON text with changes: to its values mostly, else to its characters. */
export function mutatedText(draw: Draw, sample: string, other: string): string {
  let text = sample;
  if (!draw.chance(4)) {
    let value: unknown;
    try {
      value = JSON.parse(sample);
      for (let changes = 1 + draw.int(3); changes > 0; changes--) value = changedValue(draw, value, 0);
      return JSON.stringify(value) ?? 'null';
    } catch {
      // A sample that is no JSON: its characters are changed.
      text = sample;
    }
  }
  for (let changes = 1 + draw.int(4); changes > 0; changes--) text = changedText(draw, text, other);
  return text.slice(0, BYTES_MAX);
}

function changedValue(draw: Draw, value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > 6 || draw.chance(8)) return anyValue(draw, value);
  if (Array.isArray(value)) {
    const at = draw.int(value.length + 1);
    const kind = draw.int(4);
    if (kind === 0) value.splice(at, 1);
    else if (kind === 1) value.splice(at, 0, anyValue(draw, value[0]));
    else if (at < value.length) value[at] = changedValue(draw, value[at], depth + 1);
    return value;
  }
  const fields = value as Record<string, unknown>;
  const names = Object.keys(fields);
  const kind = draw.int(6);
  // As JSON.parse sets it: an own field of that name, whatever it is. Nothing inherited is ever looked at, let alone changed.
  const set = (name: string, to: unknown): void =>
    void Object.defineProperty(fields, name, { value: to, enumerable: true, configurable: true, writable: true });
  if (names.length === 0 || kind === 1) set(draw.pick(WORDS), anyValue(draw, 'x'));
  else if (kind === 0) delete fields[draw.pick(names)];
  else {
    const name = draw.pick(names);
    set(name, changedValue(draw, fields[name], depth + 1));
  }
  return fields;
}

function anyValue(draw: Draw, old: unknown): unknown {
  if (typeof old === 'string' && !draw.chance(3)) return changedText(draw, old, 'x');
  if (typeof old === 'number' && !draw.chance(3)) return old + draw.pick([1, -1, 0.5, 1e9]);
  if (draw.chance(3)) return draw.pick(WORDS);
  return structuredClone(draw.pick(VALUES));
}

function changedText(draw: Draw, text: string, other: string): string {
  const at = draw.int(text.length + 1);
  const span = 1 + draw.int(4);
  switch (draw.int(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + span);
    case 1:
      return (
        text.slice(0, at) + String.fromCharCode(draw.chance(4) ? draw.int(65_536) : draw.int(128)) + text.slice(at)
      );
    case 2:
      return (
        text.slice(0, at) +
        draw.pick(['{', '}', '[', ']', '"', ':', ',', '\\', '\\u0000', '1e999', ...WORDS]) +
        text.slice(at)
      );
    case 3: {
      const from = draw.int(other.length + 1);
      return text.slice(0, at) + other.slice(from, from + 40) + text.slice(at);
    }
    default:
      return text.slice(0, at);
  }
}

/** JSON of no particular meaning. */
export function grammarText(draw: Draw): string {
  let value: unknown = { type: draw.pick(WORDS), data: {} };
  for (let changes = draw.int(12); changes > 0; changes--) value = changedValue(draw, value, 0);
  return JSON.stringify(value) ?? 'null';
}

export function noiseText(draw: Draw, length: number): string {
  let text = '';
  for (let i = 0; i < length; i++) text += String.fromCharCode(draw.chance(8) ? draw.int(65_536) : draw.int(128));
  return text;
}
