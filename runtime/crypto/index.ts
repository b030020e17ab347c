/** The cryptography of this platform: `node:crypto` where the process has it, JavaScript elsewhere. */
import type { CryptoPort } from '../ports/crypto.ts';
import { nobleCrypto } from './noble-crypto.ts';
import { nodeCrypto } from './node-crypto.ts';

export const platformCrypto: CryptoPort = nodeCrypto() ?? nobleCrypto;
