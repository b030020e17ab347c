/** Why a holder did not take a record, as an error of the public surface. */
import type { RecordRefusal } from '../../machines/dht/records.core.ts';
import { MeshError, type MeshErrorCode } from '../errors.ts';

const CODES: Readonly<Partial<Record<RecordRefusal, MeshErrorCode>>> = {
  VALUE_TOO_LARGE: 'TOO_LARGE',
  SALT_TOO_LARGE: 'TOO_LARGE',
  NAME_TOO_LARGE: 'TOO_LARGE',
  BAD_SIGNATURE: 'BAD_SIGNATURE',
  EXPIRED: 'EXPIRED',
  STALE: 'STALE',
  CAS_FAILED: 'CAS_FAILED',
  WRITER_QUOTA: 'WRITER_QUOTA',
  FULL: 'HOLDERS_FULL',
};

const WORDS: Readonly<Partial<Record<RecordRefusal, string>>> = {
  STALE: 'A newer version was written meanwhile, again and again.',
  WRITER_QUOTA: 'Its holder keeps no more records of ours: too many bytes.',
  FULL: 'Its holder has no room for any more records.',
  FROM_FUTURE: 'Our clock is ahead of its holder’s.',
};

export function refusalError(refusal: RecordRefusal, seq: number): MeshError {
  const code = CODES[refusal] ?? 'RECORD_REFUSED';
  if (refusal === 'CAS_FAILED') return new MeshError(code, `The version held is ${seq}, not the one it was to follow.`);
  return new MeshError(code, WORDS[refusal] ?? `Its holder refused the record: ${refusal}.`);
}
