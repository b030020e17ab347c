/** Identities follow RFC 8032, derive their peer id, agree between both implementations and keep their secret. */
import { inspect } from 'node:util';
import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fromHex, toHex } from '../../machines/shared/ids.ts';
import {
  createIdentity,
  fromBase64Url,
  identityFromSeed,
  peerIdOf,
  toBase64Url,
  verify,
  verifyClaim,
} from '../../runtime/identity/index.ts';

/** RFC 8032 §7.1, tests 1 to 3; peer ids computed with another SHA-256. */
const RFC8032 = [
  {
    seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '',
    signature:
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    peerId: '21fe31dfa154a261626bf854046fd2271b7bed4b',
  },
  {
    seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '72',
    signature:
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    peerId: '39f713d0a644253f04529421b9f51b9b08979d08',
  },
  {
    seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
    publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    message: 'af82',
    signature:
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    peerId: 'dac073e0123bdea59dd9b3bda9cf6037f63aca82',
  },
] as const;

type IdentityModule = typeof import('../../runtime/identity/index.ts');

/** The module as a browser loads it: no `process.getBuiltinModule`, so noble signs and verifies. */
async function withoutNode(): Promise<IdentityModule> {
  vi.resetModules();
  const original = process.getBuiltinModule;
  Reflect.set(process, 'getBuiltinModule', undefined);
  try {
    return await import('../../runtime/identity/index.ts');
  } finally {
    Reflect.set(process, 'getBuiltinModule', original);
  }
}
afterEach(() => {
  vi.unstubAllGlobals();
  vi.resetModules();
});

describe.each([
  ['node:crypto', async (): Promise<IdentityModule> => import('../../runtime/identity/index.ts')],
  ['noble, as in browsers', withoutNode],
])('by %s', (_, load) => {
  it.each(RFC8032)('follows RFC 8032 for the message "$message"', async (vector) => {
    const module = await load();
    const identity = module.identityFromSeed(fromHex(vector.seed));
    expect(toHex(identity.publicKey)).toBe(vector.publicKey);
    expect(identity.peerId).toBe(vector.peerId);
    expect(module.peerIdOf(identity.publicKey)).toBe(vector.peerId);
    const signature = await identity.sign(fromHex(vector.message));
    expect(toHex(signature)).toBe(vector.signature);
    expect(signature.constructor).toBe(Uint8Array);
    expect(module.verify(identity.publicKey, fromHex(vector.message), signature)).toBe(true);
  });

  it('gives false, never a throw, for anything that is no signature', async () => {
    const module = await load();
    const { publicKey, message, signature } = RFC8032[1];
    const [key, text, sig] = [fromHex(publicKey), fromHex(message), fromHex(signature)];
    expect(module.verify(key, new Uint8Array([1]), sig)).toBe(false);
    for (const at of [0, 31, 32, 63]) {
      const changed = sig.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(module.verify(key, text, changed)).toBe(false);
    }
    for (const length of [0, 31, 33, 64]) expect(module.verify(new Uint8Array(length), text, sig)).toBe(false);
    for (const length of [0, 63, 65]) expect(module.verify(key, text, new Uint8Array(length))).toBe(false);
    // No point of the curve; a y that is not reduced; s as large as the group.
    expect(module.verify(new Uint8Array(32).fill(2), text, sig)).toBe(false);
    expect(module.verify(new Uint8Array(32).fill(255), text, sig)).toBe(false);
    expect(module.verify(key, text, new Uint8Array([...sig.subarray(0, 32), ...new Uint8Array(32).fill(255)]))).toBe(
      false,
    );
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        (anyKey, anySignature) => module.verify(anyKey, text, anySignature) === false,
      ),
      { numRuns: 30 },
    );
  });
});

describe('identities', () => {
  it('verifies with one implementation what the other signed', async () => {
    const noble = await withoutNode();
    for (let round = 0; round < 5; round++) {
      const ours = createIdentity();
      const message = new Uint8Array([round]);
      const signature = await ours.sign(message);
      expect(noble.verify(ours.publicKey, message, signature)).toBe(true);
      expect(ed25519.verify(signature, message, ours.publicKey)).toBe(true);
      const theirs = noble.createIdentity();
      expect(verify(theirs.publicKey, message, await theirs.sign(message))).toBe(true);
    }
  });

  it('makes different identities by default and the same ones from the same randomness', () => {
    const fixed = { next: () => 0, bytes: (count: number) => new Uint8Array(count).fill(7) };
    expect(createIdentity().peerId).not.toBe(createIdentity().peerId);
    expect(createIdentity(fixed).peerId).toBe(createIdentity(fixed).peerId);
    expect(createIdentity().peerId).toMatch(/^[0-9a-f]{40}$/);
  });

  it('keeps its own copy of the seed', async () => {
    const seed = fromHex(RFC8032[0].seed);
    const noble = await withoutNode();
    for (const identity of [identityFromSeed(seed), noble.identityFromSeed(seed)]) {
      const before = toHex(await identity.sign(new Uint8Array(1)));
      const copy = seed.slice();
      seed.fill(0);
      expect(toHex(await identity.sign(new Uint8Array(1)))).toBe(before);
      seed.set(copy);
    }
  });

  it('shows its secret neither as JSON, nor to inspect, nor as a property', async () => {
    const { seed } = RFC8032[0];
    const noble = await withoutNode();
    for (const identity of [identityFromSeed(fromHex(seed)), noble.identityFromSeed(fromHex(seed))]) {
      const shown = [
        JSON.stringify({ identity, spread: { ...identity } }),
        inspect(identity, { depth: 9, showHidden: true }),
        inspect({ ...identity }, { depth: 9, showHidden: true }),
        inspect(identity, { depth: 9, showHidden: true, customInspect: false }),
      ].join('\n');
      expect(shown).toContain(identity.peerId);
      expect(shown).not.toContain(toBase64Url(fromHex(seed)));
      expect(shown).not.toContain(seed.slice(0, 8));
      expect(shown).not.toMatch(/157,\s*97,\s*177,\s*157/);
      expect(shown).not.toMatch(/9d 61 b1 9d/);
      expect(JSON.parse(JSON.stringify(identity))).toEqual({
        peerId: identity.peerId,
        publicKey: toBase64Url(identity.publicKey),
      });
    }
  });

  it.each([0, 31, 33, 64])('refuses a seed of %i bytes', (length) => {
    expect(() => identityFromSeed(new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: 'BAD_IDENTITY', message: expect.stringContaining('32 bytes') }),
    );
  });

  it('hashes the raw key, whatever its view', () => {
    const key = fromHex(RFC8032[0].publicKey);
    expect(peerIdOf(Buffer.from(key))).toBe(RFC8032[0].peerId);
    expect(peerIdOf(new Uint8Array([9, ...key, 9]).subarray(1, 33))).toBe(RFC8032[0].peerId);
  });
});

describe('base64url', () => {
  it('agrees with Node and reads back what it writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const text = toBase64Url(bytes);
        expect(text).toBe(Buffer.from(bytes).toString('base64url'));
        expect(fromBase64Url(text)).toEqual(bytes);
      }),
    );
  });

  it('takes one text per byte string and no other', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'AQgwz09-_=+/ \u00e9'), maxLength: 12 }), (text) => {
        const bytes = fromBase64Url(text);
        if (bytes !== undefined) expect(toBase64Url(bytes)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
    for (const text of ['A', 'AA=', 'AB', 'AA==', 'A+AA', 'A/AA', 'AAAAA', 'AAB', '\u0141AAA', 'AA\n']) {
      expect(fromBase64Url(text), text).toBeUndefined();
    }
  });
});

describe('the claim of a peer id', () => {
  const identity = createIdentity();
  const message = new Uint8Array([1, 2, 3]);
  const signature = identity.sign(message) as Uint8Array;
  const claim = { peerId: identity.peerId, publicKey: identity.publicKey, message, signature };
  const other = createIdentity();
  const FALSE: Record<string, Partial<typeof claim>> = {
    'another id': { peerId: other.peerId },
    'another key': { publicKey: other.publicKey },
    'another id and key': { peerId: other.peerId, publicKey: other.publicKey },
    'another message': { message: new Uint8Array([1, 2, 4]) },
    'an altered signature': { signature: signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) },
    'a signature cut short': { signature: signature.subarray(1) },
    'a key that is none': { peerId: peerIdOf(new Uint8Array(32).fill(255)), publicKey: new Uint8Array(32).fill(255) },
  };

  it('holds for the holder of its key and nobody else: in Node, by WebCrypto, and without either', async () => {
    expect(verifyClaim(claim)).toBe(true);
    for (const [name, lie] of Object.entries(FALSE)) expect(verifyClaim({ ...claim, ...lie }), name).toBe(false);
    const browser = await withoutNode();
    const held = browser.verifyClaim(claim);
    expect(held).toBeInstanceOf(Promise);
    expect(await held).toBe(true);
    for (const [name, lie] of Object.entries(FALSE))
      expect(await browser.verifyClaim({ ...claim, ...lie }), name).toBe(false);
    const insecure = await withoutNode();
    vi.stubGlobal('crypto', { getRandomValues: () => undefined });
    expect(insecure.verifyClaim(claim)).toBe(true);
    for (const [name, lie] of Object.entries(FALSE))
      expect(insecure.verifyClaim({ ...claim, ...lie }), name).toBe(false);
  });

  it('is checked without WebCrypto where that knows no Ed25519, and it is asked once only', async () => {
    let asked = 0;
    const importKey = async (): Promise<never> => {
      asked++;
      throw new DOMException('Unrecognized name.', 'NotSupportedError');
    };
    vi.stubGlobal('crypto', { subtle: { importKey } });
    const browser = await withoutNode();
    expect(await browser.verifyClaim(claim)).toBe(true);
    expect(browser.verifyClaim(claim)).toBe(true);
    expect(browser.verifyClaim({ ...claim, message: new Uint8Array(1) })).toBe(false);
    expect(asked).toBe(1);
  });
});
