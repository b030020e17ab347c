/** Goal: stored identities in Node: the same after a restart, never two at once, moved as text, and no lock outlives its process. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { verifyClaim } from '../../runtime/identity/index.ts';
import { openIdentity } from '../../runtime/identity/stored.node.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'stored-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const lockOf = (name: string): string => join(directory, `${name}.jsonl.lock`);

it('gives the same identity again, in a file for its owner alone', async () => {
  const first = await openIdentity({ directory });
  expect(first).toMatchObject({ name: 'default', isExclusive: true });
  const { peerId, publicKey } = first.identity;
  const message = new Uint8Array([1]);
  expect(verifyClaim({ peerId, publicKey, message, signature: await first.identity.sign(message) })).toBe(true);
  expect(statSync(join(directory, 'default.jsonl')).mode & 0o777).toBe(0o600);
  first.release();
  const again = await openIdentity({ directory });
  expect(again.identity.peerId).toBe(peerId);
  again.release();
  expect(existsSync(lockOf('default'))).toBe(false);
});

it('gives one in use to nobody else: an error, or the next one', async () => {
  const first = await openIdentity({ directory });
  await expect(openIdentity({ directory })).rejects.toMatchObject({ code: 'IDENTITY_IN_USE' });
  const next = await openIdentity({ directory, ifUsed: 'next' });
  expect(next.name).toBe('default~2');
  expect(next.identity.peerId).not.toBe(first.identity.peerId);
  // By a process that runs, ours or another one's.
  writeFileSync(lockOf('theirs'), `${process.ppid}\n`);
  await expect(openIdentity({ directory, name: 'theirs' })).rejects.toMatchObject({ code: 'IDENTITY_IN_USE' });
  for (const opened of [first, next]) opened.release();
});

it('takes over from a process that was killed, and from a lock that names none', async () => {
  const child = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => child.on('exit', resolve));
  for (const owner of [`${child.pid}\n`, 'rubbish', '']) {
    writeFileSync(lockOf('default'), owner);
    const opened = await openIdentity({ directory });
    expect(readFileSync(lockOf('default'), 'utf8')).toBe(`${process.pid}\n`);
    opened.release();
  }
});

it('moves as text, and over no other identity', async () => {
  const first = await openIdentity({ directory });
  const text = first.exportText();
  const moved = await openIdentity({ directory, name: 'moved', importText: text });
  expect(moved.identity.peerId).toBe(first.identity.peerId);
  moved.release();
  const other = await openIdentity({ directory, name: 'other' });
  other.release();
  await expect(openIdentity({ directory, name: 'other', importText: text })).rejects.toMatchObject({
    code: 'BAD_IDENTITY',
  });
  // The failed one holds nothing.
  (await openIdentity({ directory, name: 'other' })).release();
  first.release();
});

it.each([
  ['no JSON', 'secret'],
  ['no record', 'null'],
  ['a short key', JSON.stringify({ secretKey: 'AAAA' })],
  ['keys of two peers', JSON.stringify({ peerId: '0'.repeat(40), secretKey: 'A'.repeat(43) })],
])('imports no text with %s, and quotes none', async (_what, importText) => {
  const error: unknown = await openIdentity({ directory, importText }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'BAD_IDENTITY' });
  expect(String(error)).not.toContain(importText);
});

it.each(['', '../x', 'a/b', '.hidden', 'x'.repeat(65), 7])('refuses the name %j', async (name) => {
  await expect(openIdentity({ directory, name: name as string })).rejects.toMatchObject({ code: 'BAD_OPTION' });
});
