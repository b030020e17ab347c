/**
 * Who holds a peer id, and who may take it. Rules: a free id goes to whoever comes first; a proof takes it from any
 * holder; giving up an id never touches a newer claim. Owns the holders and the resume tokens, which stand for a proof
 * made a short while ago. What a proof is, is the caller's business.
 */

import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_RESUME_MAX, HUB_RESUME_TTL_MS } from '../machines/shared/limits.ts';

interface Resume<Evidence> {
  readonly peerId: PeerId;
  readonly expiresMs: number;
  /** Of the proof that the token stands for. */
  readonly evidence: Evidence | undefined;
}

export class Claims<Holder, Evidence = never> {
  readonly #holders = new Map<PeerId, Holder>();
  readonly #resumes = new Map<string, Resume<Evidence>>();
  readonly #tokens = new Map<PeerId, string>();

  holder(id: PeerId): Holder | undefined {
    return this.#holders.get(id);
  }

  get resumeTokens(): number {
    return this.#resumes.size;
  }

  /** Takes a free id. False when another one has it. */
  claim(id: PeerId, holder: Holder): boolean {
    const current = this.#holders.get(id);
    if (current !== undefined) return current === holder;
    this.#holders.set(id, holder);
    return true;
  }

  /** A prover takes the id. The one it was taken from, if any, is the result. */
  take(id: PeerId, holder: Holder): Holder | undefined {
    const current = this.#holders.get(id);
    this.#holders.set(id, holder);
    return current === holder ? undefined : current;
  }

  /** Gives the id up, if it is still this holder's. */
  release(id: PeerId, holder: Holder): void {
    if (this.#holders.get(id) === holder) this.#holders.delete(id);
  }

  /** Keeps a token that stands for a proof of `id`; the id's former one is void. */
  issueResume(id: PeerId, token: string, nowMs: number, evidence?: Evidence): void {
    const former = this.#tokens.get(id);
    if (former !== undefined) this.#resumes.delete(former);
    this.#resumes.set(token, { peerId: id, expiresMs: nowMs + HUB_RESUME_TTL_MS, evidence });
    this.#tokens.set(id, token);
    if (this.#resumes.size <= HUB_RESUME_MAX) return;
    for (const [oldest, resume] of this.#resumes) {
      this.#drop(oldest, resume.peerId);
      break;
    }
  }

  /** Uses a token up. Undefined unless it stood for a proof of `id` and was still valid. */
  redeem(id: PeerId, token: string, nowMs: number): { readonly evidence: Evidence | undefined } | undefined {
    const resume = this.#resumes.get(token);
    if (resume === undefined || resume.peerId !== id) return undefined;
    this.#drop(token, id);
    return nowMs < resume.expiresMs ? resume : undefined;
  }

  /** Drops the tokens that are no longer valid. Insertion order is order of expiry, as all live equally long. */
  expire(nowMs: number): void {
    for (const [token, resume] of this.#resumes) {
      if (nowMs < resume.expiresMs) break;
      this.#drop(token, resume.peerId);
    }
  }

  #drop(token: string, id: PeerId): void {
    this.#resumes.delete(token);
    if (this.#tokens.get(id) === token) this.#tokens.delete(id);
  }
}
