/**
 * The proof of one channel: that each end holds the key behind its peer id, and that it is the very end of this connection.
 * Both sign what their certificates hash to, so that nobody who carries the signals can sit in between, and a random number
 * of each end, so that no proof holds twice. It signs while the connection is being made, and may be answered later by
 * signer and verifier; who waits how long, and what follows, is for the peer chart.
 */
import type { AttemptId, PeerId } from '../../machines/shared/ids.ts';
import { toBase64Url, verifyClaim } from '../identity/index.ts';
import type { Claim, Identity, ProofCode } from '../ports/identity.ts';
import type { LinkFingerprints } from '../ports/link.ts';
import type { Proof } from '../wire/messages.ts';

/** One end of a channel, as it is signed. */
export interface ProofEnd {
  readonly id: PeerId;
  readonly nonce: string;
  readonly fingerprint: string;
}

const encoder = new TextEncoder();

/** What an end signs: see PROOF in `runtime/wire/messages.ts`. JSON keeps the fields apart, whatever is in them. */
export function linkProofBytes(attempt: AttemptId, signer: ProofEnd, verifier: ProofEnd): Uint8Array {
  const fields = [attempt];
  for (const { id, nonce, fingerprint } of [signer, verifier]) fields.push(id, nonce, fingerprint);
  return encoder.encode(`xstate-mesh/link/1\n${JSON.stringify(fields)}`);
}

export interface LinkProofHost {
  readonly identity: Identity;
  readonly remote: PeerId;
  readonly attempt: AttemptId;
  /** 16 random bytes. */
  readonly entropy: Uint8Array;
  fingerprints(): LinkFingerprints | undefined;
  send(proof: Proof): void;
  /** Our own signer threw, or gave up. */
  signerFailed(cause: unknown): void;
  /** The result: told once, when it was demanded. */
  tell(result: { readonly type: 'proven' } | { readonly type: 'unproven'; readonly code: ProofCode }): void;
}

export class LinkProof {
  readonly nonce: string;
  readonly #host: LinkProofHost;
  /** The remote's nonce, from its first description; undefined when that had none. */
  #theirs: string | undefined;
  #signature: Uint8Array | undefined;
  #phase: 'gathering' | 'signing' | 'signed' | 'failed' = 'gathering';
  #isGreeted = false;
  #isSent = false;
  #isDemanded = false;
  #isVerifying = false;
  #isOver = false;
  #proof: Proof | undefined;

  constructor(host: LinkProofHost) {
    this.#host = host;
    this.nonce = toBase64Url(host.entropy);
  }

  /** The remote's first description came. */
  heard(nonce: string | undefined): void {
    this.#theirs ??= nonce;
    this.prepare();
  }

  /** Signs as soon as all is known that is to be signed. */
  prepare(): void {
    const message = this.#phase === 'gathering' ? this.#message('ours') : undefined;
    if (message === undefined) return;
    this.#phase = 'signing';
    try {
      const signature = this.#host.identity.sign(message);
      if (signature instanceof Uint8Array) this.#signed(signature);
      else
        signature.then(
          (made) => this.#signed(made),
          (cause: unknown) => this.#failed(cause),
        );
    } catch (cause) {
      this.#failed(cause);
    }
  }

  /** HELLO went out: the proof may follow. */
  greeted(): void {
    this.#isGreeted = true;
    this.prepare();
    this.#send();
  }

  /** The remote's proof. False for any but the first, which alone counts. */
  take(proof: Proof): boolean {
    if (this.#proof !== undefined) return false;
    this.#proof = proof;
    this.#settle();
    return true;
  }

  /** The chart waits for the result. */
  demand(): void {
    this.#isDemanded = true;
    this.#settle();
  }

  /** Nobody waits for it any more. */
  end(): void {
    this.#isOver = true;
  }

  #signed(signature: Uint8Array): void {
    this.#phase = 'signed';
    this.#signature = signature;
    this.#send();
  }

  #failed(cause: unknown): void {
    this.#phase = 'failed';
    this.#host.signerFailed(cause);
    this.#settle();
  }

  #send(): void {
    if (this.#signature === undefined || !this.#isGreeted || this.#isSent || this.#isOver) return;
    this.#isSent = true;
    this.#host.send({ type: 'PROOF', key: this.#host.identity.publicKey, sig: this.#signature });
    this.#settle();
  }

  /** Tells the result once both proofs went their way: a link that stands has nothing left to show. */
  #settle(): void {
    if (!this.#isDemanded || this.#isVerifying) return;
    if (this.#theirs === undefined) return this.#tell('PROOF_MISSING');
    if (this.#host.fingerprints() === undefined) return this.#tell('NO_FINGERPRINTS');
    if (this.#phase === 'failed') return this.#tell('SIGNER_FAILED');
    const message = this.#message('theirs');
    const proof = this.#proof;
    if (!this.#isSent || proof === undefined || message === undefined) return;
    this.#isVerifying = true;
    const { identity, remote: peerId } = this.#host;
    const claim: Claim = { peerId, publicKey: proof.key, message, signature: proof.sig };
    const judge = (holds: boolean): void => this.#tell(holds ? undefined : 'PROOF_FAILED');
    try {
      const holds = identity.verify === undefined ? verifyClaim(claim) : identity.verify(claim);
      if (typeof holds === 'boolean') judge(holds);
      else holds.then(judge, () => judge(false));
    } catch {
      // A verifier of the app's own that throws has not found the proof to hold.
      judge(false);
    }
  }

  #tell(code: ProofCode | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#host.tell(code === undefined ? { type: 'proven' } : { type: 'unproven', code });
  }

  #message(whose: 'ours' | 'theirs'): Uint8Array | undefined {
    const { identity, remote, attempt } = this.#host;
    const nonce = this.#theirs;
    if (nonce === undefined) return undefined;
    const fingerprints = this.#host.fingerprints();
    if (fingerprints === undefined) return undefined;
    const us = { id: identity.peerId, nonce: this.nonce, fingerprint: fingerprints.local };
    const them = { id: remote, nonce, fingerprint: fingerprints.remote };
    return whose === 'ours' ? linkProofBytes(attempt, us, them) : linkProofBytes(attempt, them, us);
  }
}
