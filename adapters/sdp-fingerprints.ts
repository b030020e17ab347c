/** What a session description says of its maker's certificate (RFC 8122), for ports that carry descriptions as SDP. */
import type { LinkFingerprints } from '../runtime/ports/link.ts';

/**
 * Wherever the word stands: engines differ in which of several lines they take, and in what they forgive. All that any of
 * them might read is part of the result, so that a line too many makes it differ from what the maker says of itself.
 */
const LINE = /fingerprint[^\S\r\n]*:?[^\S\r\n]*([^\r\n]*)/gi;

/** Every fingerprint in a description, each once, in order; undefined when there is none. */
export function fingerprintsIn(sdp: string): string | undefined {
  const found = new Set<string>();
  // The group takes part in every match, empty at the least.
  for (const match of sdp.matchAll(LINE)) found.add((match[1] as string).trim().toLowerCase().replace(/\s+/g, ' '));
  return found.size === 0 ? undefined : [...found].sort().join(',');
}

/** The two ends of one connection, from the first description of each. */
export class SdpFingerprints {
  #local: string | undefined;
  #remote: string | undefined;
  #both: LinkFingerprints | undefined;

  /** Undefined until both are known. */
  get both(): LinkFingerprints | undefined {
    return this.#both;
  }

  /** A description of our own went out. */
  said(sdp: string): void {
    this.#local ??= fingerprintsIn(sdp);
    this.#join();
  }

  /** Whether a description of the other end may be taken in: it must name the certificate that the first one named. */
  heard(sdp: string): boolean {
    const remote = fingerprintsIn(sdp);
    if (this.#remote !== undefined) return remote === this.#remote;
    this.#remote = remote;
    this.#join();
    return true;
  }

  #join(): void {
    if (this.#both !== undefined || this.#local === undefined || this.#remote === undefined) return;
    this.#both = { local: this.#local, remote: this.#remote };
  }
}
