/** Goal: a hub starts, is asked, is guarded and stops as its operator expects, and leaves nothing behind. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { createHubActor, createHubFromEnv, type HubEvent, hubOptionsFromEnv } from '../../hub/index.ts';
import { systemClock } from '../../runtime/clock.ts';
import type { MeshError } from '../../runtime/errors.ts';
import type { MeshClock } from '../../runtime/ports/clock.ts';
import { connect, idOf, join, newIdentity, startHub } from './hub-kit.ts';

/** The real clock, counting timers that are set and neither fired nor cleared. */
function countingClock(): MeshClock & { pending: Set<unknown> } {
  const pending = new Set<unknown>();
  return {
    pending,
    now: systemClock.now,
    setTimeout(callback, delayMs) {
      const id = systemClock.setTimeout(() => {
        pending.delete(id);
        callback();
      }, delayMs);
      pending.add(id);
      return id;
    },
    clearTimeout(id) {
      pending.delete(id);
      systemClock.clearTimeout(id);
    },
  };
}

const statusOf = (url: string, options: object = {}): Promise<number> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(url, options);
    socket.on('unexpected-response', (_, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.on('error', reject);
  });

describe('start', () => {
  test('localhost is both loopback addresses on one port, and the events say where', async () => {
    const identity = newIdentity();
    const events: HubEvent[] = [];
    const hub = createHubActor({ port: 0, identity });
    hub.on('*', (event) => events.push(event));
    const address = await hub.start().listening();
    expect(events[0]).toEqual({ type: 'hub.listening', ...address });
    expect(address).toMatchObject({ hubId: identity.peerId, url: `ws://127.0.0.1:${address.port}` });
    for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
      expect((await fetch(`http://${host}:${address.port}/health`)).status).toBe(200);
    }
    await hub.shutdown();
    expect(events.at(-1)).toEqual({ type: 'hub.stopped', reason: 'shutdown' });
  });

  test.each(['127.0.0.1', '::1'])('a port that is taken on %s is ADDRESS_IN_USE, and the hub ends', async (taken) => {
    const other = createServer().listen(0, taken);
    await new Promise((resolve) => other.once('listening', resolve));
    const hub = createHubActor({ port: (other.address() as AddressInfo).port });
    const errors: MeshError[] = [];
    hub.on('error', ({ error }) => errors.push(error));
    await expect(hub.start().listening()).rejects.toMatchObject({ name: 'MeshError', code: 'ADDRESS_IN_USE' });
    await expect(hub.listening()).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
    expect(errors.map((error) => error.code)).toEqual(['ADDRESS_IN_USE']);
    expect(hub.getSnapshot().value).toBe('failed');
    other.close();
  });

  test('a host that cannot be bound is BAD_OPTION', async () => {
    const hub = createHubActor({ port: 0, host: '203.0.113.1' }).start();
    await expect(hub.listening()).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });

  test.each([
    { port: 70_000 },
    { port: 1.5 },
    { host: '' },
    { maxConnections: 0 },
    { maxMessageSize: 10 },
    { rateLimit: -1 },
    { perIpMax: 0 },
    { corsOrigin: '' },
    { authToken: '' },
    { peerTimeoutMs: Number.NaN },
  ])('%j is BAD_OPTION', (options) => {
    expect(() => createHubActor(options)).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  });

  test('options come from the environment', () => {
    const options = hubOptionsFromEnv({
      PORT: '0',
      HOST: '127.0.0.1',
      RATE_LIMIT: '0',
      REQUIRE_PROOF: 'true',
      AUTH_TOKEN: '',
      BOOTSTRAP_HUBS: 'ws://x:1, ws://y:2',
      IS_HUB: 'true',
      MESH_MIGRATION_DELAY_MS: '500',
    });
    expect(options).toEqual({
      port: 0,
      host: '127.0.0.1',
      rateLimit: 0,
      requireProof: true,
      bootstrapHubs: 'ws://x:1, ws://y:2',
      isHub: true,
      meshMigrationDelayMs: 500,
    });
    for (const [name, value] of [
      ['PORT', 'abc'],
      ['PORT', '99999'],
      ['TRUST_PROXY', 'maybe'],
      ['BOOTSTRAP_HUBS', 'http://x'],
      ['HUB_MESH_MAX_PEERS', '1'],
    ] as const) {
      expect(() => hubOptionsFromEnv({ [name]: value })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    }
    expect(() => createHubFromEnv({ IS_HUB: '0', BOOTSTRAP_HUBS: 'ws://x' })).toThrow(
      expect.objectContaining({ code: 'BAD_OPTION' }),
    );
  });
});

describe('http', () => {
  test('/health, /stats, /hubs, OPTIONS, 404, 405', async () => {
    const { url, http } = await startHub();
    await join(url, idOf(1), 'one', { isHub: true });
    await join(url, idOf(2), 'two');
    const health = await fetch(`${http}/health`);
    expect(health.headers.get('access-control-allow-origin')).toBe('*');
    expect(await health.json()).toEqual({
      status: 'healthy',
      timestamp: expect.any(String),
      uptime: expect.any(Number),
      isHub: false,
      connections: 2,
      peers: 2,
      hubs: 1,
      networks: 2,
      hubMesh: expect.objectContaining({ state: 'socketOnly.alone', totalHubs: 0 }),
      checks: ['listening', 'eventLoop', 'memory', 'actors'].map((name) => expect.objectContaining({ name, ok: true })),
      memory: expect.objectContaining({ rss: expect.any(Number) }),
    });
    expect(await (await fetch(`${http}/stats?x=1`)).json()).toMatchObject({ state: 'listening', peers: 2 });
    expect(await (await fetch(`${http}/hubs`)).json()).toMatchObject({ totalHubs: 1, hubs: [{ peerId: idOf(1) }] });
    expect((await fetch(`${http}/health`, { method: 'OPTIONS' })).status).toBe(200);
    expect((await fetch(`${http}/health`, { method: 'POST' })).status).toBe(405);
    const missing = await fetch(`${http}/nothing`);
    expect([missing.status, await missing.json()]).toEqual([404, expect.objectContaining({ code: 'NOT_FOUND' })]);
  });

  test('a hook serves more on the same port; one that throws costs its request', async () => {
    const errors: string[] = [];
    const { hub, http } = await startHub({
      http: (request, response) => {
        if (request.url === '/boom') throw new Error('boom');
        if (request.url !== '/page') return false;
        response.end('page');
        return true;
      },
    });
    hub.on('error', ({ error }) => errors.push(error.code));
    expect(await (await fetch(`${http}/page`)).text()).toBe('page');
    expect((await fetch(`${http}/boom`)).status).toBe(500);
    expect((await fetch(`${http}/other`)).status).toBe(404);
    expect(errors).toEqual(['LISTENER_THREW']);
  });
});

describe('guards', () => {
  test('a token is wanted, as bearer or in the query: else 401', async () => {
    const { url } = await startHub({ authToken: 'sesame' });
    const peer = `${url}/ws?peerId=${idOf(1)}`;
    expect(await statusOf(peer)).toBe(401);
    expect(await statusOf(`${peer}&token=wrong`)).toBe(401);
    expect(await statusOf(`${peer}&token=sesame`)).toBe(101);
    expect(await statusOf(peer, { headers: { Authorization: 'Bearer sesame' } })).toBe(101);
    expect(await statusOf(peer, { headers: { Authorization: 'Bearer sesam' } })).toBe(401);
  });

  test('origins that are not listed get 403; clients without one are let in', async () => {
    const { url } = await startHub({ corsOrigin: 'https://a.example, https://b.example' });
    const peer = `${url}/?peerId=${idOf(1)}`;
    expect(await statusOf(peer, { origin: 'https://evil.example' })).toBe(403);
    expect(await statusOf(peer, { origin: 'https://b.example' })).toBe(101);
    expect(await statusOf(peer)).toBe(101);
  });
});

describe('listeners', () => {
  test('one that throws harms nothing and is reported; prefixes and unsubscribing work', async () => {
    const { hub, url } = await startHub();
    const seen: string[] = [];
    hub.on('peer.announced', () => {
      throw new Error('mine');
    });
    hub.on('error', ({ error }) => {
      seen.push(`error ${error.code}`);
      throw new Error('mine too');
    });
    const subscription = hub.on('peer.*', (event) => seen.push(`${event.type} ${event.peerId.slice(-1)}`));
    hub.subscribe(() => {
      throw new Error('a subscriber');
    });
    const a = await join(url, idOf(1));
    await a.settle();
    expect(seen.filter((line) => line.startsWith('peer'))).toEqual(['peer.announced 1']);
    expect(seen).toContain('error LISTENER_THREW');
    subscription.unsubscribe();
    await join(url, idOf(2));
    expect(seen.filter((line) => line.startsWith('peer'))).toHaveLength(1);
  });

  test('the events of a peer’s life, in order', async () => {
    const { hub, url } = await startHub();
    const seen: string[] = [];
    hub.on('*', (event) => seen.push(event.type));
    const a = await join(url, idOf(1));
    a.announce();
    a.send({ type: 'goodbye', data: { peerId: idOf(1) } });
    await a.settle();
    a.socket.close();
    await expect.poll(() => seen.at(-1)).toBe('peer.disconnected');
    expect(seen).toEqual(['session.opened', 'peer.announced', 'peer.goodbye', 'peer.disconnected']);
  });
});

describe('stop', () => {
  test('sessions are told, sockets close with 1000, the port is free, no timer and no actor is left', async () => {
    const clock = countingClock();
    const { hub, url, port } = await startHub({ clock });
    const crowd = await Promise.all(Array.from({ length: 30 }, (_, i) => join(url, idOf(i + 1))));
    const waiting = await connect(url, idOf(1));
    const stopped = hub.shutdown();
    const again = hub.shutdown();
    for (const client of [...crowd, waiting]) {
      expect(await client.next('error')).toMatchObject({ code: 'DRAINING', retryAfterMs: 5_000 });
      expect(await client.closed).toEqual({ code: 1000, reason: 'Server shutting down' });
    }
    await stopped;
    await again;
    await hub.shutdown();
    expect(hub.getSnapshot().value).toBe('stopped');
    expect(hub.getStats()).toMatchObject({ connections: 0, peers: 0, networks: 0 });
    expect(clock.pending.size).toBe(0);
    for (const client of crowd) expect(client.of('peer-disconnected')).toHaveLength(0);
    const next = createHubActor({ port }).start();
    await next.listening();
    await next.shutdown();
  });

  test('a client that does not close is cut', async () => {
    const clock = countingClock();
    const { hub, url } = await startHub({ clock });
    const stubborn = await join(url, idOf(1));
    stubborn.socket.pause();
    await hub.shutdown();
    expect(hub.getStats().connections).toBe(0);
    expect(clock.pending.size).toBe(0);
  });

  test('shutdown while starting, before the start, and a bare stop', async () => {
    const early = createHubActor({ port: 0 }).start();
    const listening = early.listening().catch((error: MeshError) => error.code);
    await early.shutdown();
    expect(await listening).toBe('LEFT');
    await createHubActor({ port: 0 }).shutdown();
    const clock = countingClock();
    const bare = createHubActor({ port: 0, clock }).start();
    const { url, port } = await bare.listening();
    const client = await join(url, idOf(1));
    bare.stop();
    expect((await client.closed).code).toBe(1006);
    expect(clock.pending.size).toBe(0);
    await expect(fetch(`http://127.0.0.1:${port}/health`)).rejects.toThrow();
  });
});
