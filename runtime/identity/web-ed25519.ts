/** Ed25519 by WebCrypto, where a page has it: secure origins of recent browsers. It works beside the page's own thread. */

/** Undefined until the first try told whether the platform knows the algorithm. */
let isKnown: boolean | undefined;

/**
 * Whether the signature holds; undefined, at once or later, where WebCrypto cannot say. Lengths are checked by the caller.
 */
export function webVerify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean | undefined> | undefined {
  const subtle = (globalThis as { crypto?: Partial<Crypto> }).crypto?.subtle;
  if (subtle === undefined || isKnown === false) return undefined;
  return check(subtle, new Uint8Array(publicKey), new Uint8Array(message), new Uint8Array(signature));
}

async function check(
  subtle: SubtleCrypto,
  publicKey: Uint8Array<ArrayBuffer>,
  message: Uint8Array<ArrayBuffer>,
  signature: Uint8Array<ArrayBuffer>,
): Promise<boolean | undefined> {
  try {
    const key = await subtle.importKey('raw', publicKey, 'Ed25519', false, ['verify']);
    isKnown = true;
    return await subtle.verify('Ed25519', key, signature, message);
  } catch {
    // Before the first success: an old platform. After it: bytes that are no key, under which nothing verifies.
    isKnown ??= false;
    return isKnown ? false : undefined;
  }
}
