/**
 * Identity files, for Node only: one JSON object a line, `{peerId, publicKey, secretKey}`; keys are base64url without
 * padding, the secret is the 32-byte seed. A file holds secrets, so it is made with mode 0600 and refused when others
 * may read it. Owns reading, checking and growing such files.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, linkSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { isPeerId, type PeerId } from '../../machines/shared/ids.ts';
import { MeshError } from '../errors.ts';
import type { Identity } from '../ports/identity.ts';
import type { RandomPort } from '../ports/random.ts';
import { systemRandom } from '../random.ts';
import { fromBase64Url, identityFromSeed, SEED_BYTES, toBase64Url } from './index.ts';

/** One line of the file. `secretKey` is the seed: whoever has it is this peer. */
export interface IdentityRecord {
  readonly peerId: PeerId;
  readonly publicKey: string;
  readonly secretKey: string;
}

/** Bits of a file's mode that let others than its owner read or write it. */
const OTHERS = 0o077;
/** A file of more identities than any process could run; a mistaken path ends here rather than in memory. */
const FILE_BYTES_MAX = 4_194_304;

/** New identities with their secrets, `count` of them. They are nowhere stored. */
export function newIdentityRecords(count: number, random: RandomPort = systemRandom): IdentityRecord[] {
  return Array.from({ length: count }, () => {
    const seed = random.bytes(SEED_BYTES);
    const { peerId, publicKey } = identityFromSeed(seed);
    return { peerId, publicKey: toBase64Url(publicKey), secretKey: toBase64Url(seed) };
  });
}

/**
 * The identities of a file, in its order. Empty lines are skipped. Throws BAD_IDENTITY, with the line's number, for a line
 * that is no record, whose keys do not belong together or whose peer appears twice; for a file that is missing, cannot be
 * read, or is open to others than its owner. The message never contains a secret.
 */
export function readIdentityFile(path: string): Identity[] {
  return parse(path, readPrivate(path)).identities;
}

/**
 * The first `count` identities of a file; makes the file, and appends what is missing. Nothing is written when the file
 * is not sound. Two processes that make the same file at once get the same identities. Throws like `readIdentityFile`.
 */
export function ensureIdentities(path: string, count: number): Identity[] {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new MeshError('BAD_OPTION', `A count of identities is an integer from 0, not ${count}.`);
  }
  const text = readIfThere(path);
  if (text === undefined) {
    const records = newIdentityRecords(count);
    if (create(path, lines(records))) return identitiesOf(records);
    return ensureIdentities(path, count);
  }
  const { identities } = parse(path, text);
  if (identities.length >= count) return identities.slice(0, count);
  const records = newIdentityRecords(count - identities.length);
  append(path, (text === '' || text.endsWith('\n') ? '' : '\n') + lines(records));
  return [...identities, ...identitiesOf(records)];
}

/** The first seed of a file; the file is made with this one when it is missing or empty. Throws like `readIdentityFile`. */
export function ensureSeed(path: string, seed: Uint8Array): Uint8Array {
  const { peerId, publicKey } = identityFromSeed(seed);
  const text = readIfThere(path);
  if (text === undefined || text.trim() === '') {
    const record = { peerId, publicKey: toBase64Url(publicKey), secretKey: toBase64Url(seed) };
    if (text === undefined && !create(path, lines([record]))) return ensureSeed(path, seed);
    if (text !== undefined) append(path, lines([record]));
    return seed;
  }
  return parse(path, text).seeds[0] ?? seed;
}

/** Appends new identities to a file, which is made when missing. Throws like `readIdentityFile`. */
export function appendIdentityRecords(path: string, records: readonly IdentityRecord[]): void {
  const text = readIfThere(path);
  if (text === undefined) {
    if (!create(path, lines(records))) appendIdentityRecords(path, records);
    return;
  }
  parse(path, text);
  append(path, (text === '' || text.endsWith('\n') ? '' : '\n') + lines(records));
}

const lines = (records: readonly IdentityRecord[]): string =>
  records.map(({ peerId, publicKey, secretKey }) => `${JSON.stringify({ peerId, publicKey, secretKey })}\n`).join('');

const identitiesOf = (records: readonly IdentityRecord[]): Identity[] =>
  records.map((record) => identityFromSeed(fromBase64Url(record.secretKey) ?? new Uint8Array(0)));

const bad = (path: string, why: string, cause?: unknown): MeshError =>
  new MeshError('BAD_IDENTITY', `Identity file ${path}: ${why}.`, { cause });

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

function readIfThere(path: string): string | undefined {
  try {
    return readPrivate(path);
  } catch (error) {
    if (error instanceof MeshError && codeOf(error.cause) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Looks at the mode of the file that is open, so that nobody swaps it in between. */
function readPrivate(path: string): string {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const { mode, size } = fstatSync(file);
    // Windows has no such bits: it reports 0o666 for every file.
    if (process.platform !== 'win32' && (mode & OTHERS) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(4, '0');
      throw bad(path, `others may read or change it (mode ${octal}); run: chmod 600 ${path}`);
    }
    if (size > FILE_BYTES_MAX) throw bad(path, `it has ${size} bytes, at most ${FILE_BYTES_MAX}`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof MeshError) throw error;
    throw bad(path, codeOf(error) === 'ENOENT' ? 'it does not exist' : `it cannot be read (${codeOf(error)})`, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Makes the whole file appear at once, with its content. False when somebody else made it first. */
function create(path: string, text: string): boolean {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    write(draft, 'wx', text);
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw bad(path, `it cannot be written (${codeOf(error)})`, error);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** One write at the end: lines that another process appends meanwhile are kept. */
function append(path: string, text: string): void {
  try {
    write(path, 'a', text);
  } catch (error) {
    throw bad(path, `it cannot be written (${codeOf(error)})`, error);
  }
}

function write(path: string, flags: 'wx' | 'a', text: string): void {
  const file = openSync(path, flags, 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function parse(path: string, text: string): { readonly identities: Identity[]; readonly seeds: Uint8Array[] } {
  const identities: Identity[] = [];
  const seeds: Uint8Array[] = [];
  const seen = new Set<PeerId>();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const { identity, seed } = parseLine(path, line, index + 1);
    if (seen.has(identity.peerId)) throw bad(path, `line ${index + 1} repeats peer ${identity.peerId}`);
    seen.add(identity.peerId);
    identities.push(identity);
    seeds.push(seed);
  });
  return { identities, seeds };
}

function parseLine(path: string, line: string, number: number): { identity: Identity; seed: Uint8Array } {
  let record: Partial<Record<keyof IdentityRecord, unknown>> | null;
  try {
    record = JSON.parse(line) as typeof record;
  } catch {
    // No cause: a JSON error quotes the line, which may hold a secret.
    throw bad(path, `line ${number} is not JSON`);
  }
  if (typeof record !== 'object' || record === null) throw bad(path, `line ${number} is not a JSON object`);
  const { peerId, publicKey, secretKey } = record;
  if (!isPeerId(peerId)) throw bad(path, `line ${number}: peerId is not 40 lower-case hex digits`);
  const seed = typeof secretKey === 'string' ? fromBase64Url(secretKey) : undefined;
  if (seed?.length !== SEED_BYTES) throw bad(path, `line ${number}: secretKey is not ${SEED_BYTES} bytes of base64url`);
  const identity = identityFromSeed(seed);
  if (publicKey !== toBase64Url(identity.publicKey)) {
    throw bad(path, `line ${number}: publicKey does not belong to secretKey`);
  }
  if (peerId !== identity.peerId) throw bad(path, `line ${number}: peerId does not belong to publicKey`);
  return { identity, seed };
}
