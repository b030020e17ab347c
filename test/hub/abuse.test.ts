/** Goal: whatever strangers send, or do not, the hub stays up, bounded, and useful to the others. */
import { createConnection } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../runtime/clock.ts';
import type { MeshClock } from '../../runtime/ports/clock.ts';
import { connect, eventOf, HubClient, idOf, join, opened, startHub } from './hub-kit.ts';

/** Real timers on a clock that a test puts forward. */
function shiftedClock(): MeshClock & { aheadMs: number } {
  return {
    aheadMs: 0,
    now() {
      return systemClock.now() + this.aheadMs;
    },
    setTimeout: systemClock.setTimeout,
    clearTimeout: systemClock.clearTimeout,
  };
}

describe('many frames', () => {
  test('300 forged announcements are refused one by one and reach nobody', async () => {
    const { url, hub } = await startHub();
    const bystander = await join(url, idOf(1));
    const forger = await connect(url, idOf(2));
    for (let i = 0; i < 300; i++)
      forger.send({ type: 'announce', networkName: 'net', data: { peerId: idOf(100 + i) } });
    await forger.settle();
    await bystander.settle();
    expect(forger.of('error').map((frame) => frame['code'])).toEqual(Array(300).fill('PEER_ID_MISMATCH'));
    expect(bystander.of('peer-discovered')).toHaveLength(0);
    expect(hub.getPeers()).toHaveLength(1);
  });

  test('the rate limit is said once a second, and a socket that ignores it for three windows is closed', async () => {
    const clock = shiftedClock();
    const { url, hub } = await startHub({ rateLimit: 10, clock });
    const a = await connect(url, idOf(1));
    for (let window = 1; window <= 3; window++) {
      const dropped = (): number => Number(hub.getStats().counters['rateDropped']);
      const before = dropped();
      for (let i = 0; i < 15; i++) a.send({ type: 'ping' });
      if (window < 3) {
        const notice = await a.next('error');
        expect(notice).toMatchObject({ code: 'RATE_LIMITED' });
        expect(notice['retryAfterMs']).toBeGreaterThan(0);
        await expect.poll(dropped).toBe(before + 5);
        clock.aheadMs += 10_000;
      }
    }
    expect(await a.closed).toEqual({ code: 1008, reason: 'Rate limit exceeded' });
    // Of the last window those that waited for their turn when the socket was closed go with it.
    const pongs = a.of('pong').length;
    expect(pongs).toBeGreaterThanOrEqual(20);
    expect(pongs).toBeLessThanOrEqual(30);
    expect(a.of('error')).toHaveLength(3);
  });

  test('a flood far above the limit ends at once; rateLimit 0 lets everything through', async () => {
    const { url } = await startHub({ rateLimit: 10 });
    const a = await connect(url, idOf(1));
    for (let i = 0; i < 200; i++) a.send({ type: 'ping' });
    expect(await a.closed).toMatchObject({ code: 1008 });
    const free = await startHub({ rateLimit: 0 });
    const b = await connect(free.url, idOf(1));
    for (let i = 0; i < 2_000; i++) b.send({ type: 'ping' });
    while (b.of('pong').length < 2_000) await b.next('pong');
  });

  test('2,000 junk offers grow nothing', async () => {
    const { url, hub } = await startHub({ rateLimit: 0 });
    const a = await join(url, idOf(1));
    for (let i = 0; i < 2_000; i++)
      a.send({ type: 'offer', data: {}, networkName: 'net', targetPeerId: idOf(1_000 + i) });
    await a.settle();
    expect(a.of('error')).toHaveLength(2_000);
    expect(hub.getStats()).toMatchObject({ connections: 1, peers: 1, networks: 1 });
  });
});

describe('broken frames', () => {
  test('any text and any bytes are answered or ignored, and the next frame works', async () => {
    const { url } = await startHub({ rateLimit: 0 });
    const a = await join(url, idOf(1));
    const frameLike = fc.record(
      {
        type: fc.oneof(fc.constantFrom('announce', 'offer', 'goodbye', 'discover', 'cleanup', 'prov'), fc.string()),
        data: fc.jsonValue(),
        networkName: fc.jsonValue(),
        targetPeerId: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.uint8Array(), frameLike), async (frame) => {
        a.send(frame);
        await a.settle();
        expect(a.socket.readyState).toBe(a.socket.OPEN);
      }),
      { numRuns: 150 },
    );
  });

  test('bad UTF-8 closes with 1007, a frame above four times the limit with 1009, others go on', async () => {
    const { url } = await startHub();
    const bystander = await join(url, idOf(9));
    const utf8 = await connect(url, idOf(1));
    utf8.socket.send(Buffer.from([0xff, 0xfe, 0xfd]), { binary: false });
    expect(await utf8.closed).toMatchObject({ code: 1007 });
    const huge = await connect(url, idOf(2));
    huge.socket.send('x'.repeat(4 * 65_536 + 1));
    expect(await huge.closed).toMatchObject({ code: 1009 });
    await bystander.settle();
  });

  test('raw bytes where a WebSocket frame should be, and where HTTP should be, end their own socket only', async () => {
    const { url, port } = await startHub();
    const bystander = await join(url, idOf(9));
    const broken = await connect(url, idOf(1));
    const raw = (broken.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket; // below the protocol
    raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    expect((await broken.closed).code).toBe(1002);
    const plain = createConnection(port, '127.0.0.1');
    const closed = new Promise((resolve) => plain.on('close', resolve));
    plain.on('error', () => undefined);
    plain.write('\u0000\u0001 nonsense\r\n\r\n');
    plain.resume();
    await closed;
    await bystander.settle();
  });
});

describe('silence', () => {
  test('a socket that never announces is closed', async () => {
    const started: { callback: () => void; delayMs: number }[] = [];
    const clock: MeshClock = {
      now: systemClock.now,
      setTimeout: (callback, delayMs) => {
        started.push({ callback, delayMs });
        return systemClock.setTimeout(callback, delayMs);
      },
      clearTimeout: systemClock.clearTimeout,
    };
    const { url } = await startHub({ clock, cleanupIntervalMs: 3_600_000 });
    const a = await connect(url, idOf(1));
    const waits = started.filter((timer) => timer.delayMs === 30_000);
    expect(waits).toHaveLength(1);
    waits[0]?.callback();
    expect(await a.closed).toEqual({ code: 1008, reason: 'No announcement' });
  });

  test('an announced socket without frames is closed after peerTimeoutMs; one that speaks stays', async () => {
    const clock = shiftedClock();
    const { url } = await startHub({ clock, cleanupIntervalMs: 20 });
    const idle = await join(url, idOf(1));
    const lively = await join(url, idOf(2));
    clock.aheadMs += 299_000;
    await lively.settle();
    clock.aheadMs += 2_000;
    expect(await idle.closed).toEqual({ code: 1008, reason: 'Peer timed out' });
    await lively.settle();
  });

  test('a socket that answers no pings is gone after two of them', async () => {
    const { url, hub } = await startHub({ cleanupIntervalMs: 20 });
    const dead = new HubClient(url, idOf(1), { autoPong: false });
    const gone = eventOf(hub, 'peer.disconnected');
    expect((await dead.closed).code).toBe(1001);
    expect(await gone).toMatchObject({ peerId: idOf(1), reason: 'timedOut' });
    const living = await join(url, idOf(2));
    let pings = 0;
    await new Promise<void>((resolve) => living.socket.on('ping', () => ++pings >= 5 && resolve()));
    await living.settle();
  });

  test('a reader that never reads is dropped with its buffer; its neighbour hears all', async () => {
    const { url, hub } = await startHub({ rateLimit: 0 });
    const never = await join(url, idOf(1));
    const reader = await join(url, idOf(2));
    const sender = await join(url, idOf(3));
    never.socket.pause();
    const dropped = eventOf<{ code: string }>(hub, 'session.refused');
    const gone = eventOf(hub, 'peer.disconnected');
    let isDropped = false;
    void dropped.then(() => {
      isDropped = true;
    });
    const sdp = 'x'.repeat(50_000);
    let sent = 0;
    while (!isDropped && sent < 2_000) {
      for (const target of [1, 2])
        sender.send({ type: 'offer', data: { sdp }, networkName: 'net', targetPeerId: idOf(target) });
      sent++;
      await reader.next('offer');
    }
    expect(await dropped).toMatchObject({ code: 'SLOW_READER', peerId: idOf(1) });
    expect(await gone).toMatchObject({ peerId: idOf(1), reason: 'slow' });
    expect(reader.of('offer')).toHaveLength(sent);
    await reader.settle();
    expect(reader.of('peer-disconnected')).toMatchObject([{ data: { peerId: idOf(1), reason: 'slow' } }]);
    expect(hub.getStats().connections).toBe(2);
  });
});

describe('crowds', () => {
  test('100 announce at once and leave at once', async () => {
    const { url, hub } = await startHub();
    const crowd = Array.from({ length: 100 }, (_, i) => new HubClient(url, idOf(i + 1)));
    await Promise.all(crowd.map((client) => opened(client.socket)));
    for (const client of crowd) client.announce();
    await Promise.all(crowd.map((client) => client.settle()));
    expect(hub.getStats()).toMatchObject({ connections: 100, peers: 100, networks: 1 });
    for (const client of crowd) client.socket.terminate();
    await expect.poll(() => hub.getStats().connections).toBe(0);
    expect(hub.getStats()).toMatchObject({ peers: 0, networks: 0 });
  });

  test('joins cost frames in proportion: at most 20 each way', async () => {
    const { url, hub } = await startHub();
    const count = 120;
    const crowd: HubClient[] = [];
    for (let i = 0; i < count; i++) {
      const client = await join(url, idOf(i + 1));
      crowd.push(client);
      expect(client.of('peer-discovered').length).toBe(Math.min(i, 20));
      // connected and pong beside the introductions, some of which are said a moment later
      expect(hub.getStats().counters['framesOut']).toBeLessThanOrEqual((2 + 40) * (i + 1));
    }
  });

  test('connections beyond the limit are told so, and there is room again when one leaves', async () => {
    const { url, hub } = await startHub({ maxConnections: 2 });
    const a = await connect(url, idOf(1));
    await connect(url, idOf(2));
    const third = new HubClient(url, idOf(3));
    expect(await third.next('error')).toMatchObject({ code: 'TOO_MANY_CONNECTIONS', retryAfterMs: 5_000 });
    expect(await third.closed).toEqual({ code: 1008, reason: 'Maximum connections reached' });
    const gone = eventOf(hub, 'peer.disconnected');
    a.socket.close();
    await gone;
    await connect(url, idOf(4));
  });

  test('loopback counts against perIpMax only when that is set; forwarded addresses count when trusted', async () => {
    const limited = await startHub({ perIpMax: 1, trustProxy: true });
    await connect(limited.url, idOf(1));
    const second = new HubClient(limited.url, idOf(2));
    expect(await second.next('error')).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' });
    expect(await second.closed).toMatchObject({ code: 1008 });
    await connect(limited.url, idOf(3), { headers: { 'X-Forwarded-For': '198.51.100.1, 203.0.113.7' } });
    const same = new HubClient(limited.url, idOf(4), { headers: { 'X-Forwarded-For': '203.0.113.7' } });
    expect(await same.closed).toMatchObject({ code: 1008 });
    const open = await startHub();
    for (let i = 0; i < 70; i++) await connect(open.url, idOf(i + 1));
  });
});
