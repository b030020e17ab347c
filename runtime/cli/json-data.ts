/**
 * Application data as JSON and back. JSON has no bytes: they are written `{"$bytes": base64}`. Both directions are total
 * and bounded in depth, because the data comes from strangers.
 */
import type { Parsed } from './flags.ts';

/** Deepest nesting that is read or written; what lies deeper is refused on the way in and cut on the way out. */
export const DATA_DEPTH_MAX = 64;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

type PlainObject = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is PlainObject => typeof value === 'object' && value !== null;

/** Makes any value fit for JSON.stringify: bytes become `$bytes`, big integers text, and nothing throws. */
export function toJsonData(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function' || typeof value === 'symbol') return null;
  if (!isObject(value)) return value;
  if (value instanceof Uint8Array) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') };
  }
  if (value instanceof ArrayBuffer) return toJsonData(new Uint8Array(value), depth);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (depth >= DATA_DEPTH_MAX) return null;
  if (Array.isArray(value)) return value.map((item) => toJsonData(item, depth + 1) ?? null);
  // fromEntries defines properties, so that a key `__proto__` stays a key.
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJsonData(item, depth + 1)]));
}

/** Turns parsed JSON into application data. Refuses bytes that are not base64 and data nested too deep. */
export function fromJsonData(value: unknown, depth = 0): Parsed<unknown> {
  if (!isObject(value)) return { ok: true, value };
  if (depth >= DATA_DEPTH_MAX) return { ok: false, problem: `data is nested deeper than ${DATA_DEPTH_MAX}` };
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) {
      const read = fromJsonData(item, depth + 1);
      if (!read.ok) return read;
      items.push(read.value);
    }
    return { ok: true, value: items };
  }
  const entries = Object.entries(value);
  if (entries.length === 1 && entries[0]?.[0] === '$bytes') {
    const text = entries[0][1];
    if (typeof text !== 'string' || !BASE64.test(text)) return { ok: false, problem: '$bytes must be base64 text' };
    return { ok: true, value: new Uint8Array(Buffer.from(text, 'base64')) };
  }
  const copies: [string, unknown][] = [];
  for (const [key, item] of entries) {
    const read = fromJsonData(item, depth + 1);
    if (!read.ok) return read;
    copies.push([key, read.value]);
  }
  return { ok: true, value: Object.fromEntries(copies) };
}
