/**
 * Tells that an identity file is in use: a file beside it, `<file>.lock`, with the id of the process that uses it. One that a
 * process left behind when it was killed is taken over. For Node only.
 */

import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { MeshError } from '../errors.ts';

const held = new Set<string>();
let isWatching = false;

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | null)?.code;

/** Undefined when another process, or another part of this one, holds the file. Throws BAD_IDENTITY when no lock can be made. */
export function holdFile(file: string): { release(): void } | undefined {
  const lock = `${resolve(file)}.lock`;
  if (held.has(lock) || !take(lock)) return undefined;
  held.add(lock);
  if (!isWatching) process.on('exit', releaseAll);
  isWatching = true;
  return { release: () => release(lock) };
}

function release(lock: string): void {
  if (held.delete(lock)) rmSync(lock, { force: true });
}

function releaseAll(): void {
  for (const lock of [...held]) release(lock);
}

function take(lock: string): boolean {
  if (create(lock)) return true;
  const owner = ownerOf(lock);
  if (owner === undefined) return create(lock);
  if (isRunning(owner)) return false;
  // Moved aside and looked at again: another process may have taken it over in between.
  const aside = `${lock}.${randomBytes(6).toString('hex')}`;
  try {
    renameSync(lock, aside);
    if (ownerOf(aside) !== owner) linkSync(aside, lock);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw failed(lock, error);
  } finally {
    rmSync(aside, { force: true });
  }
  return create(lock);
}

/** Appears at once with its content, or not at all. */
function create(lock: string): boolean {
  const draft = `${lock}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(draft, `${process.pid}\n`, { mode: 0o600, flag: 'wx' });
    linkSync(draft, lock);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw failed(lock, error);
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Undefined when the file is gone; 0 for one that holds no process id. */
function ownerOf(lock: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(lock, 'utf8'), 10) || 0;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw failed(lock, error);
  }
}

function isRunning(pid: number): boolean {
  if (pid === 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process may not be signaled, and runs.
    return codeOf(error) === 'EPERM';
  }
}

const failed = (lock: string, cause: unknown): MeshError =>
  new MeshError('BAD_IDENTITY', `The lock ${lock} cannot be made (${String(codeOf(cause))}).`, { cause });
