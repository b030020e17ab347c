/**
 * Values above one record: cut into chunks, each an immutable record of its own, below a manifest that lists their keys and,
 * for many, manifests below manifests. A key is a hash, so that whoever trusts the root's record trusts every byte below it.
 *
 * A manifest is the MessagePack array `[bytes: int, keys: bin]`: how long the value below it is, and 20 bytes a part.
 */
import type { DhtRecord, RecordForm, RecordKey } from '../../machines/dht/records.core.ts';
import {
  DHT_VALUE_BYTES_MAX,
  MANIFEST_DEPTH_MAX,
  MANIFEST_KEYS_MAX,
  RECORD_KEY_BYTES,
  RECORD_VALUE_BYTES_MAX,
} from '../../machines/shared/dht-limits.ts';
import { fromHex, toHex } from '../../machines/shared/ids.ts';
import { MeshError } from '../errors.ts';
import { Cursor } from '../wire/msgpack-cursor.ts';
import { Writer } from '../wire/msgpack-writer.ts';
import { immutableKey } from './records.ts';

/** What the value's own record carries. */
export interface Root {
  readonly form: 'value' | 'manifest';
  readonly value: Uint8Array;
}

/** An immutable record below it. */
export interface Piece {
  readonly key: RecordKey;
  readonly form: RecordForm;
  readonly value: Uint8Array;
}

export interface Split {
  readonly root: Root;
  /** To be put before the root is: whoever finds the root finds them. Equal ones once. */
  readonly pieces: readonly Piece[];
}

interface Node extends Piece {
  readonly bytes: number;
}

const writer = new Writer(RECORD_VALUE_BYTES_MAX + 64);
const cursor = new Cursor();

function manifestOf(nodes: readonly Node[]): Root & { readonly bytes: number } {
  const bytes = nodes.reduce((sum, node) => sum + node.bytes, 0);
  writer.reset().array(2);
  writer.number(bytes);
  writer.binaryHead(nodes.length * RECORD_KEY_BYTES);
  for (const node of nodes) writer.raw(fromHex(node.key));
  const value = new Uint8Array(writer.at);
  writer.copyTo(value, 0);
  return { form: 'manifest', value, bytes };
}

/** A value as records. Throws TOO_LARGE above DHT_VALUE_BYTES_MAX. */
export function splitValue(value: Uint8Array): Split {
  if (value.length <= RECORD_VALUE_BYTES_MAX) return { root: { form: 'value', value }, pieces: [] };
  if (value.length > DHT_VALUE_BYTES_MAX) {
    const message = `A value of the DHT has at most ${DHT_VALUE_BYTES_MAX} bytes once encoded, this one ${value.length}.`;
    throw new MeshError('TOO_LARGE', message);
  }
  const pieces = new Map<RecordKey, Piece>();
  const node = (form: RecordForm, value: Uint8Array, bytes: number): Node => {
    const key = immutableKey(value, form);
    pieces.set(key, { key, form, value });
    return { key, form, value, bytes };
  };
  let level: Node[] = [];
  for (let at = 0; at < value.length; at += RECORD_VALUE_BYTES_MAX) {
    const chunk = value.slice(at, at + RECORD_VALUE_BYTES_MAX);
    level.push(node('chunk', chunk, chunk.length));
  }
  while (level.length > MANIFEST_KEYS_MAX) {
    const above: Node[] = [];
    for (let at = 0; at < level.length; at += MANIFEST_KEYS_MAX) {
      const { form, value, bytes } = manifestOf(level.slice(at, at + MANIFEST_KEYS_MAX));
      above.push(node(form, value, bytes));
    }
    level = above;
  }
  const { form, value: list } = manifestOf(level);
  return { root: { form, value: list }, pieces: [...pieces.values()] };
}

interface Manifest {
  readonly bytes: number;
  readonly keys: readonly RecordKey[];
}

/** Never throws; undefined for what is no manifest. */
function readManifest(value: Uint8Array): Manifest | undefined {
  cursor.reset(value, 0);
  const count = cursor.array();
  const bytes = cursor.integer(1, DHT_VALUE_BYTES_MAX);
  const list = cursor.binary(RECORD_KEY_BYTES, MANIFEST_KEYS_MAX * RECORD_KEY_BYTES);
  if (!cursor.ok || count < 2 || list.length % RECORD_KEY_BYTES !== 0) return undefined;
  const keys: RecordKey[] = [];
  for (let at = 0; at < list.length; at += RECORD_KEY_BYTES) keys.push(toHex(list.subarray(at, at + RECORD_KEY_BYTES)));
  return { bytes, keys };
}

/** `more`: parts are missing. `bad`: the writer of the root made a value that is none; no part will mend it. */
export type JoinState = 'more' | 'whole' | 'bad';

/** What a root's key leads to, put together from parts as they come, in any order. */
export class Joining {
  readonly #depth: number;
  readonly #bytes: number;
  readonly #parts: (Uint8Array | Joining)[] = [];
  readonly #missing = new Map<RecordKey, number[]>();
  #below: Joining[] = [];
  state: JoinState;

  /** `root`: a record or a draft of one. */
  constructor(root: Root, depth = 1) {
    this.#depth = depth;
    this.#bytes = root.value.length;
    this.state = 'more';
    if (root.form === 'value') {
      this.#parts = [root.value];
      this.state = 'whole';
      return;
    }
    const manifest = depth > MANIFEST_DEPTH_MAX ? undefined : readManifest(root.value);
    if (manifest === undefined) {
      this.state = 'bad';
      return;
    }
    this.#bytes = manifest.bytes;
    for (const [index, key] of manifest.keys.entries()) {
      const places = this.#missing.get(key);
      if (places === undefined) this.#missing.set(key, [index]);
      else places.push(index);
    }
  }

  /** Keys of the parts that are not here yet and that are known to be needed, in their order. */
  missing(): RecordKey[] {
    if (this.state !== 'more') return [];
    const keys = new Set<RecordKey>(this.#missing.keys());
    for (const below of this.#below) for (const key of below.missing()) keys.add(key);
    return [...keys];
  }

  /** A part, whose key was checked to be its hash. One that is not missing changes nothing. */
  add(record: DhtRecord): JoinState {
    if (this.state !== 'more') return this.state;
    for (const below of this.#below) below.add(record);
    const places = this.#missing.get(record.key);
    if (places !== undefined) this.#place(record, places);
    this.#look();
    return this.state;
  }

  #place(record: DhtRecord, places: readonly number[]): void {
    this.#missing.delete(record.key);
    if (record.kind !== 'immutable' || record.form === 'value') this.state = 'bad';
    else if (record.form === 'chunk') for (const at of places) this.#parts[at] = record.value;
    else {
      const below = new Joining({ form: 'manifest', value: record.value }, this.#depth + 1);
      for (const at of places) this.#parts[at] = below;
      this.#below.push(below);
    }
  }

  /** Where all of it stands now. */
  #look(): void {
    if (this.#below.some((below) => below.state === 'bad')) this.state = 'bad';
    this.#below = this.#below.filter((below) => below.state === 'more');
    if (this.state !== 'more' || this.#missing.size > 0 || this.#below.length > 0) return;
    // A length that the parts do not have would let a short value stand for a long one.
    this.state = this.#length() === this.#bytes ? 'whole' : 'bad';
  }

  #length(): number {
    let bytes = 0;
    for (const part of this.#parts) bytes += part instanceof Joining ? part.#length() : part.length;
    return bytes;
  }

  /** All of it, once `state` is `whole`. */
  value(): Uint8Array {
    const all = new Uint8Array(this.#bytes);
    let at = 0;
    for (const part of this.#parts) {
      const bytes = part instanceof Joining ? part.value() : part;
      all.set(bytes, at);
      at += bytes.length;
    }
    return all;
  }
}
