/** The page of the tests of stored identities: the sub-path as an app would bundle it, and a mesh's proof that it signs. */
import { openIdentity as open } from 'xstate-mesh/identity';
import { verifyClaim } from '../../runtime/identity/index.ts';

declare global {
  var openIdentity: typeof open;
  /** Whether an identity signs as its id says. */
  function signs(identity: Awaited<ReturnType<typeof open>>['identity']): Promise<boolean>;
}

globalThis.openIdentity = open;
globalThis.signs = async (identity) => {
  const { peerId, publicKey } = identity;
  const message = new Uint8Array([1, 2, 3]);
  return verifyClaim({ peerId, publicKey, message, signature: await identity.sign(message) });
};
document.title = 'ready';
