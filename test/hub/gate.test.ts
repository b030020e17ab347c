/**
 * Goal: whoever may not connect costs a hub no socket of Node and no TLS handshake, and hears of it at once; on a Node without the
 * private way that this takes, the public one turns away the same.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, createConnection, Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { guardConnections, guardHandle } from '../../hub/gate.ts';
import { HUB_PLAIN_PER_IP_MAX } from '../../machines/shared/limits.ts';
import { HubClient, idOf, startHub } from './hub-kit.ts';

const BANNED = '127.0.0.2';
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Connects; true: it was heard with a request, false: the connection ended without a word. */
async function isServed(port: number, localAddress: string): Promise<boolean> {
  const socket = createConnection({ port, host: '127.0.0.1', localAddress });
  let heard = 0;
  socket.on('data', (bytes) => {
    heard += bytes.length;
  });
  socket.on('error', () => undefined); // reset, which is the point
  socket.write('GET / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n');
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return heard > 0;
}

/** What Node keeps of a server; its `onconnection` is what the quick way replaces. */
type Inside = { _handle: { onconnection: unknown } };

async function guarded(
  isQuick: boolean,
): Promise<{ port: number; sockets: () => number; asked: () => readonly string[] }> {
  const server = createServer((_request, response) => response.end('here'));
  servers.push(server);
  const asked: string[] = [];
  let sockets = 0;
  let own: unknown;
  server.once('listening', () => {
    own = (server as unknown as Inside)._handle.onconnection;
  });
  guardConnections(server, (address) => {
    asked.push(address);
    return address !== BANNED;
  });
  server.on('connection', () => {
    sockets++;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  if (!isQuick) (server as unknown as Inside)._handle.onconnection = own;
  return { port: (server.address() as AddressInfo).port, sockets: () => sockets, asked: () => asked };
}

describe.each([
  ['the quick way', true],
  ['the public way', false],
])('%s', (_name, isQuick) => {
  test('turns an address away and lets others in', async () => {
    const { port, sockets, asked } = await guarded(isQuick);
    for (let i = 0; i < 5; i++) expect(await isServed(port, BANNED)).toBe(false);
    // Each socket is one that Node made.
    expect(sockets()).toBe(isQuick ? 0 : 5);
    expect(await isServed(port, '127.0.0.3')).toBe(true);
    expect(new Set(asked())).toEqual(new Set([BANNED, '127.0.0.3']));
  });

  test('a crowd at once: all of one address are turned away, all others served', async () => {
    const { port } = await guarded(isQuick);
    const served = await Promise.all(
      Array.from({ length: 120 }, (_, i) => isServed(port, i % 3 === 0 ? `127.0.0.${10 + i}` : BANNED)),
    );
    expect(served.filter(Boolean)).toHaveLength(40);
    expect(served.every((isIn, i) => isIn === (i % 3 === 0))).toBe(true);
  });
});

test('where Node is not as expected, nothing is touched', () => {
  const never = (): boolean => false;
  expect(guardHandle(new Server(), never), 'not bound').toBe(false);
  for (const _handle of [undefined, null, {}, { onconnection: 7 }]) {
    const odd = { _handle } as unknown as Server; // a Node that is not this one
    expect(guardHandle(odd, never)).toBe(false);
    expect((odd as unknown as { _handle: unknown })._handle).toBe(_handle);
  }
  const taken: unknown[][] = [];
  const strange = { _handle: { onconnection: (...all: unknown[]) => taken.push(all) } };
  expect(guardHandle(strange as unknown as Server, never)).toBe(true);
  strange._handle.onconnection(0, { nothing: 'known' });
  strange._handle.onconnection(-1, undefined);
  expect(taken, 'what is unknown goes the usual way').toEqual([
    [0, { nothing: 'known' }],
    [-1, undefined],
  ]);
});

describe('a hub with TLS', () => {
  test('a refused address gets no handshake; others get in', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hub-tls-'));
    const [tlsCert, tlsKey] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...key, '-subj', '/CN=localhost', '-keyout', tlsKey, '-out', tlsCert], {
      stdio: 'pipe',
    });
    const { url, port } = await startHub({ host: '127.0.0.1', tlsCert, tlsKey, perIpMax: 2 });
    const most = 2 + HUB_PLAIN_PER_IP_MAX;
    const silent: Socket[] = [];
    for (let i = 0; i < most; i++) {
      const socket = createConnection({ host: '127.0.0.1', port, localAddress: BANNED });
      silent.push(socket);
      await once(socket, 'connect');
    }
    const refused = new HubClient(url, idOf(1), { localAddress: BANNED, rejectUnauthorized: false });
    const errors: NodeJS.ErrnoException[] = [];
    refused.socket.on('error', (error) => errors.push(error));
    expect((await refused.closed).code).toBe(1006);
    expect(errors.map(({ message }) => message).join()).toMatch(/TLS connection was established|ECONNRESET/);
    const other = new HubClient(url, idOf(2), { localAddress: '127.0.0.3', rejectUnauthorized: false });
    await other.next('connected');
    for (const socket of silent) socket.destroy();
  });
});

test('behind a trusted proxy all come from its address: none is turned away for that', async () => {
  const { url, hub } = await startHub({ perIpMax: 1, trustProxy: true });
  const count = 1 + HUB_PLAIN_PER_IP_MAX + 15;
  const clients = Array.from(
    { length: count },
    (_, i) => new HubClient(url, idOf(i + 1), { headers: { 'X-Forwarded-For': `203.0.113.${i + 1}` } }),
  );
  await Promise.all(clients.map((client) => client.next('connected')));
  expect(hub.getStats().connections).toBe(count);
});
