/** Records that tell their number, on few keys, so that most of them take the place of an earlier one. */
import type { OpenRecord } from '../../machines/dht/records.core.ts';
import { RECORD_TTL_MAX_MS } from '../../machines/shared/dht-limits.ts';

/** Numbers of one key are so far apart. */
export const KEPT_KEYS = 50;

const keyOf = (number: number): string => (number % KEPT_KEYS).toString(16).padStart(2, '0').repeat(20);

/** The number is its seq, and fills its value. */
export const numbered = (number: number, writtenAtMs = Date.now()): OpenRecord => ({
  kind: 'open',
  key: keyOf(number),
  writer: 'ab'.repeat(20),
  value: new Uint8Array(700).fill(number & 255),
  form: 'value',
  writtenAtMs,
  ttlMs: RECORD_TTL_MAX_MS,
  name: `record ${number % KEPT_KEYS}`,
  seq: number,
  tombstone: false,
});

/** What is wrong with what is held, when all numbers up to `acknowledged` were acknowledged: nothing, that is. */
export function missingFrom(
  get: (key: string) => { readonly seq: number; readonly value: Uint8Array } | undefined,
  acknowledged: number,
): string[] {
  const wrong: string[] = [];
  for (let number = Math.max(1, acknowledged - KEPT_KEYS + 1); number <= acknowledged; number++) {
    const held = get(keyOf(number));
    // A later one may have been written, and not acknowledged before the end.
    if (held === undefined || held.seq < number || (held.seq - number) % KEPT_KEYS !== 0) {
      wrong.push(`record ${number} was acknowledged; ${held?.seq ?? 'nothing'} is held`);
    } else if (held.value.length !== 700 || held.value.some((byte) => byte !== (held.seq & 255))) {
      wrong.push(`record ${held.seq} is damaged`);
    }
  }
  return wrong;
}
