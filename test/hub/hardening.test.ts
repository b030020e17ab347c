/** Goal: a client that keeps to no rule costs the hub no more than its own socket, and an operator's slip costs nothing. */
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { readByTurns, readNoMore } from '../../hub/guest-socket.ts';
import { HUB_PLAIN_PER_IP_MAX } from '../../machines/shared/limits.ts';
import { connect, eventOf, HubClient, idOf, join, startHub } from './hub-kit.ts';

/** By an end or by a reset. */
const ended = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => undefined); // the end follows
    socket.once('close', () => resolve());
  });

describe('control frames', () => {
  it('a flood of pings counts as frames do and ends its socket', async () => {
    const { url, hub } = await startHub();
    const client = await join(url, idOf(1));
    const bystander = await join(url, idOf(2));
    for (let i = 0; i < 6_000; i++) client.socket.ping();
    expect(await client.closed).toEqual({ code: 1008, reason: 'Rate limit exceeded' });
    await bystander.settle();
    expect(hub.getStats().connections).toBe(1);
  });

  it('unasked pongs count too', async () => {
    const { url } = await startHub();
    const client = await join(url, idOf(1));
    for (let i = 0; i < 6_000; i++) client.socket.pong();
    expect((await client.closed).code).toBe(1008);
  });

  it('a ping within the limit is answered with its own data', async () => {
    const { url } = await startHub();
    const client = await connect(url, idOf(1));
    const answer = new Promise((resolve) => client.socket.once('pong', (data) => resolve(String(data))));
    client.socket.ping('here');
    expect(await answer).toBe('here');
  });
});

describe('places', () => {
  it('who opens sockets under the id of another from elsewhere does not keep it from coming back', async () => {
    const { url } = await startHub({ perIdRate: 2 });
    for (let i = 0; i < 2; i++) await connect(url, idOf(1), { localAddress: '127.0.0.2' });
    const refused = new HubClient(url, idOf(1), { localAddress: '127.0.0.2' });
    expect(await refused.next('error')).toMatchObject({ code: 'RATE_LIMITED' });
    await connect(url, idOf(1));
  });

  it('connections that never become requests are cut beyond the share of their address; others come in', async () => {
    const { url, port } = await startHub({ perIpMax: 2 });
    const silent = Array.from({ length: 2 + HUB_PLAIN_PER_IP_MAX }, () =>
      createConnection({ host: '127.0.0.1', port, localAddress: '127.0.0.2' }),
    );
    for (const socket of silent) socket.resume(); // else it would not notice its end
    await Promise.all(silent.map((socket) => once(socket, 'connect')));
    const last = createConnection({ host: '127.0.0.1', port, localAddress: '127.0.0.2' });
    last.resume();
    await ended(last);
    expect(silent.filter((socket) => socket.destroyed)).toEqual([]);
    await connect(url, idOf(1));
    for (const socket of silent) socket.destroy();
  });
});

describe('an address that is refused over and over', () => {
  it('is cut unheard in the end; others come in', async () => {
    const { url } = await startHub({ perIpMax: 1 });
    const from = { localAddress: '127.0.0.2' };
    await connect(url, idOf(1), from);
    const codes = new Map<number, number>();
    for (let i = 0; i < 76; i++) {
      const { code } = await new HubClient(url, idOf(10 + i), from).closed;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    // Told why, then no more than a connection that ends.
    expect([...codes]).toEqual([
      [1008, 64],
      [1006, 12],
    ]);
    await connect(url, idOf(2));
  });
});

it('what a client sent before it closed arrives, however much came at once', async () => {
  const { url } = await startHub();
  const [sender, receiver] = [await join(url, idOf(1)), await join(url, idOf(2))];
  const signals = 480; // just within the rate limit: they wait for several turns
  const frame = { type: 'offer', networkName: 'net', targetPeerId: idOf(2) };
  for (let n = 0; n < signals; n++) sender.send({ ...frame, data: { type: 'offer', sdp: String(n) } });
  sender.socket.close();
  while (receiver.of('offer').length < signals) await receiver.next('offer');
});

it('an address whose connections have ended may come again', async () => {
  const { url, port } = await startHub({ perIpMax: 4 });
  const most = 4 + HUB_PLAIN_PER_IP_MAX;
  for (let round = 0; round < 2; round++) {
    const sockets = Array.from({ length: most }, () =>
      createConnection({ host: '127.0.0.1', port, localAddress: '127.0.0.3' }),
    );
    for (const socket of sockets) socket.resume();
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    // The hub has seen them all: whoever comes after them is heard.
    await connect(url, idOf(round + 1));
    for (const socket of sockets) socket.end();
    await Promise.all(sockets.map((socket) => once(socket, 'close')));
  }
  await connect(url, idOf(9), { localAddress: '127.0.0.3' });
});

it('a packet full of frames keeps nobody waiting: some are answered in a turn, all in the end', async () => {
  const { url, hub } = await startHub({ rateLimit: 100_000 });
  const answered = (): number => Number(hub.getStats().counters['framesOut']);
  const client = await connect(url, idOf(1));
  const frames = 1_000;
  const endAt = answered() + frames;
  for (let i = 0; i < frames; i++) client.send('{"type":"ping"}');
  let most = 0;
  for (let before = answered(); before < endAt; ) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, answered() - before);
    before = answered();
  }
  expect(most).toBeLessThanOrEqual(100);
});

it('nor does a packet full of what is thrown away: no turn reads more than a few of its frames', async () => {
  const { url, hub } = await startHub();
  const read = (): number => Number(hub.getStats().counters['framesIn']);
  const flooder = await connect(url, idOf(1));
  // In one write: they come in one packet, as large as the system makes it.
  const frame = Buffer.from('8182000000005d5b', 'hex');
  const wire = (flooder.socket as unknown as { _socket: Socket })._socket; // below the protocol
  wire.write(Buffer.concat(Array.from({ length: 8_000 }, () => frame)));
  let isClosed = false;
  const closed = flooder.closed.then((how) => {
    isClosed = true;
    return how;
  });
  let most = 0;
  for (let before = read(); !isClosed; ) {
    await new Promise((resolve) => setImmediate(resolve));
    most = Math.max(most, read() - before);
    before = read();
  }
  expect(await closed).toEqual({ code: 1008, reason: 'Rate limit exceeded' });
  // Three times the limit and the one that ended it; the rest of the packet is not read at all.
  expect(read()).toBe(1_501);
  expect(most).toBeLessThanOrEqual(20);
});

it('a crowd that asks at once is let in one after the other, with turns for others in between', async () => {
  const { port, hub } = await startHub();
  const count = 40;
  const crowd = Array.from({ length: count }, () => createConnection({ host: '127.0.0.1', port }));
  await Promise.all(crowd.map((socket) => once(socket, 'connect')));
  // The hub has taken them all: after this answer a request is all that is to come of each.
  await connect(`ws://127.0.0.1:${port}`, idOf(0));
  for (const [i, socket] of crowd.entries()) {
    socket.write(
      `GET /?peerId=${idOf(i + 1)} HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    );
  }
  let most = 0;
  for (let before = 1; before < 1 + count; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const { connections } = hub.getStats();
    most = Math.max(most, connections - before);
    before = connections;
  }
  expect(most).toBeLessThanOrEqual(3);
  for (const socket of crowd) socket.destroy();
});

it('sockets of another make are read as they are', () => {
  for (const _receiver of [
    undefined,
    null,
    {},
    { _allowSynchronousEvents: 1, _buffers: 2, _bufferedBytes: 3, _opcode: '' },
  ]) {
    let pauses = 0;
    const odd = { _receiver, pause: () => pauses++ } as unknown as WebSocket; // a ws that is not this one
    expect([readByTurns(odd), readNoMore(odd), pauses]).toEqual([false, false, 1]);
    expect((odd as unknown as { _receiver: unknown })._receiver).toBe(_receiver);
  }
});

describe('the budget of an address', () => {
  const BYTES_PER_S = 1_000_000;
  const frame = JSON.stringify({ type: 'ping', data: 'x'.repeat(60_000) });

  it('keeps what is beyond it waiting, on every socket of the address; nothing is lost and others are served', async () => {
    const { url } = await startHub({ perIpMax: 10, perIpBytes: BYTES_PER_S });
    const from = { localAddress: '127.0.0.2' };
    const [busy, other] = [await connect(url, idOf(1), from), await connect(url, idOf(2))];
    const startMs = performance.now();
    const frames = 45;
    for (let i = 0; i < frames; i++) busy.send(frame);
    const ended: string[] = [];
    const late = (async () => {
      for (let i = 0; i < frames; i++) await busy.next('pong');
      ended.push('busy');
      return performance.now() - startMs;
    })();
    await other.settle();
    ended.push('other');
    const next = await connect(url, idOf(3), from);
    await next.settle();
    // Two seconds’ worth goes through at once.
    expect(await late).toBeGreaterThanOrEqual(((frames * frame.length) / BYTES_PER_S - 2) * 1_000 - 50);
    expect(ended).toEqual(['other', 'busy']);
  });

  it('is not asked for by loopback, unless loopback counts', async () => {
    const { url } = await startHub({ perIpBytes: 1_000 });
    const client = await connect(url, idOf(1));
    for (let i = 0; i < 20; i++) client.send(frame);
    for (let i = 0; i < 20; i++) await client.next('pong');
  });
});

describe('listeners', () => {
  it('one that rejects is reported like one that throws', async () => {
    const { url, hub } = await startHub();
    const reported = eventOf<{ error: { code: string } }>(hub, 'error');
    hub.on('peer.announced', async () => {
      throw new Error('a slip');
    });
    await join(url, idOf(1));
    expect((await reported).error.code).toBe('LISTENER_THREW');
  });
});
