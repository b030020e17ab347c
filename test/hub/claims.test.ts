/** Goal: an id belongs to who proves it; nothing else takes it away, and an old socket's end never touches a newer claim. */
import { expect, test } from 'vitest';
import { isEvidence, nonceOf as nonceOfHub, openings } from '../../hub/proof.ts';
import { fromBase64Url, peerIdOf, toBase64Url, verify } from '../../runtime/identity/index.ts';
import { hubProofText } from '../../runtime/wire/signaling-frames.ts';
import { connect, eventOf, idOf, join, newIdentity, nonceOf, proofOf, prove, startHub } from './hub-kit.ts';

test('a second socket with a used id is closed at any first frame but a proof; the holder stays', async () => {
  const { url } = await startHub();
  const holder = await join(url, idOf(1));
  const second = await connect(url, idOf(1));
  second.announce();
  expect(await second.next('error')).toMatchObject({ code: 'ID_IN_USE' });
  expect(await second.closed).toEqual({ code: 1008, reason: 'Peer already connected' });
  await holder.settle();
  expect(holder.socket.readyState).toBe(holder.socket.OPEN);
});

test.each(['garbage', 'ping'])('a waiting socket is closed at %s too', async (kind) => {
  const { url } = await startHub();
  await join(url, idOf(1));
  const second = await connect(url, idOf(1));
  second.send(kind === 'ping' ? { type: 'ping' } : 'garbage');
  expect(await second.closed).toEqual({ code: 1008, reason: 'Peer already connected' });
});

test('a proof takes the id from an unproven holder, close 4001; signals go to the prover', async () => {
  const { url, hub } = await startHub();
  const identity = newIdentity();
  const thief = await join(url, identity.peerId);
  const friend = await join(url, idOf(2));
  const owner = await connect(url, identity.peerId);
  await prove(owner, identity);
  expect(await thief.next('error')).toMatchObject({ code: 'ID_IN_USE' });
  expect(await thief.closed).toMatchObject({ code: 4001 });
  expect(await friend.next('peer-disconnected')).toMatchObject({
    data: { peerId: identity.peerId, reason: 'replaced' },
  });
  owner.announce();
  await owner.settle();
  friend.send({ type: 'offer', data: { sdp: 's' }, networkName: 'net', targetPeerId: identity.peerId });
  expect(await owner.next('offer')).toMatchObject({ fromPeerId: idOf(2) });
  expect(hub.getPeers()).toHaveLength(2);
});

test('without the key nobody takes the id of a proven peer', async () => {
  const { url } = await startHub();
  const identity = newIdentity();
  const owner = await connect(url, identity.peerId);
  await prove(owner, identity);
  owner.announce();
  const thief = await connect(url, identity.peerId);
  thief.send(await proofOf(thief, newIdentity()));
  expect(await thief.next('error')).toMatchObject({ code: 'PROOF_FAILED' });
  await owner.settle();
  expect(owner.socket.readyState).toBe(owner.socket.OPEN);
});

test('a proof for another host, or for another socket’s nonce, does not hold; the third failure closes', async () => {
  const { url } = await startHub();
  const identity = newIdentity();
  const first = await connect(url, identity.peerId);
  const used = await proofOf(first, identity);
  const second = await connect(url, identity.peerId);
  expect(nonceOf(second)).not.toBe(nonceOf(first));
  second.send(used);
  second.send(await proofOf(second, identity, 'evil.example'));
  second.send({ type: 'prove', data: { resume: 'x' } });
  for (let i = 0; i < 3; i++) expect(await second.next('error')).toMatchObject({ code: 'PROOF_FAILED' });
  expect(await second.closed).toEqual({ code: 1008, reason: 'Proof failed' });
});

test('a name that is not known to be the hub’s own cannot be proven for, unless the operator lists it', async () => {
  for (const publicHosts of [undefined, ['hub.example']]) {
    const { url } = await startHub(publicHosts === undefined ? {} : { publicHosts });
    const identity = newIdentity();
    const client = await connect(url, identity.peerId, { headers: { Host: 'hub.example:8443' } });
    client.send(await proofOf(client, identity, 'hub.example:8443'));
    if (publicHosts === undefined) expect(await client.next('error')).toMatchObject({ code: 'PROOF_FAILED' });
    else await client.next('proven');
  }
});

test('a resume token replaces the own socket, once; its close does not unregister the newer one', async () => {
  const { url, hub } = await startHub();
  const identity = newIdentity();
  const old = await connect(url, identity.peerId);
  const resume = await prove(old, identity);
  old.announce();
  await old.settle();
  const fresh = await connect(url, identity.peerId);
  fresh.send({ type: 'prove', data: { resume } });
  expect(await fresh.next('proven')).toMatchObject({ data: { ttlMs: 300_000 } });
  fresh.announce();
  expect(await old.closed).toMatchObject({ code: 4001 });
  await fresh.settle();
  expect(hub.getPeers()).toMatchObject([{ peerId: identity.peerId, proven: true }]);
  expect(hub.getStats().connections).toBe(1);
  const third = await connect(url, identity.peerId);
  third.send({ type: 'prove', data: { resume } });
  expect(await third.next('error')).toMatchObject({ code: 'PROOF_FAILED' });
  third.send(await proofOf(third, identity));
  await third.next('proven');
});

test('a socket that waits for an id gets it when the holder has gone', async () => {
  const { url, hub } = await startHub();
  const holder = await join(url, idOf(1));
  const second = await connect(url, idOf(1));
  const gone = eventOf(hub, 'peer.disconnected');
  holder.socket.close();
  await gone;
  second.announce();
  await second.settle();
  expect(hub.getPeers()).toMatchObject([{ peerId: idOf(1) }]);
});

test('a proof for one hub is evidence for others that the peer came to that hub, and of nothing else', async () => {
  const [here, elsewhere, identity, other] = [newIdentity(), newIdentity(), newIdentity(), newIdentity()];
  const ports = { verify, peerIdOf, fromBase64Url };
  const opening = openings(new Uint8Array(32))(7);
  expect(opening).not.toBe(openings(new Uint8Array(32))(8));
  const host = 'hub.example:443';
  const text = hubProofText(host, identity.peerId, nonceOfHub(here.peerId, opening));
  const sig = toBase64Url(await identity.sign(new TextEncoder().encode(text)));
  const evidence = { key: toBase64Url(identity.publicKey), sig, host, opening };
  expect(isEvidence(here.peerId, identity.peerId, evidence, ports)).toBe(true);
  expect(isEvidence(elsewhere.peerId, identity.peerId, evidence, ports)).toBe(false);
  expect(isEvidence(here.peerId, other.peerId, evidence, ports)).toBe(false);
  expect(isEvidence(here.peerId, identity.peerId, { ...evidence, host: 'x' }, ports)).toBe(false);
  expect(isEvidence(here.peerId, identity.peerId, { ...evidence, key: '' }, ports)).toBe(false);
});
