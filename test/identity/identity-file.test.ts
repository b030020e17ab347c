/** Identity files: made, grown and checked without losing a line, and refused by line when something is wrong. */
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  appendIdentityRecords,
  ensureIdentities,
  newIdentityRecords,
  readIdentityFile,
} from '../../runtime/identity/identity-file.ts';
import { fromBase64Url, verify } from '../../runtime/identity/index.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'identities-'));
  path = join(folder, 'peers.jsonl');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const ids = (identities: readonly { peerId: string }[]): string[] => identities.map(({ peerId }) => peerId);
const privateFile = (text: string): void => writeFileSync(path, text, { mode: 0o600 });
const thrown = (work: () => unknown): { code?: string; message: string; cause?: unknown } => {
  try {
    work();
  } catch (error) {
    return error as { code?: string; message: string };
  }
  return { message: 'nothing was thrown' };
};

describe('ensureIdentities', () => {
  it('makes the file for its owner alone, one JSON line each, and nothing beside it', async () => {
    const made = ensureIdentities(path, 3);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['peers.jsonl']);
    const text = readFileSync(path, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    const records = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(records.map((record) => Object.keys(record))).toEqual(Array(3).fill(['peerId', 'publicKey', 'secretKey']));
    expect(records.map((record) => record.peerId)).toEqual(ids(made));
    for (const record of records) expect(fromBase64Url(record.secretKey as string)).toHaveLength(32);
    expect(new Set(ids(made)).size).toBe(3);
  });

  it('uses the first ones, appends what is missing and keeps what was there', async () => {
    const three = ensureIdentities(path, 3);
    const before = readFileSync(path, 'utf8');
    expect(ids(ensureIdentities(path, 2))).toEqual(ids(three).slice(0, 2));
    expect(readFileSync(path, 'utf8')).toBe(before);
    const five = ensureIdentities(path, 5);
    expect(ids(five).slice(0, 3)).toEqual(ids(three));
    expect(readFileSync(path, 'utf8').startsWith(before)).toBe(true);
    const read = readIdentityFile(path);
    expect(ids(read)).toEqual(ids(five));
    const message = new Uint8Array([1, 2, 3]);
    const [fifth, again] = [five[4], read[4]];
    if (!fifth || !again) throw new Error('five identities were expected');
    expect(verify(again.publicKey, message, await fifth.sign(message))).toBe(true);
  });

  it('appends behind a last line without a newline, and skips empty lines', () => {
    const [first, second] = newIdentityRecords(2);
    privateFile(`\n${JSON.stringify(first)}\r\n\n${JSON.stringify(second)}`);
    const all = ensureIdentities(path, 3);
    expect(ids(all).slice(0, 2)).toEqual([first?.peerId, second?.peerId]);
    expect(ids(readIdentityFile(path))).toEqual(ids(all));
  });

  it('fills an empty file, and makes an empty one for none', () => {
    privateFile('');
    expect(ensureIdentities(path, 1)).toHaveLength(1);
    rmSync(path);
    expect(ensureIdentities(path, 0)).toEqual([]);
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it.each([-1, 1.5, Number.NaN])('refuses to make %d identities', (count) => {
    expect(thrown(() => ensureIdentities(path, count))).toMatchObject({ code: 'BAD_OPTION' });
  });

  it('says why a file cannot be made', () => {
    expect(thrown(() => ensureIdentities(join(folder, 'none', 'x'), 1))).toMatchObject({
      code: 'BAD_IDENTITY',
      message: expect.stringMatching(/cannot be written \(ENOENT\)/),
    });
    mkdirSync(path, { mode: 0o700 });
    expect(thrown(() => ensureIdentities(path, 1))).toMatchObject({
      code: 'BAD_IDENTITY',
      message: expect.stringContaining('EISDIR'),
    });
    expect(readdirSync(folder)).toEqual(['peers.jsonl']);
  });
});

describe('a file that is not sound', () => {
  const [good, other] = newIdentityRecords(2);
  if (!good || !other) throw new Error('two records were expected');
  const line = (record: unknown): string => JSON.stringify(record);

  it.each([
    ['text', 'hello', 'is not JSON'],
    ['half a line', line(good).slice(0, -10), 'is not JSON'],
    ['a list', '[1]', 'peerId is not'],
    ['null', 'null', 'is not a JSON object'],
    ['no peer id', line({ ...other, peerId: undefined }), 'peerId is not'],
    [
      'an upper-case peer id',
      line({ ...other, peerId: other.peerId.toUpperCase().replace(/\d/g, 'A') }),
      'peerId is not',
    ],
    ['no secret', line({ ...other, secretKey: undefined }), 'secretKey is not 32 bytes'],
    ['a secret with padding', line({ ...other, secretKey: `${other.secretKey}=` }), 'secretKey is not 32 bytes'],
    ['a short secret', line({ ...other, secretKey: 'AAAA' }), 'secretKey is not 32 bytes'],
    ["another's key", line({ ...other, publicKey: good.publicKey }), 'publicKey does not belong'],
    ["another's peer id", line({ ...other, peerId: good.peerId }), 'peerId does not belong'],
    ['the same peer again', line(good), 'repeats peer'],
  ])('is refused for %s, by line, and nothing is written', (_, wrong, why) => {
    const text = `${line(good)}\n\n${wrong}\n`;
    privateFile(text);
    for (const work of [
      () => readIdentityFile(path),
      () => ensureIdentities(path, 1),
      () => ensureIdentities(path, 9),
      () => appendIdentityRecords(path, newIdentityRecords(1)),
    ]) {
      const error = thrown(work);
      expect(error).toMatchObject({ name: 'MeshError', code: 'BAD_IDENTITY' });
      expect(error.message).toContain(path);
      expect(error.message).toMatch(/line 3/);
      expect(error.message).toContain(why);
      expect(`${error.message} ${error.cause}`).not.toContain(good.secretKey.slice(0, 12));
      expect(`${error.message} ${error.cause}`).not.toContain(other.secretKey.slice(0, 12));
    }
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('is refused when others may read or change it', () => {
    ensureIdentities(path, 1);
    for (const mode of [0o640, 0o604, 0o660, 0o666, 0o644, 0o620]) {
      chmodSync(path, mode);
      const error = thrown(() => ensureIdentities(path, 1));
      expect(error).toMatchObject({ code: 'BAD_IDENTITY' });
      expect(error.message).toContain(`chmod 600 ${path}`);
    }
    chmodSync(path, 0o400);
    expect(readIdentityFile(path)).toHaveLength(1);
  });

  it('is refused when it is missing or far too large', () => {
    expect(thrown(() => readIdentityFile(path))).toMatchObject({
      code: 'BAD_IDENTITY',
      message: expect.stringContaining('does not exist'),
    });
    privateFile('\n'.repeat(4_194_305));
    expect(thrown(() => readIdentityFile(path)).message).toContain('at most');
  });
});

describe('appendIdentityRecords', () => {
  it('makes a file and adds to it', () => {
    const records = newIdentityRecords(3);
    appendIdentityRecords(path, records.slice(0, 1));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    appendIdentityRecords(path, records.slice(1));
    expect(ids(readIdentityFile(path))).toEqual(ids(records));
    appendFileSync(path, '{"half":');
    expect(thrown(() => readIdentityFile(path)).message).toContain('line 4');
  });
});
