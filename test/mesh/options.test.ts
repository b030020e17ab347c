/** Goal: wrong options fail at once with the right code and a sentence that names the option. */
import { describe, expect, it } from 'vitest';
import { createIdentity, createMeshActor, MeshError, type MeshOptions } from '../../runtime/index.ts';

const identity = createIdentity();
const cases: readonly (readonly [what: string, options: object, code: string, says: RegExp])[] = [
  ['a chosen peer id', { peerId: 'a'.repeat(40) }, 'CUSTOM_PEER_ID', /identity/],
  [
    'an identity with a chosen peer id',
    {
      identity: { ...identity, publicKey: identity.publicKey, peerId: 'a'.repeat(40), sign: () => new Uint8Array(64) },
    },
    'CUSTOM_PEER_ID',
    /key/,
  ],
  ['an identity without a key', { identity: { peerId: identity.peerId } }, 'BAD_OPTION', /identity/],
  ['no identity at all', { identity: null }, 'BAD_OPTION', /identity/],
  ['a slip of the pen', { signalling: 'ws://h:1' }, 'BAD_OPTION', /"signalling": do you mean signaling or signing\?/],
  ['an option of something else', { wibble: 1 }, 'BAD_OPTION', /"wibble"\.$/],
  ['a cap below 2', { maxPeers: 1 }, 'BAD_OPTION', /maxPeers/],
  ['a cap above 50', { maxPeers: 51 }, 'BAD_OPTION', /maxPeers/],
  ['half a link', { maxPeers: 2.5 }, 'BAD_OPTION', /maxPeers/],
  ['a cap as text', { maxPeers: '8' }, 'BAD_OPTION', /maxPeers/],
  ['a floor at the cap', { maxPeers: 4, minPeers: 4 }, 'BAD_OPTION', /minPeers/],
  ['a negative floor', { minPeers: -1 }, 'BAD_OPTION', /minPeers/],
  ['an empty network', { network: '' }, 'BAD_OPTION', /network/],
  ['a long network', { network: 'n'.repeat(65) }, 'BAD_OPTION', /network/],
  ['a network of another kind', { network: 7 }, 'BAD_OPTION', /network/],
  ['an empty fallback', { fallback: '' }, 'BAD_OPTION', /fallback/],
  ['no URL', { signaling: 'nonsense' }, 'BAD_OPTION', /signaling/],
  ['http', { signaling: 'http://localhost:3000' }, 'BAD_OPTION', /ws:\/\//],
  ['a hub twice', { signaling: ['ws://h:1', 'ws://h:1'] }, 'BAD_OPTION', /twice/],
  ['a hub of another kind', { signaling: [7] }, 'BAD_OPTION', /signaling/],
  ['a hub that is null', { signaling: null }, 'BAD_OPTION', /signaling/],
  ['a port without connect', { signaling: { url: 'x:' } }, 'BAD_OPTION', /connect/],
  ['no link port', { rtc: {} }, 'BAD_OPTION', /rtc/],
  ['a switch of another kind', { eviction: 'yes' }, 'BAD_OPTION', /eviction/],
  ...['joinTimeoutMs', 'dialTimeoutMs', 'directTimeoutMs'].flatMap((name) =>
    [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 3_600_001].map(
      (ms) => [`${name} ${ms}`, { [name]: ms }, 'BAD_OPTION', new RegExp(name)] as const,
    ),
  ),
];

describe('options', () => {
  it.each(cases)('refuse %s', (_what, options, code, says) => {
    let error: unknown;
    try {
      createMeshActor(options as MeshOptions);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(MeshError);
    expect(error).toMatchObject({ code, retryable: false });
    expect((error as Error).message).toMatch(says);
  });

  it('have defaults: without any, a mesh is made and does nothing', () => {
    const mesh = createMeshActor();
    expect(mesh.status()).toMatchObject({
      network: 'global',
      state: 'idle',
      links: [],
      maxPeers: 8,
      minPeers: 5,
      hubs: [{ url: 'ws://localhost:3000' }],
    });
    expect(mesh.peerId).toMatch(/^[0-9a-f]{40}$/);
  });

  it('take an identity of the app’s own, and no hub', () => {
    const mesh = createMeshActor({ identity, signaling: [] });
    expect(mesh.peerId).toBe(identity.peerId);
    expect(mesh.status().hubs).toEqual([]);
  });
});
