/**
 * Goal: the WebSocket adapter keeps the contract of every signaling port against the real hub, and makes facts of
 * whatever a strange or old hub may send.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { factsOf } from '../../adapters/signaling-codec.ts';
import { nodeWebsocketSignaling } from '../../adapters/websocket-signaling.node.ts';
import { createHubActor } from '../../hub/index.ts';
import { HUB_MAX_MESSAGE_BYTES, HUB_PEERS_LISTED_MAX, HUBS_NAMED_MAX } from '../../machines/shared/limits.ts';
import type { SignalingConnection, SignalingFact } from '../../runtime/ports/signaling.ts';
import { signalingPortContract } from './signaling-port.contract.ts';

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

signalingPortContract(
  'WebSocket, our hub',
  async () => {
    const hub = createHubActor({ port: 0, host: '127.0.0.1' }).start();
    const { url } = await hub.listening();
    return {
      port: nodeWebsocketSignaling(url),
      breakDown: () => hub.shutdown(),
      settle,
      leaks: () => hub.getStats().connections,
      dispose: () => hub.shutdown(),
    };
  },
  { describe, it },
);

describe('WebSocket signaling against strange hubs', () => {
  const ID = 'ab'.repeat(20);
  const OTHER = 'cd'.repeat(20);
  const servers: WebSocketServer[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      for (const socket of server.clients) socket.terminate();
      server.close();
    }
  });

  /** A hub that says what the test tells it to. */
  async function strangeHub(onSocket: (socket: WebSocket, path: string) => void): Promise<string> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    servers.push(server);
    server.on('connection', (socket, request) => onSocket(socket, request.url ?? ''));
    await new Promise((resolve) => server.once('listening', resolve));
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  interface Heard {
    readonly facts: SignalingFact[];
    readonly connection: SignalingConnection;
    readonly closed: Promise<Extract<SignalingFact, { type: 'closed' }>>;
  }
  function hear(url: string, token?: string): Heard {
    const facts: SignalingFact[] = [];
    let resolve: (fact: Extract<SignalingFact, { type: 'closed' }>) => void;
    const closed = new Promise<Extract<SignalingFact, { type: 'closed' }>>((settled) => {
      resolve = settled;
    });
    const port = nodeWebsocketSignaling(url, token === undefined ? {} : { token });
    const connection = port.connect(ID, (fact) => {
      facts.push(fact);
      if (fact.type === 'closed') resolve(fact);
    });
    expect(facts).toEqual([]);
    return { facts, connection, closed };
  }

  /** What one frame of a hub becomes. */
  async function factFor(frame: unknown): Promise<SignalingFact | undefined> {
    const url = await strangeHub((socket) => {
      socket.send(typeof frame === 'string' || frame instanceof Uint8Array ? frame : JSON.stringify(frame));
      socket.close(1000);
    });
    const { facts, closed } = hear(url);
    await closed;
    expect(facts).toHaveLength(2);
    return facts[0];
  }

  it('reports a URL that cannot be dialed as closed, with the cause', async () => {
    for (const url of ['', 'not a url', 'http://127.0.0.1:1', 'ftp://127.0.0.1', 'ws://', 'ws://127.0.0.1:99999']) {
      const { facts, closed, connection } = hear(url);
      expect(connection.send({ type: 'ping' })).toBe(false);
      const fact = await closed;
      expect(fact.code).toBe(1006);
      expect(fact.reason).not.toBe('');
      connection.close();
      expect(facts).toHaveLength(1);
    }
  });

  it('names the cause of a refused connection', async () => {
    const url = await strangeHub(() => undefined);
    const server = servers.splice(0)[0] as WebSocketServer;
    await new Promise((resolve) => server.close(resolve));
    expect(await hear(url).closed).toMatchObject({ code: 1006, reason: expect.stringContaining('ECONNREFUSED') });
  });

  it.each([401, 403])('tells that it was refused with HTTP %i before it closes', async (status) => {
    const server = createServer((_request, response) => response.end());
    server.on('upgrade', (_request, socket) => {
      socket.end(`HTTP/1.1 ${status} No\r\nConnection: close\r\n\r\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { facts, closed } = hear(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const words = expect.stringContaining(`HTTP ${status}`);
    expect(await closed).toMatchObject({ code: 1006, reason: words });
    expect(facts[0]).toEqual({ type: 'refused', code: 'UNAUTHORIZED', message: words });
    expect(facts).toHaveLength(2);
    server.close();
  });

  it('shows its URL without the token, which would reach status, logs and inspectors', () => {
    expect(nodeWebsocketSignaling('ws://localhost:1/x?a=1&token=secret').url).toBe('ws://localhost:1/x?a=1');
    expect(nodeWebsocketSignaling('ws://localhost:1?token=secret').url).toBe('ws://localhost:1');
    expect(nodeWebsocketSignaling('ws://localhost:1/?token=secret').url).toBe('ws://localhost:1/');
    expect(nodeWebsocketSignaling('ws://localhost:1/x#?token=secret').url).toBe('ws://localhost:1/x');
    expect(nodeWebsocketSignaling('ws://localhost:1').url).toBe('ws://localhost:1');
  });

  it('dials with the peer id and the token, and keeps path and query of the URL', async () => {
    const paths: string[] = [];
    const url = await strangeHub((socket, path) => {
      paths.push(path);
      socket.close(1008, 'Maximum connections reached');
    });
    const fact = await hear(`${url}/some/path?x=1#part`, 'se cret').closed;
    expect(fact).toEqual({ type: 'closed', code: 1008, reason: 'Maximum connections reached' });
    expect(paths).toEqual([`/some/path?x=1&peerId=${ID}&token=se+cret`]);
  });

  it('welcomes without a challenge from an old hub, and with one from ours, bound to the host as dialed', async () => {
    const connected = { type: 'connected', data: { peerId: ID }, fromPeerId: 'system', timestamp: 1 };
    expect(await factFor(connected)).toEqual({ type: 'welcome' });
    const mesh = { v: 1, nonce: 'n0nce', proof: 'required', later: true };
    const fact = await factFor({ ...connected, data: { peerId: ID, mesh } });
    expect(fact).toEqual({
      type: 'welcome',
      challenge: { nonce: 'n0nce', proof: 'required', host: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    });
    expect(await factFor({ ...connected, data: { peerId: ID, mesh: { v: 2 } } })).toEqual({ type: 'welcome' });
  });

  it('lists legacy peers without a presence, and takes no broken presence', async () => {
    const frame = (data: unknown) => ({ type: 'peer-discovered', networkName: 'n', fromPeerId: 'system', data });
    const base = { type: 'peer', network: 'n', id: OTHER, proven: false, isHub: false };
    expect(await factFor(frame({ peerId: OTHER, timestamp: 1 }))).toEqual(base);
    expect(await factFor(frame({ peerId: OTHER, isHub: true, mesh: { v: 1, key: 'short' } }))).toEqual({
      ...base,
      isHub: true,
    });
    const presence = { v: 1, key: 'k'.repeat(43), free: 1, degree: 2 };
    expect(await factFor(frame({ peerId: OTHER, mesh: { ...presence, proven: true } }))).toEqual({
      ...base,
      proven: true,
      presence,
    });
  });

  it('reads how old a presence is, and takes no age that is none', async () => {
    const mesh = { v: 1, key: 'k'.repeat(43), free: 1, degree: 2 };
    const ageOf = async (ageS: unknown): Promise<unknown> => {
      const frame = { type: 'peer-discovered', networkName: 'n', data: { peerId: OTHER, mesh, ageS } };
      const fact = await factFor(frame);
      return fact?.type === 'peer' && fact.presence !== undefined ? fact.ageS : fact;
    };
    expect([await ageOf(7), await ageOf(0), await ageOf(-1), await ageOf('7'), await ageOf(0.5)]).toEqual([
      7,
      ...Array.from({ length: 4 }, () => undefined),
    ]);
  });

  it('reads of several peers in one frame, each by itself, and of no more than a hub lists', () => {
    const read = (type: string, peers: unknown) =>
      factsOf(JSON.stringify({ type, networkName: 'n', data: { peers } }), 'host');
    const base = { type: 'peer', network: 'n', id: OTHER, proven: false, isHub: false };
    expect(read('peers-discovered', [{ peerId: OTHER }, { peerId: 7 }, { peerId: ID, isHub: true }])).toEqual([
      base,
      { type: 'ignored', why: 'malformed peer-discovered' },
      { ...base, id: ID, isHub: true },
    ]);
    expect(read('peers-disconnected', [{ peerId: OTHER }, null])).toEqual([
      { type: 'gone', network: 'n', id: OTHER },
      { type: 'ignored', why: 'malformed peer-disconnected' },
    ]);
    expect(read('peers-discovered', {})).toEqual([{ type: 'ignored', why: 'malformed peers-discovered' }]);
    const many = read(
      'peers-disconnected',
      Array.from({ length: 1_000 }, () => ({ peerId: OTHER })),
    );
    expect(many).toHaveLength(HUB_PEERS_LISTED_MAX + 1);
    expect(many.at(-1)).toEqual({ type: 'ignored', why: 'too many in peers-disconnected' });
  });

  it('takes the errors of old hubs', async () => {
    const fact = await factFor({ type: 'error', error: 'does not route', timestamp: 1 });
    expect(fact).toEqual({ type: 'refused', code: 'ERROR', message: 'does not route' });
  });

  it('hears which hubs are left when one shuts down: as many as it can look at, whatever else is named', async () => {
    const draining = (data: unknown) => factFor({ type: 'error', code: 'DRAINING', error: 'bye', data, timestamp: 1 });
    expect(await draining({ hubs: ['ws://a', 7, `ws://${'b'.repeat(300)}`, 'c'] })).toEqual({
      type: 'draining',
      hubs: ['ws://a', 'c'],
    });
    const many = Array.from({ length: 1_000 }, (_, i) => `ws://${i}`);
    expect(await draining({ hubs: many })).toEqual({ type: 'draining', hubs: many.slice(0, HUBS_NAMED_MAX) });
    for (const data of [undefined, null, {}, { hubs: 'ws://a' }]) {
      expect(await draining(data)).toEqual({ type: 'draining', hubs: [] });
    }
  });

  it('leads to another hub with the same token, and to none that is less safe than its own', () => {
    const port = nodeWebsocketSignaling('wss://hub.example/x?token=secret&ticket=once');
    expect(port.elsewhere?.('wss://other.example/y')?.url).toBe('wss://other.example/y');
    for (const url of ['ws://other.example', 'https://other.example', 'wss://localhost:1', 'wss://127.0.0.2', 'no']) {
      expect(port.elsewhere?.(url)).toBeUndefined();
    }
    expect(nodeWebsocketSignaling('ws://127.0.0.1:1').elsewhere?.('ws://localhost:2')?.url).toBe('ws://localhost:2/');
  });

  it('brings its token along to the other hub', async () => {
    const paths: string[] = [];
    const url = await strangeHub((socket, path) => {
      paths.push(path);
      socket.close(1000);
    });
    for (const port of [
      nodeWebsocketSignaling('ws://localhost:1/?token=secret&ticket=once'),
      nodeWebsocketSignaling('ws://localhost:1', { token: 'secret' }),
    ]) {
      await new Promise<void>((resolve) => {
        port.elsewhere?.(`${url}/y`)?.connect(ID, ({ type }) => type === 'closed' && resolve());
      });
    }
    for (const path of paths)
      expect(Object.fromEntries(new URL(path, url).searchParams)).toEqual({ peerId: ID, token: 'secret' });
    expect(paths).toHaveLength(2);
  });

  it('ignores what it cannot understand, and says why', async () => {
    const signal = (type: string, data: unknown, fromPeerId: unknown = OTHER) => ({ type, data, fromPeerId });
    const offer = { type: 'offer', sdp: 'v=0', mesh: { v: 1, kind: 'offer', attempt: '0'.repeat(20) } };
    const close = { mesh: { v: 1, kind: 'close', attempt: '0'.repeat(20), reason: 'r'.repeat(1_000) } };
    const frames: [frame: unknown, why: string][] = [
      ['{', 'not JSON'],
      ['', 'not JSON'],
      ['null', 'not a frame'],
      ['[]', 'not a frame'],
      [{ type: 7 }, 'not a frame'],
      [{ type: 'pong', networkName: 'n'.repeat(65) }, 'not a frame'],
      [{ type: 'news' }, 'unknown type news'],
      [{ type: '__proto__' }, 'unknown type __proto__'],
      [new Uint8Array(8), 'binary frame'],
      [`"${'x'.repeat(HUB_MAX_MESSAGE_BYTES * 4)}"`, 'frame too large'],
      [signal('offer', { type: 'offer', sdp: 'v=0' }), 'legacy offer'],
      [signal('ice-candidate', { candidate: 'x' }), 'legacy ice-candidate'],
      [signal('offer', null), 'legacy offer'],
      [signal('offer', offer, 'me'), 'offer without a sender'],
      [signal('offer', offer), 'malformed offer'],
      [signal('answer', offer), 'malformed answer'],
      [signal('ice-candidate', close), 'malformed ice-candidate'],
      [{ type: 'proven', data: {} }, 'malformed proven'],
      [{ type: 'peer-discovered', data: { peerId: 'AB'.repeat(20) } }, 'malformed peer-discovered'],
      [{ type: 'peer-disconnected' }, 'malformed peer-disconnected'],
      [{ type: 'discovered', data: { count: -1, networkSize: 0 } }, 'malformed discovered'],
    ];
    for (const [frame, why] of frames) expect(await factFor(frame)).toEqual({ type: 'ignored', why });
  });

  it('closes on frames that would fill memory', async () => {
    const url = await strangeHub((socket) => socket.send('x'.repeat(HUB_MAX_MESSAGE_BYTES * 9)));
    const { facts, closed } = hear(url);
    expect((await closed).code).toBe(1006);
    expect(facts).toHaveLength(1);
  });
});
