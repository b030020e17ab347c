/** Records as bytes, keys and signatures: what was made is taken, and anything that was changed on the way is not. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DhtRecord, RecordRefusal } from '../../machines/dht/records.core.ts';
import { RECORD_TTL_DEFAULT_MS, TOMBSTONE_TTL_MS } from '../../machines/shared/dht-limits.ts';
import { immutableKey, mutableKey, openKey, type RecordDraft, Records } from '../../runtime/dht/records.ts';
import { identityFromSeed } from '../../runtime/identity/index.ts';
import { decodeRecord, encodeRecord } from '../../runtime/wire/record.ts';
import { anyCopy, NOW_MS } from './record-kit.ts';

const anna = identityFromSeed(new Uint8Array(32).fill(1));
const ben = identityFromSeed(new Uint8Array(32).fill(2));
const utf8 = new TextEncoder();

const at = (identity = anna, signing = true, network = 'demo'): Records => new Records({ identity, network, signing });
async function made(draft: RecordDraft, records = at()): Promise<DhtRecord> {
  return records.make(draft, NOW_MS);
}
const COUNTER: RecordDraft = { kind: 'open', name: 'shared-counter', seq: 1, value: new Uint8Array([41]) };
const PROFILE: RecordDraft = { kind: 'mutable', salt: utf8.encode('profile'), seq: 3, value: new Uint8Array([7]) };
const PHOTO: RecordDraft = { kind: 'immutable', value: new Uint8Array([1, 2, 3]) };
const DRAFTS = [COUNTER, PROFILE, PHOTO];

describe('records as bytes', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(anyCopy, (record) => {
        expect(decodeRecord(encodeRecord(record))).toEqual({ ok: true, value: record });
      }),
    );
  });

  it.each(DRAFTS)('come back with their signature: $kind', async (draft) => {
    const record = await made(draft);
    expect(record.signature).toBeDefined();
    expect(decodeRecord(encodeRecord(record))).toEqual({ ok: true, value: record });
  });

  it('are told from any other bytes, which never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const decoded = decodeRecord(bytes);
        if (decoded.ok) expect(encodeRecord(decoded.value).length).toBeGreaterThan(40);
        else expect(decoded.error.why).not.toBe('');
      }),
    );
  });

  it('are never read from a part of them', async () => {
    const bytes = encodeRecord(await made(PROFILE));
    for (let length = 0; length < bytes.length; length++)
      expect(decodeRecord(bytes.subarray(0, length)).ok).toBe(false);
    expect(decodeRecord(new Uint8Array([...bytes, 0])).ok).toBe(false);
  });

  it('share no memory with the frame that brought them', async () => {
    const bytes = encodeRecord(await made(PHOTO));
    const decoded = decodeRecord(bytes);
    bytes.fill(0);
    expect(decoded).toEqual({ ok: true, value: await made(PHOTO) });
  });
});

describe('keys', () => {
  it('of values, writers and names are three spaces', () => {
    expect(immutableKey(utf8.encode('a'))).not.toBe(immutableKey(utf8.encode('b')));
    expect(immutableKey(utf8.encode('a'), 'chunk')).not.toBe(immutableKey(utf8.encode('a')));
    expect(mutableKey(anna.peerId, utf8.encode('a'))).not.toBe(mutableKey(ben.peerId, utf8.encode('a')));
    expect(openKey('ab', 'c')).not.toBe(openKey('a', 'bc'));
    expect(openKey('demo', 'shared-counter')).toMatch(/^[0-9a-f]{40}$/);
  });
});

describe('a record of ours', () => {
  it.each(DRAFTS)('is taken by everybody in its network: $kind', async (draft) => {
    expect(await at(ben).check(await made(draft), NOW_MS)).toBeUndefined();
    expect(await at(ben, false).check(await made(draft, at(anna, false)), NOW_MS)).toBeUndefined();
  });

  it('lives as long as it is told, a deletion as long as anything could that it deletes', async () => {
    expect((await made(COUNTER)).ttlMs).toBe(RECORD_TTL_DEFAULT_MS);
    expect((await made({ ...COUNTER, ttlMs: 5_000 })).ttlMs).toBe(5_000);
    expect(await made({ kind: 'open', name: 'a', seq: 2, ttlMs: 5_000 })).toMatchObject({
      tombstone: true,
      ttlMs: TOMBSTONE_TTL_MS,
    });
  });

  it('is refused before it leaves when it can be none', () => {
    const records = at();
    expect(() => records.make({ ...PHOTO, value: new Uint8Array(1_001) }, NOW_MS)).toThrow(
      expect.objectContaining({ code: 'TOO_LARGE' }),
    );
    for (const bad of [
      { ...COUNTER, name: '' },
      { ...COUNTER, seq: 0 },
      { ...COUNTER, ttlMs: 1 },
    ]) {
      expect(() => records.make(bad, NOW_MS)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    }
  });

  it('may be signed by a signer that takes a while', async () => {
    const slow = {
      ...anna,
      peerId: anna.peerId,
      publicKey: anna.publicKey,
      sign: async (message: Uint8Array) => anna.sign(message),
    };
    expect(await at(slow).make(COUNTER, NOW_MS)).toEqual(await made(COUNTER));
  });
});

describe('a record of others', () => {
  const changes: [
    RecordRefusal,
    RecordDraft,
    Partial<DhtRecord> | { seq: number } | { name: string } | { salt: Uint8Array },
  ][] = [
    ['BAD_SIGNATURE', COUNTER, { value: new Uint8Array([42]) }],
    ['BAD_SIGNATURE', COUNTER, { seq: 2 }],
    ['BAD_SIGNATURE', COUNTER, { ttlMs: 2_000 }],
    ['BAD_SIGNATURE', COUNTER, { writtenAtMs: NOW_MS - 1 }],
    ['BAD_SIGNATURE', COUNTER, { writer: ben.peerId }],
    ['BAD_SIGNATURE', COUNTER, { form: 'manifest' }],
    ['BAD_KEY', COUNTER, { name: 'other' }],
    ['BAD_KEY', COUNTER, { key: '00'.repeat(20) }],
    ['BAD_KEY', PROFILE, { salt: utf8.encode('other') }],
    ['BAD_KEY', PROFILE, { writer: ben.peerId }],
    ['BAD_KEY', PHOTO, { value: new Uint8Array([1, 2, 4]) }],
    ['BAD_KEY', PHOTO, { form: 'manifest' }],
  ];
  it.each(changes)('is refused with %s once it was changed on the way', async (code, draft, change) => {
    // A change that fits the kind of the draft beside it.
    const changed = { ...(await made(draft)), ...change } as DhtRecord;
    expect(await at(ben).check(changed, NOW_MS)).toBe(code);
  });

  it('is refused in another network, and where signing differs', async () => {
    expect(await at(ben, true, 'other').check(await made(PROFILE), NOW_MS)).toBe('BAD_SIGNATURE');
    expect(await at(ben, true, 'other').check(await made(COUNTER), NOW_MS)).toBe('BAD_KEY');
    expect(await at(ben, false).check(await made(COUNTER), NOW_MS)).toBe('UNSIGNED');
    expect(await at(ben).check(await made(COUNTER, at(anna, false)), NOW_MS)).toBe('UNSIGNED');
  });

  it('is refused when its life is over, and when a verifier fails', async () => {
    expect(await at(ben).check(await made({ ...COUNTER, ttlMs: 5_000 }), NOW_MS + 5_000)).toBe('EXPIRED');
    const failing = { peerId: ben.peerId, publicKey: ben.publicKey, sign: ben.sign.bind(ben) };
    const threw = {
      ...failing,
      verify: (): boolean => {
        throw new Error('no verifier');
      },
    };
    const rejected = { ...failing, verify: () => Promise.reject(new Error('no verifier')) };
    for (const identity of [threw, rejected])
      expect(await at(identity).check(await made(COUNTER), NOW_MS)).toBe('BAD_SIGNATURE');
  });
});
