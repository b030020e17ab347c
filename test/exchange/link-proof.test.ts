/** Goal: a channel counts as proven when its two ends signed for this very connection, and for nothing else that may come in its place. */
import { describe, expect, it } from 'vitest';
import { LinkProof, linkProofBytes } from '../../runtime/actors/link-proof.ts';
import { createIdentity, verify } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import type { LinkFingerprints } from '../../runtime/ports/link.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import type { Proof } from '../../runtime/wire/messages.ts';
import { ATTEMPT } from './exchange-kit.ts';

const random = streams('link proof').fork('identities');
const [ADA, BOB, EVE] = [createIdentity(random), createIdentity(random), createIdentity(random)] as const;
/** An identity as it is, with some of it replaced. */
const like = (identity: Identity, over: Partial<Identity>): Identity => ({
  peerId: identity.peerId,
  publicKey: identity.publicKey,
  sign: (message) => identity.sign(message),
  ...over,
});

/** One end, with all that it said. `fingerprints` may be made known later. */
function end(identity: Identity, remote: Identity, fingerprints: LinkFingerprints | undefined, attempt = ATTEMPT) {
  const said: Proof[] = [];
  const results: string[] = [];
  const failures: unknown[] = [];
  const port = { fingerprints };
  const proof = new LinkProof({
    identity,
    remote: remote.peerId,
    attempt,
    entropy: random.bytes(16),
    fingerprints: () => port.fingerprints,
    send: (message) => said.push(message),
    signerFailed: (cause) => failures.push(cause),
    tell: (result) => results.push(result.type === 'proven' ? 'proven' : result.code),
  });
  return { proof, said, results, failures, port };
}

/** Both ends of one connection, descriptions exchanged, HELLOs out, both charts waiting. */
function pair(ada: Identity = ADA, bob: Identity = BOB) {
  const left = end(ada, BOB, { local: 'a', remote: 'b' });
  const right = end(bob, ADA, { local: 'b', remote: 'a' });
  right.proof.heard(left.proof.nonce);
  left.proof.heard(right.proof.nonce);
  for (const { proof } of [left, right]) {
    proof.greeted();
    proof.demand();
  }
  return { left, right };
}
const only = (said: readonly Proof[]): Proof => {
  expect(said.length).toBe(1);
  return said[0] as Proof;
};
const settled = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await Promise.resolve();
};

describe('the proof of a channel', () => {
  it('holds on both ends, over both certificates and both random numbers, and is told once', () => {
    const { left, right } = pair();
    expect(left.results).toEqual([]);
    left.proof.take(only(right.said));
    right.proof.take(only(left.said));
    expect([left.results, right.results]).toEqual([['proven'], ['proven']]);
    const us = { id: ADA.peerId, nonce: left.proof.nonce, fingerprint: 'a' };
    const them = { id: BOB.peerId, nonce: right.proof.nonce, fingerprint: 'b' };
    const message = linkProofBytes(ATTEMPT, us, them);
    expect(new TextDecoder().decode(message)).toBe(
      `xstate-mesh/link/1\n["${ATTEMPT}","${ADA.peerId}","${us.nonce}","a","${BOB.peerId}","${them.nonce}","b"]`,
    );
    expect(verify(ADA.publicKey, message, only(left.said).sig)).toBe(true);
    expect(us.nonce).toMatch(/^[\w-]{22}$/);
    expect(us.nonce).not.toBe(them.nonce);
    for (const { proof } of [left, right]) proof.demand();
    expect(left.results).toEqual(['proven']);
  });

  it('is signed as soon as both descriptions are there, and goes out behind HELLO', () => {
    let signed = 0;
    const busy = like(ADA, {
      sign: (message) => {
        signed++;
        return ADA.sign(message);
      },
    });
    const { proof, said, port } = end(busy, BOB, undefined);
    proof.prepare();
    proof.heard('A'.repeat(22));
    expect(signed).toBe(0);
    port.fingerprints = { local: 'a', remote: 'b' };
    proof.prepare();
    expect([signed, said.length]).toEqual([1, 0]);
    proof.greeted();
    for (const again of [() => proof.prepare(), () => proof.greeted(), () => proof.heard('B'.repeat(22))]) again();
    expect([signed, said.length]).toEqual([1, 1]);
  });

  it('waits for a signer and a verifier that answer later, and for nobody once it is given up', async () => {
    const slow = (identity: Identity) => like(identity, { sign: async (message) => identity.sign(message) });
    const { left, right } = pair(slow(ADA), slow(BOB));
    expect([left.said, right.said]).toEqual([[], []]);
    await settled();
    left.proof.take(only(right.said));
    expect(left.results).toEqual(['proven']);
    const late = pair(like(ADA, { verify: async () => true }), slow(BOB));
    await settled();
    late.left.proof.take(only(late.right.said));
    late.left.proof.end();
    await settled();
    expect(late.left.results).toEqual([]);
    const never = pair(slow(ADA));
    never.left.proof.end();
    await settled();
    expect([never.left.said, never.left.results]).toEqual([[], []]);
  });

  it('is not told before ours went out: whoever gets messages must be able to know from whom', async () => {
    const { left, right } = pair(like(ADA, { sign: async (message) => ADA.sign(message) }));
    left.proof.take(only(right.said));
    expect(left.results).toEqual([]);
    await settled();
    expect(left.results).toEqual(['proven']);
  });

  it('comes before HELLO without harm: it counts once the chart asks', () => {
    const left = end(ADA, BOB, { local: 'a', remote: 'b' });
    const right = end(BOB, ADA, { local: 'b', remote: 'a' });
    right.proof.heard(left.proof.nonce);
    right.proof.greeted();
    left.proof.take(only(right.said));
    left.proof.heard(right.proof.nonce);
    left.proof.greeted();
    expect(left.results).toEqual([]);
    left.proof.demand();
    expect(left.results).toEqual(['proven']);
  });
});

/** What a liar at the other end may show in place of Bob's proof. */
const LIES: Record<string, (honest: ReturnType<typeof pair>) => Proof> = {
  'an altered signature': ({ right }) => {
    const proof = only(right.said);
    return { ...proof, sig: proof.sig.map((byte, i) => (i === 7 ? byte ^ 1 : byte)) };
  },
  'a key of its own': ({ right }) => ({ ...only(right.said), key: EVE.publicKey }),
  'a key of its own and what that signed': ({ left, right }) => {
    const them = { id: BOB.peerId, nonce: right.proof.nonce, fingerprint: 'b' };
    const us = { id: ADA.peerId, nonce: left.proof.nonce, fingerprint: 'a' };
    return { type: 'PROOF', key: EVE.publicKey, sig: EVE.sign(linkProofBytes(ATTEMPT, them, us)) as Uint8Array };
  },
  'our own proof, sent back': ({ left }) => only(left.said),
  'a proof of another channel of the same two': () => only(pair().right.said),
  'nothing but zeros': () => ({ type: 'PROOF', key: new Uint8Array(32), sig: new Uint8Array(64) }),
  'bytes of other lengths': () => ({ type: 'PROOF', key: new Uint8Array(31), sig: new Uint8Array(65) }),
};

/** What differs when two ends that both are who they say are not the ends of one connection. */
const APART: Record<string, (ends: { left: LinkFingerprints; right: LinkFingerprints }) => unknown> = {
  'somebody has an end of his own towards each': (ends) => {
    ends.left = { local: 'a', remote: 'eve 1' };
    ends.right = { local: 'b', remote: 'eve 2' };
  },
  'the certificate of one is another than its description said': (ends) => {
    ends.left = { local: 'a', remote: 'b, eve' };
  },
};

describe('refused is', () => {
  it.each(Object.entries(LIES))('%s', (_name, lie) => {
    const honest = pair();
    honest.left.proof.take(lie(honest));
    expect(honest.left.results).toEqual(['PROOF_FAILED']);
    // Once told, what comes later changes nothing.
    expect(honest.left.proof.take(only(honest.right.said))).toBe(false);
    expect(honest.left.results).toEqual(['PROOF_FAILED']);
  });

  it.each(Object.entries(APART))('a connection in which %s', (_name, part) => {
    const ends = { left: { local: 'a', remote: 'b' }, right: { local: 'b', remote: 'a' } };
    part(ends);
    const left = end(ADA, BOB, ends.left);
    const right = end(BOB, ADA, ends.right);
    left.proof.heard(right.proof.nonce);
    right.proof.heard(left.proof.nonce);
    for (const { proof } of [left, right]) {
      proof.greeted();
      proof.demand();
    }
    left.proof.take(only(right.said));
    right.proof.take(only(left.said));
    expect([left.results, right.results]).toEqual([['PROOF_FAILED'], ['PROOF_FAILED']]);
  });

  it('a proof with other random numbers, or for another attempt', () => {
    for (const [nonce, attempt] of [
      ['A'.repeat(22), ATTEMPT],
      [undefined, `${'0'.repeat(19)}9`],
    ] as const) {
      const left = end(ADA, BOB, { local: 'a', remote: 'b' });
      const right = end(BOB, ADA, { local: 'b', remote: 'a' }, attempt);
      left.proof.heard(right.proof.nonce);
      right.proof.heard(nonce ?? left.proof.nonce);
      right.proof.greeted();
      left.proof.greeted();
      left.proof.demand();
      left.proof.take(only(right.said));
      expect(left.results).toEqual(['PROOF_FAILED']);
    }
  });

  it('a remote whose description brought no random number: it proves nothing', () => {
    const { proof, results, said } = end(ADA, BOB, { local: 'a', remote: 'b' });
    proof.heard(undefined);
    proof.greeted();
    proof.demand();
    expect([results, said]).toEqual([['PROOF_MISSING'], []]);
  });

  it('a link of a port that does not tell whom it is with', () => {
    const { proof, results } = end(ADA, BOB, undefined);
    proof.heard('A'.repeat(22));
    proof.greeted();
    proof.demand();
    expect(results).toEqual(['NO_FINGERPRINTS']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('locked');
      },
    ],
    ['gives up', async () => Promise.reject(new Error('locked'))],
  ])('every link while our own signer %s', async (_name, sign) => {
    const { left, right } = pair(like(ADA, { sign }));
    await settled();
    left.proof.take(only(right.said));
    expect(left.results).toEqual(['SIGNER_FAILED']);
    expect(left.said).toEqual([]);
    expect(left.failures.map(String)).toEqual(['Error: locked']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['gives up', async () => Promise.reject(new Error('no'))],
  ])('every link while our own verifier %s', async (_name, verify) => {
    const { left, right } = pair(like(ADA, { verify }));
    left.proof.take(only(right.said));
    await settled();
    expect(left.results).toEqual(['PROOF_FAILED']);
  });
});
