/** Goal: each frame of the protocol does what the protocol says, and each refusal is a typed error frame, over real sockets. */
import { describe, expect, test } from 'vitest';
import { connect, type Frame, HubClient, idOf, join, newIdentity, prove, startHub } from './hub-kit.ts';

const A = idOf(1);
const B = idOf(2);
const attempt = '0123456789abcdef0123';

const refusal = async (client: HubClient): Promise<Frame> => client.next('error');

describe('greeting and presence', () => {
  test('the first frame is connected, with a nonce and how much a proof is wanted', async () => {
    const { url } = await startHub();
    const client = await connect(url, A);
    expect(client.frames[0]).toMatchObject({
      type: 'connected',
      data: { peerId: A, mesh: { v: 1, proof: 'optional' } },
      fromPeerId: 'system',
    });
  });

  test('peers of one network are told of each other, with what they announced and nothing they made up', async () => {
    const { url } = await startHub();
    const a = await join(url, A, 'net', {
      mesh: { v: 1, key: 'k', free: 3, degree: 0, proven: true },
      proven: true,
      color: 'red',
    });
    const b = await join(url, B);
    const seen = b.of('peer-discovered');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({
      data: { peerId: A, isHub: false, color: 'red', mesh: { v: 1, key: 'k', free: 3, degree: 0, proven: false } },
      networkName: 'net',
      fromPeerId: 'system',
      targetPeerId: B,
    });
    expect((seen[0] as unknown as { data: object }).data).not.toHaveProperty('proven');
    expect(await a.next('peer-discovered')).toMatchObject({ data: { peerId: B }, targetPeerId: A });
  });

  test('proven is the hub’s own word, isHub the peer’s', async () => {
    const { url } = await startHub();
    const identity = newIdentity();
    const a = await connect(url, identity.peerId);
    await prove(a, identity);
    a.announce('net', { mesh: { v: 1 }, isHub: true });
    const b = await join(url, B);
    expect(b.of('peer-discovered')[0]).toMatchObject({ data: { mesh: { proven: true }, isHub: true } });
  });

  test('other networks hear nothing', async () => {
    const { url } = await startHub();
    const a = await join(url, A, 'one');
    const b = await join(url, B, 'two');
    expect(await a.settle()).toHaveLength(1);
    expect(b.of('peer-discovered')).toHaveLength(0);
  });

  test('discover tells again, both ways, then counts', async () => {
    const { url } = await startHub();
    const a = await join(url, A);
    const b = await join(url, B);
    a.send({ type: 'discover', networkName: 'net' });
    expect(await a.next('peer-discovered')).toMatchObject({ data: { peerId: B } });
    expect(await a.next('discovered')).toMatchObject({ data: { count: 1, networkSize: 2 }, networkName: 'net' });
    await b.settle();
    expect(b.of('peer-discovered')).toHaveLength(2);
  });

  test('discover takes no presence of somebody else', async () => {
    const { url } = await startHub();
    const a = await join(url, A);
    const b = await join(url, B);
    await b.settle();
    const mesh = { v: 1, key: '', free: 0, degree: 9 };
    a.send({ type: 'discover', networkName: 'net', data: { peerId: B, mesh } });
    expect(await refusal(a)).toMatchObject({ code: 'PEER_ID_MISMATCH' });
    b.send({ type: 'discover', networkName: 'net' });
    await b.next('discovered');
    for (const { data } of b.of('peer-discovered')) expect(data).not.toMatchObject({ mesh: { degree: 9 } });
  });

  test('an announcement without a network joins global', async () => {
    const { url, hub } = await startHub();
    const a = await connect(url, A);
    a.send({ type: 'announce', data: { peerId: A } });
    await a.settle();
    expect(hub.getPeers()).toMatchObject([{ peerId: A, networks: ['global'] }]);
  });

  test('two networks are legal, a third is refused; goodbye to one, to all, and announce after goodbye', async () => {
    const { url, hub } = await startHub();
    const a = await join(url, A, 'one');
    a.announce('two');
    a.announce('three');
    expect(await refusal(a)).toMatchObject({ code: 'TOO_MANY_NETWORKS', inReplyTo: { type: 'announce' } });
    a.send({ type: 'goodbye', networkName: 'one', data: { peerId: A } });
    await a.settle();
    expect(hub.getPeers()[0]?.networks).toEqual(['two']);
    a.announce('three');
    a.send({ type: 'goodbye', data: { peerId: A } });
    await a.settle();
    expect(hub.getPeers()).toEqual([]);
    a.announce('four');
    await a.settle();
    expect(hub.getPeers()[0]?.networks).toEqual(['four']);
  });

  test('a peer that leaves is reported once, in its network, to those who were told of it', async () => {
    const { url } = await startHub();
    const a = await join(url, A, 'one');
    a.announce('two');
    const b = await join(url, B, 'one');
    const c = await join(url, idOf(3), 'other');
    a.send({ type: 'goodbye', data: { peerId: A } });
    expect(await b.next('peer-disconnected')).toMatchObject({
      data: { peerId: A, isHub: false, reason: 'goodbye' },
      networkName: 'one',
      targetPeerId: B,
    });
    a.socket.close();
    await a.closed;
    await b.settle();
    await c.settle();
    expect(b.of('peer-disconnected')).toHaveLength(1);
    expect(c.of('peer-disconnected')).toHaveLength(0);
  });

  test('a closed socket takes its peer away, once', async () => {
    const { url } = await startHub();
    const a = await join(url, A);
    const b = await join(url, B);
    a.socket.terminate();
    expect(await b.next('peer-disconnected')).toMatchObject({ data: { peerId: A, reason: 'closed' } });
    await b.settle();
    expect(b.of('peer-disconnected')).toHaveLength(1);
  });

  test('ping is answered, cleanup is taken in silence', async () => {
    const { url, hub } = await startHub();
    const a = await connect(url, A);
    a.send({ type: 'cleanup', data: { peerId: A, targetPeerId: B, timestamp: 1, reason: 'x' } });
    a.send({ type: 'ping' });
    expect(await a.next('pong')).toMatchObject({ fromPeerId: 'system', targetPeerId: A });
    expect(a.frames).toHaveLength(2);
    expect(hub.getStats().counters).toMatchObject({ cleanups: 1 });
  });
});

describe('signals', () => {
  test.each(['offer', 'answer', 'ice-candidate'])('%s reaches its target with the sender stamped', async (type) => {
    const { url } = await startHub();
    const a = await join(url, A);
    const b = await join(url, B);
    const data = { type: 'offer', sdp: 'v=0', mesh: { v: 1, attempt } };
    a.send({ type, data, networkName: 'net', targetPeerId: B, fromPeerId: idOf(99) });
    const signal = await b.next(type);
    expect(signal).toMatchObject({ type, data, fromPeerId: A, targetPeerId: B, networkName: 'net' });
    expect(typeof signal['timestamp']).toBe('number');
  });

  test('a genuine retry with the same content arrives again', async () => {
    const { url } = await startHub();
    const a = await join(url, A);
    const b = await join(url, B);
    for (let i = 0; i < 2; i++) a.send({ type: 'offer', data: { sdp: 's' }, networkName: 'net', targetPeerId: B });
    await b.next('offer');
    await b.next('offer');
  });

  test.each([
    ['NOT_ANNOUNCED', undefined, 'net', B],
    ['WRONG_NETWORK', 'mine', 'net', B],
    ['UNKNOWN_TARGET', 'net', 'net', idOf(77)],
    ['BAD_PEER_ID', 'net', 'net', 'XYZ'],
    ['BAD_FRAME', 'net', '', B],
  ])('%s, with the attempt it answers, and nobody else hears of it', async (code, announced, network, target) => {
    const { url } = await startHub();
    const b = await join(url, B);
    const a = await connect(url, A);
    if (announced !== undefined) a.announce(announced);
    a.send({ type: 'offer', data: { sdp: 's', mesh: { v: 1, attempt } }, networkName: network, targetPeerId: target });
    const frame = await refusal(a);
    expect(frame).toMatchObject({ code, inReplyTo: { type: 'offer', attempt }, fromPeerId: 'system' });
    if (target !== 'XYZ') expect(frame).toMatchObject({ inReplyTo: { targetPeerId: target } });
    await a.settle();
    await b.settle();
    expect(b.of('offer')).toHaveLength(0);
  });

  test('a peer of another network is no target, whoever announced it', async () => {
    const { url } = await startHub();
    const a = await join(url, A, 'one', { isHub: true });
    const b = await join(url, B, 'two');
    a.send({ type: 'offer', data: {}, networkName: 'one', targetPeerId: B });
    expect(await refusal(a)).toMatchObject({ code: 'UNKNOWN_TARGET' });
    await b.settle();
    expect(b.of('offer')).toHaveLength(0);
  });

  test.each(['connection-rejected', 'renegotiation-offer', 'ice-restart-request', 'peer-discovered'])(
    '%s bounces with NOT_ROUTED and the words old clients look for',
    async (type) => {
      const { url } = await startHub();
      const a = await join(url, A);
      const b = await join(url, B);
      a.send({ type, data: { reason: 'max_peers_reached' }, networkName: 'net', targetPeerId: B });
      const frame = await refusal(a);
      expect(frame).toMatchObject({ code: 'NOT_ROUTED', inReplyTo: { type, targetPeerId: B } });
      expect(frame['error']).toContain('does not route');
      await b.settle();
      expect(b.of(type).filter((seen) => seen['fromPeerId'] === A)).toHaveLength(0);
    },
  );
});

describe('refusals', () => {
  test.each<[string, string | Uint8Array | object, string]>([
    ['no JSON', 'hello', 'BAD_FRAME'],
    ['JSON without a type', '{}', 'BAD_FRAME'],
    ['an array', '[1]', 'BAD_FRAME'],
    ['null', 'null', 'BAD_FRAME'],
    ['a binary frame', new Uint8Array([1, 2, 3]), 'BAD_FRAME'],
    ['an unknown type', { type: 'dance' }, 'UNKNOWN_TYPE'],
    ['__proto__ as a type', { type: '__proto__' }, 'UNKNOWN_TYPE'],
    ['an announcement of nobody', { type: 'announce' }, 'BAD_FRAME'],
    ['an announcement of another', { type: 'announce', data: { peerId: B } }, 'PEER_ID_MISMATCH'],
    ['a goodbye for another', { type: 'goodbye', data: { peerId: B } }, 'PEER_ID_MISMATCH'],
    ['a goodbye before any hello', { type: 'goodbye' }, 'NOT_ANNOUNCED'],
    ['a discovery before any hello', { type: 'discover', networkName: 'n' }, 'NOT_ANNOUNCED'],
    ['too much announced data', { type: 'announce', data: { peerId: A, x: 'y'.repeat(5_000) } }, 'FRAME_TOO_LARGE'],
    [
      'a network name of 65 characters',
      { type: 'announce', networkName: 'n'.repeat(65), data: { peerId: A } },
      'BAD_FRAME',
    ],
    ['a proof without a key', { type: 'prove', data: {} }, 'BAD_FRAME'],
    ['a wrong proof', { type: 'prove', data: { key: 'A'.repeat(43), sig: 'A'.repeat(86) } }, 'PROOF_FAILED'],
    ['an unknown resume token', { type: 'prove', data: { resume: 'nope' } }, 'PROOF_FAILED'],
    ['a frame above the limit', 'x'.repeat(70_000), 'FRAME_TOO_LARGE'],
    ['a deep frame', `{"type":"offer","data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`, 'NOT_ANNOUNCED'],
  ])('%s is refused and the socket stays', async (_, frame, code) => {
    const { url, hub } = await startHub();
    const a = await connect(url, A);
    a.send(frame);
    expect(await refusal(a)).toMatchObject({ type: 'error', code, fromPeerId: 'system' });
    a.announce();
    await a.settle();
    expect(hub.getPeers()).toHaveLength(1);
    expect(hub.getStats().counters).toMatchObject({ refused: { [code]: 1 } });
  });

  test('data nested too deep to be written again costs its frame alone', async () => {
    const { url } = await startHub();
    const a = await join(url, A);
    const b = await join(url, B);
    const depth = 30_000;
    const deep = `{"type":"offer","networkName":"net","targetPeerId":"${B}","data":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
    a.send(deep);
    a.send({ type: 'answer', networkName: 'net', targetPeerId: B, data: {} });
    await b.next('answer');
    await a.settle();
    expect(b.of('offer').length + a.of('error').length).toBe(1);
  });

  test.each([
    ['none', ''],
    ['upper case', 'A'.repeat(40)],
    ['39 digits', 'a'.repeat(39)],
    ['a script', '%3Cscript%3E'],
  ])('a peer id of %s gets a typed frame and close 1008', async (_, id) => {
    const { url } = await startHub();
    const client = new HubClient(url, id);
    expect(await refusal(client)).toMatchObject({ code: 'BAD_PEER_ID' });
    expect(await client.closed).toEqual({ code: 1008, reason: 'Invalid peerId format' });
  });

  test('a hub that wants proofs refuses other frames until there is one', async () => {
    const { url, hub } = await startHub({ requireProof: true });
    const identity = newIdentity();
    const client = await connect(url, identity.peerId);
    expect(client.frames[0]).toMatchObject({ data: { mesh: { proof: 'required' } } });
    client.announce();
    expect(await refusal(client)).toMatchObject({ code: 'PROOF_REQUIRED', inReplyTo: { type: 'announce' } });
    await prove(client, identity);
    client.announce();
    await client.settle();
    expect(hub.getPeers()).toMatchObject([{ peerId: identity.peerId, proven: true }]);
  });
});
