/** Ed25519 by WebCrypto, where a page has it: secure origins of recent browsers. It works beside the thread of the page. */

/** The platform said that it does not know the algorithm: it is not asked again. */
let isUnknown = false;

/**
 * Whether the signature holds; undefined, at once or later, where WebCrypto cannot say. Lengths are checked by the caller.
 */
export function webVerify(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean | undefined> | undefined {
  const subtle = (globalThis as { crypto?: Partial<Crypto> }).crypto?.subtle;
  if (subtle === undefined || isUnknown) return undefined;
  // Copies of their own memory: the work is done elsewhere, later.
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
    return await subtle.verify('Ed25519', key, signature, message);
  } catch (error) {
    // Bytes that are no key, or a platform without the algorithm: whoever asked checks in another way.
    if (error instanceof Error && error.name === 'NotSupportedError') isUnknown = true;
    return undefined;
  }
}
