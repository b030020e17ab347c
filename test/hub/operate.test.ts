/** Goal: who runs a hub sees how it is, in forms that machines read, guards it, and stops it without losing anybody. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { healthOf, readinessOf, type Vitals } from '../../hub/health.core.ts';
import { createHubActor } from '../../hub/index.ts';
import { Tickets } from '../../hub/tickets.core.ts';
import { TICKET_TTL_MS, TICKETS_MAX } from '../../machines/shared/limits.ts';
import type { LogLevel } from '../../runtime/ports/logger.ts';
import { connect, HubClient, idOf, join, startHub } from './hub-kit.ts';

const WELL: Vitals = {
  state: 'listening',
  connections: 10,
  maxConnections: 100,
  loopDelayMs: 5,
  heapUsedBytes: 50,
  heapLimitBytes: 100,
  failures: 0,
};
const failing = (vitals: Partial<Vitals>, of = healthOf): string[] =>
  of({ ...WELL, ...vitals }).flatMap(({ name, ok }) => (ok ? [] : [name]));

describe('health', () => {
  test('a hub is unwell when it is late, full, broken or gone', () => {
    expect(failing({})).toEqual([]);
    expect(failing({ state: 'draining' })).toEqual([]);
    expect(failing({ state: 'failed' })).toEqual(['listening']);
    expect(failing({ loopDelayMs: 2_001 })).toEqual(['eventLoop']);
    expect(failing({ heapUsedBytes: 96 })).toEqual(['memory']);
    expect(failing({ failures: 10 })).toEqual(['actors']);
  });

  test('it is ready while it listens and has room', () => {
    expect(failing({}, readinessOf)).toEqual([]);
    expect(failing({ state: 'draining', connections: 100 }, readinessOf)).toEqual(['listening', 'room']);
  });

  test('/health becomes 503 when actors fail; /ready when the hub is full', async () => {
    const { hub, url, http } = await startHub({ maxConnections: 1 });
    expect((await fetch(`${http}/health`)).status).toBe(200);
    expect((await fetch(`${http}/ready`)).status).toBe(200);
    await join(url, idOf(1));
    const full = await fetch(`${http}/ready`);
    expect([full.status, full.headers.get('retry-after')]).toEqual([503, '5']);
    expect(await full.json()).toMatchObject({ ready: false, checks: [{ ok: true }, { name: 'room', ok: false }] });
    for (let i = 0; i < 10; i++)
      hub.send({ type: 'xstate.error.actor.shard:9', actorId: 'shard:9', error: 'x' } as never);
    const ill = await fetch(`${http}/health`);
    expect(ill.status).toBe(503);
    expect(await ill.json()).toMatchObject({
      status: 'unhealthy',
      checks: expect.arrayContaining([{ name: 'actors', ok: false, detail: '10 failed in the last minute' }]),
    });
  });
});

describe('metrics', () => {
  test('Prometheus’ text, or JSON by Accept', async () => {
    const { url, http } = await startHub();
    const [a, b] = [await join(url, idOf(1)), await join(url, idOf(2))];
    a.send({ type: 'offer', networkName: 'net', targetPeerId: b.peerId, data: {} });
    await b.next('offer');
    a.send({ type: 'nonsense' });
    await a.settle();
    const response = await fetch(`${http}/metrics`);
    expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const text = await response.text();
    for (const line of [
      '# TYPE xstate_mesh_hub_connections gauge',
      'xstate_mesh_hub_connections 2',
      'xstate_mesh_hub_peers 2',
      'xstate_mesh_hub_up 1',
      'xstate_mesh_hub_relayed_total 1',
      'xstate_mesh_hub_refused_total{code="UNKNOWN_TYPE"} 1',
      'xstate_mesh_hub_reachable_hubs 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    // Read again it says the same: counters are not added up twice.
    expect(await (await fetch(`${http}/metrics`)).text()).toContain('xstate_mesh_hub_relayed_total 1\n');
    const json = await (await fetch(`${http}/metrics`, { headers: { Accept: 'application/json' } })).json();
    expect(json).toContainEqual(
      expect.objectContaining({ name: 'xstate_mesh_hub_peers', values: [{ value: 2, labels: {} }] }),
    );
  });
});

describe('tickets', () => {
  test('good once, for a while, for one id, and so many at most', () => {
    const tickets = new Tickets();
    expect(tickets.issue('a', undefined, 0)).toBe(TICKET_TTL_MS);
    expect([tickets.redeem('a', idOf(1), 1), tickets.redeem('a', idOf(1), 1)]).toEqual([true, false]);
    tickets.issue('b', idOf(1), 0);
    expect(tickets.redeem('b', idOf(2), 1)).toBe(false);
    tickets.issue('c', undefined, 0);
    expect(tickets.redeem('c', undefined, TICKET_TTL_MS)).toBe(false);
    for (let i = 0; i < TICKETS_MAX; i++) tickets.issue(`t${i}`, undefined, 0);
    expect(tickets.issue('one more', undefined, 1)).toBeUndefined();
    expect(tickets.issue('later', undefined, TICKET_TTL_MS)).toBeGreaterThan(0);
    expect(tickets.size).toBe(1);
  });

  test('a page asks its own server for one, and opens its socket with it', async () => {
    const { url, http } = await startHub({ authToken: 'sesame' });
    const ask = (token: string, query = '') =>
      fetch(`${http}/ticket${query}`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
    expect((await ask('wrong')).status).toBe(401);
    expect((await fetch(`${http}/ticket?token=sesame`, { method: 'POST' })).status).toBe(401);
    expect((await fetch(`${http}/ticket`)).status).toBe(405);
    expect((await ask('sesame', '?peerId=x')).status).toBe(400);
    const issued = (await (await ask('sesame', `?peerId=${idOf(1)}`)).json()) as { ticket: string; expiresMs: number };
    expect(issued.expiresMs).toBeGreaterThan(Date.now());
    const open = (ticket: string) =>
      new Promise((resolve) => {
        const socket = new WebSocket(`${url}/?peerId=${idOf(1)}&ticket=${ticket}`);
        socket.on('unexpected-response', (_, { statusCode }) => resolve(statusCode));
        socket.on('open', () => {
          socket.terminate();
          resolve('open');
        });
      });
    expect([await open(issued.ticket), await open(issued.ticket), await open('made-up')]).toEqual(['open', 401, 401]);
    const free = await startHub();
    expect((await fetch(`${free.http}/ticket`, { method: 'POST' })).status).toBe(404);
  });
});

describe('limits', () => {
  test('of one id, of one network, of networks', async () => {
    const hasty = await startHub({ perIdRate: 2 });
    for (let i = 0; i < 2; i++) {
      const client = await connect(hasty.url, idOf(1));
      client.socket.close();
      await client.closed;
    }
    const third = new HubClient(hasty.url, idOf(1));
    expect(await third.next('error')).toMatchObject({ code: 'RATE_LIMITED', retryAfterMs: 5_000 });
    expect((await third.closed).code).toBe(1008);
    const { url } = await startHub({ perNetworkMax: 1, networksMax: 2 });
    await join(url, idOf(1), 'a');
    const second = await connect(url, idOf(2));
    second.announce('a');
    expect(await second.next('error')).toMatchObject({ code: 'TOO_MANY_CONNECTIONS' });
    second.announce('b');
    second.announce('c');
    expect(await second.next('error')).toMatchObject({ code: 'TOO_MANY_NETWORKS' });
  });
});

describe('logs', () => {
  test('events by level, with their fields; no secret', async () => {
    const lines: [LogLevel, string, object | undefined][] = [];
    const logger = { log: (...line: [LogLevel, string, object?]) => void lines.push(line as never) };
    const { url } = await startHub({ logger, authToken: 'sesame' });
    const client = new HubClient(`${url}`, idOf(1), { headers: { Authorization: 'Bearer sesame' } });
    await client.next('connected');
    client.announce();
    await client.settle();
    expect(lines).toContainEqual(['info', 'hub.listening', expect.objectContaining({ event: 'hub.listening', url })]);
    expect(lines).toContainEqual([
      'debug',
      'peer.announced',
      expect.objectContaining({ peerId: idOf(1), network: 'net' }),
    ]);
    expect(JSON.stringify(lines)).not.toContain('sesame');
  });
});

describe('TLS', () => {
  const folder = mkdtempSync(joinPath(tmpdir(), 'hub-tls-'));
  const [tlsCert, tlsKey] = [joinPath(folder, 'cert.pem'), joinPath(folder, 'key.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...key, '-days', '1', ...subject, '-keyout', tlsKey, '-out', tlsCert], {
    stdio: 'pipe',
  });

  test('by files: wss and https on the port', async () => {
    const { url, http } = await startHub({ host: '127.0.0.1', tlsCert, tlsKey });
    expect([new URL(url).protocol, new URL(http).protocol]).toEqual(['wss:', 'https:']);
    const client = new HubClient(url, idOf(1), { rejectUnauthorized: false });
    expect(await client.next('connected')).toMatchObject({ data: { peerId: idOf(1) } });
    const status = await new Promise((resolve, reject) => {
      get(`${http}/health`, { rejectUnauthorized: false, agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on('error', reject);
    });
    expect(status).toBe(200);
  });

  test('one file alone, or one that is not there, is BAD_OPTION', async () => {
    expect(() => createHubActor({ tlsCert })).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
    const missing = createHubActor({ port: 0, tlsCert, tlsKey: `${tlsKey}.not` }).start();
    await expect(missing.listening()).rejects.toMatchObject({ code: 'BAD_OPTION' });
  });
});

describe('drain', () => {
  test('clients are told where else to go, and find each other there', async () => {
    const first = await startHub();
    const second = await startHub({ bootstrapHubs: first.url });
    await expect.poll(() => first.hub.getHubsStats().connectedHubs).toBe(1);
    const client = await join(first.url, idOf(1));
    const other = await join(second.url, idOf(2));
    const stopped = first.hub.shutdown();
    expect(await client.next('error')).toMatchObject({ code: 'DRAINING', data: { hubs: [second.url] } });
    await stopped;
    // Peers of the hub that drained are not buried, and nobody waits for them.
    other.send({ type: 'offer', networkName: 'net', targetPeerId: idOf(1), data: {} });
    expect(await other.next('error')).toMatchObject({ code: 'UNKNOWN_TARGET' });
    expect(other.of('peer-disconnected')).toEqual([]);
    const back = await join(second.url, idOf(1));
    other.send({ type: 'offer', networkName: 'net', targetPeerId: idOf(1), data: {} });
    await back.next('offer');
  });
});
