/** Goal: both implementations of the crypto port follow the RFCs, agree with each other byte for byte, and never throw. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../machines/shared/ids.ts';
import { nobleCrypto } from '../../runtime/crypto/noble-crypto.ts';
import { nodeCrypto } from '../../runtime/crypto/node-crypto.ts';
import type { CryptoPort } from '../../runtime/ports/crypto.ts';

const node = nodeCrypto() as CryptoPort;
const PORTS = [node, nobleCrypto];
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe.each(PORTS.map((port) => [port.name, port] as const))('%s', (_, port) => {
  it('agrees on a secret as RFC 7748 §6.1', () => {
    const ada = fromHex('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
    const bob = fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    expect(toHex(port.agreementKey(ada))).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
    expect(toHex(port.agree(ada, port.agreementKey(bob)) ?? new Uint8Array())).toBe(shared);
    expect(toHex(port.agree(bob, port.agreementKey(ada)) ?? new Uint8Array())).toBe(shared);
    // Keys of low order would make the secret known to everybody.
    expect(port.agree(ada, new Uint8Array(32))).toBeUndefined();
    expect(port.agree(ada, Uint8Array.from([1, ...new Array(31).fill(0)]))).toBeUndefined();
    expect(port.agree(ada, new Uint8Array(31))).toBeUndefined();
  });

  it('seals as RFC 8439 §2.8.2, and opens nothing else', () => {
    const key = fromHex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f');
    const nonce = fromHex('070000004041424344454647');
    const context = fromHex('50515253c0c1c2c3c4c5c6c7');
    const text = utf8(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    );
    const sealed = port.seal(key, nonce, text, context);
    expect(toHex(sealed.subarray(0, 16))).toBe('d31a8d34648e60db7b86afbc53ef7ec2');
    expect(toHex(sealed.subarray(-16))).toBe('1ae10b594f09e26a7e902ecbd0600691');
    expect(port.open(key, nonce, sealed, context)).toEqual(text);
    for (const at of [0, 50, sealed.length - 1]) {
      const changed = sealed.slice();
      changed[at] = (changed[at] as number) ^ 1;
      expect(port.open(key, nonce, changed, context)).toBeUndefined();
    }
    expect(port.open(key, nonce, sealed, utf8('another context'))).toBeUndefined();
    expect(port.open(fromHex('00'.repeat(32)), nonce, sealed, context)).toBeUndefined();
    for (const length of [0, 15, 16])
      expect(port.open(key, nonce, sealed.subarray(0, length), context)).toBeUndefined();
  });

  it('derives as RFC 5869, case 1', () => {
    const secret = fromHex('0b'.repeat(22));
    const derived = port.derive(secret, fromHex('000102030405060708090a0b0c'), fromHex('f0f1f2f3f4f5f6f7f8f9'), 42);
    expect(toHex(derived)).toBe('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865');
  });

  it('hashes as FIPS 180-4', () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(toHex(port.sha256(utf8('abc')))).toBe(abc);
  });

  it('gives memory of its own, in plain arrays', () => {
    const seed = new Uint8Array(32).fill(7);
    const sealed = port.seal(seed, new Uint8Array(12), utf8('x'), new Uint8Array(0));
    for (const made of [port.sha256(seed), port.signer(seed)(seed), port.agreementKey(seed), sealed]) {
      expect(made.constructor).toBe(Uint8Array);
      expect(made.byteLength).toBe(made.buffer.byteLength);
    }
  });
});

it('both give the same bytes for the same secrets', () => {
  fc.assert(
    fc.property(bytes(32), bytes(32), bytes(12), fc.uint8Array({ maxLength: 300 }), (secret, other, nonce, text) => {
      const [a, b] = PORTS.map((port) => ({
        key: port.signingKey(secret),
        signed: port.signer(secret)(text),
        agreed: port.agree(secret, port.agreementKey(other)),
        sealed: port.seal(secret, nonce, text, other),
        derived: port.derive(secret, other, text, 40),
      }));
      expect(a).toEqual(b);
      expect(node.verify(b?.key as Uint8Array, text, b?.signed as Uint8Array)).toBe(true);
      expect(nobleCrypto.open(secret, nonce, a?.sealed as Uint8Array, other)).toEqual(text);
    }),
    { numRuns: 20 },
  );
});
