/** Goal: the built program does what docs/cli.md says, as real processes with real sockets and real WebRTC. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cli, startHub } from './processes.ts';

it('answers help, version and usage errors', async () => {
  const help = cli(['--help']);
  expect(await help.exited).toBe(0);
  expect(help.lines.join('\n')).toContain('demo');
  expect(await cli(['--version']).exited).toBe(0);
  const wrong = cli(['hub', '--prot', '1']);
  expect(await wrong.exited).toBe(2);
  expect(wrong.stderr).toBe('xstate-mesh: BAD_OPTION: Unknown flag --prot. See xstate-mesh hub --help\n');
  const odd = cli(['hub', '--public-url', 'x']);
  expect(await odd.exited).toBe(2);
  expect(odd.stderr).toContain('BAD_OPTION: --public-url (PUBLIC_URL) must be');
});

it('makes identities, with secrets in a private file only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ids-'));
  try {
    const file = join(folder, 'peers.ids');
    const id = cli(['id', '-n', '2', '--json', '--out', file]);
    expect(await id.exited).toBe(0);
    const stored = (await readFile(file, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(id.json).toEqual(stored.map(({ peerId, publicKey }) => ({ event: 'identity', peerId, publicKey })));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(id.lines.join()).not.toContain(stored[0].secretKey);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('runs a hub: listening first and once, its events, a graceful end', async () => {
  const { hub, url } = await startHub();
  expect(hub.json[0]).toEqual({
    event: 'listening',
    url: expect.stringMatching(/^ws:\/\//),
    http: expect.stringMatching(/^http:\/\//),
    hubId: expect.stringMatching(/^[0-9a-f]{40}$/),
  });
  const health = await fetch(new URL('/health', url.replace('ws:', 'http:')));
  expect(health.status).toBe(200);
  await health.arrayBuffer();
  expect(await hub.end('SIGINT')).toBe(0);
  expect(hub.json.filter(({ event }) => event === 'listening')).toHaveLength(1);
});

it('says that a port is taken; links with another hub', async () => {
  const { url } = await startHub();
  const second = cli(['hub', '--json'], { PORT: new URL(url).port });
  expect(await second.exited).toBe(1);
  expect(second.json.at(-1)).toMatchObject({ event: 'error', code: 'ADDRESS_IN_USE' });
  expect(second.stderr).toMatch(/^xstate-mesh hub: ADDRESS_IN_USE: .+\n$/);
  const linked = cli(['hub', '--json', '--port', '0', '--bootstrap-hubs', url, '--log-level', 'info']);
  const [connected] = await linked.linesOf({ event: 'bootstrap.connected' }, 1);
  expect(connected).toMatchObject({ url, hubId: expect.stringMatching(/^[0-9a-f]{40}$/) });
  const logged = linked.stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(logged).toContainEqual(
    expect.objectContaining({ level: 'info', message: 'hub.listening', time: expect.any(String) }),
  );
});

it('drives peers over stdin: joined, linked, broadcast, direct, status, leave', async () => {
  const { url } = await startHub();
  const peers = cli(['peer', '--json', '--hub', url, '--network', 'e2e', '--count', '3']);
  const joined = await peers.linesOf({ event: 'joined' }, 3);
  expect(joined.map(({ peer }) => peer).sort()).toEqual([0, 1, 2]);
  // Three peers below their floor link each to each.
  await peers.linesOf({ event: 'peer.connected' }, 6);
  const ids = [0, 1, 2].map((peer) => String(joined.find((line) => line['peer'] === peer)?.['peerId']));

  peers.say({ cmd: 'broadcast', peer: 0, data: { bytes: { $bytes: 'AAH/' }, text: 'é' }, ref: 'b' });
  const { result } = (await peers.line({ event: 'reply', ref: 'b' })) as { result?: { id?: string } };
  const heard = await peers.linesOf({ event: 'message', kind: 'broadcast' }, 2);
  expect(heard.map(({ peer }) => peer).sort()).toEqual([1, 2]);
  for (const message of heard) {
    expect(message).toMatchObject({ from: ids[0], id: result?.id, data: { bytes: { $bytes: 'AAH/' }, text: 'é' } });
  }

  peers.say({ cmd: 'direct', peer: 1, to: ids[2], data: 'psst', ref: 'd' });
  expect(await peers.line({ event: 'reply', ref: 'd' })).toMatchObject({
    ok: true,
    result: { id: expect.stringMatching(/^[0-9a-f]{32}$/), hops: 1, ms: expect.any(Number) },
  });
  expect(await peers.line({ event: 'message', kind: 'direct' })).toMatchObject({ peer: 2, from: ids[1], data: 'psst' });

  peers.say({ cmd: 'status', ref: 's' });
  for (const { result: status } of await peers.linesOf({ event: 'reply', ref: 's' }, 3)) {
    expect(status).toMatchObject({
      network: 'e2e',
      state: 'joined',
      hubs: [{ url, state: expect.stringMatching(/^open/) }],
      maxPeers: 8,
      uptimeMs: expect.any(Number),
      counters: expect.any(Object),
    });
  }

  peers.say('this is no command');
  expect(await peers.line({ event: 'error', code: 'BAD_COMMAND' })).not.toHaveProperty('peer');
  peers.say({ cmd: 'leave', peer: 0, ref: 'l' });
  await peers.line({ event: 'left', peer: 0 });
  await peers.linesOf({ event: 'peer.disconnected', remote: ids[0] }, 2);
  peers.child.stdin.end();
  expect(await peers.end('SIGTERM')).toBe(0);
  expect(peers.json.filter(({ event }) => event === 'left')).toHaveLength(3);
});

it('survives a reader that closes stdout', async () => {
  const { hub, url } = await startHub();
  const peers = cli(['peer', '--json', '--hub', url, '--count', '2']);
  await peers.linesOf({ event: 'joined' }, 2);
  peers.child.stdout.destroy();
  peers.say({ cmd: 'status' });
  peers.say({ cmd: 'leave' });
  expect(await peers.exited).toBe(0);
  await hub.linesOf({ event: 'peer.goodbye' }, 2);
});

it('keeps the same peers with an identity file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ids-'));
  try {
    const { url } = await startHub();
    const file = join(folder, 'mine.ids');
    const idsOf = async (count: number): Promise<unknown[]> => {
      const peers = cli(['peer', '--json', '--hub', url, '--count', String(count), '--identity', file]);
      const joined = await peers.linesOf({ event: 'joined' }, count);
      expect(await peers.end('SIGINT')).toBe(0);
      return joined.sort((a, b) => Number(a['peer']) - Number(b['peer'])).map(({ peerId }) => peerId);
    };
    const first = await idsOf(1);
    expect((await idsOf(2))[0]).toBe(first[0]);
    // While one process uses them no other one does.
    const peers = cli(['peer', '--json', '--hub', url, '--identity', file]);
    await peers.linesOf({ event: 'joined' }, 1);
    const second = cli(['peer', '--json', '--hub', url, '--identity', file]);
    expect(await second.exited).toBe(1);
    expect(second.json).toMatchObject([{ event: 'error', code: 'IDENTITY_IN_USE' }]);
    expect(await peers.end('SIGINT')).toBe(0);
  } finally {
    await rm(folder, { recursive: true });
  }
});

it('demo --once: every peer joined, one component, every message delivered', async () => {
  const demo = cli(['demo', '--once', '--json', '--port', '0']);
  expect(await demo.exited).toBe(0);
  // Whoever reads the last line gets the summary, and every peer has left by then.
  expect(demo.json.filter(({ event }) => event === 'left')).toHaveLength(3);
  expect(demo.json.filter(({ event }) => event === 'summary')).toHaveLength(1);
  expect(demo.json.at(-1)).toEqual({
    event: 'summary',
    url: expect.stringMatching(/^ws:\/\/.+:\d+$/),
    page: expect.stringMatching(/^http:\/\/.+:\d+\/?$/),
    peers: 3,
    components: 1,
    joinedMs: expect.any(Number),
    broadcast: { expected: 6, delivered: 6 },
  });
});

it('a hub that asks for a token lets in the demo’s own peers, and others that bring it', async () => {
  const demo = cli(['demo', '--json', '--port', '0', '--peers', '2'], { AUTH_TOKEN: 'open sesame& ' });
  const { url } = await demo.line({ event: 'summary', peers: 2, components: 1 });
  const args = ['peer', '--json', '--hub', String(url), '--network', 'demo'];
  const [stranger, byFlag, byVariable] = [
    // What a hub of this machine asks for is not told to other hubs unasked.
    cli(args, { AUTH_TOKEN: 'open sesame&' }),
    cli([...args, '--token', 'open sesame&']),
    cli(args, { PEER_TOKEN: ' open sesame& ' }),
  ];
  await Promise.all([byFlag.line({ event: 'joined' }), byVariable.line({ event: 'joined' })]);
  expect(await byFlag.line({ event: 'hub.connected' })).toMatchObject({ url });
  expect(await stranger.line({ event: 'status.changed', code: 'HUB_UNREACHABLE' })).toMatchObject({
    message: expect.stringContaining('token'),
  });
  await Promise.all([stranger, byFlag, byVariable, demo].map((program) => program.end('SIGINT')));
});

it('demo stays up with its page, for people and for peers, until it is told to stop', async () => {
  const demo = cli(['demo', '--json', '--port', '0', '--peers', '4']);
  const { url, page } = await demo.line({ event: 'summary', peers: 4, components: 1 });
  const answer = await fetch(String(page));
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('text/html');
  expect(await answer.text()).toContain('<script');
  const guest = cli(['peer', '--json', '--hub', String(url), '--network', 'demo']);
  const { peerId } = await guest.line({ event: 'joined' });
  await guest.line({ event: 'peer.connected' });
  guest.say({ cmd: 'broadcast', data: 'hello demo' });
  const heard = await demo.until(({ json }) => {
    const messages = json.filter(({ event, from }) => event === 'message' && from === peerId);
    return messages.length >= 4 && messages;
  });
  expect(new Set(heard.map(({ peer }) => peer)).size).toBe(4);
  await guest.end();
  expect(await demo.end('SIGINT')).toBe(0);
});

it('demo fails plainly when the port asked for is taken', async () => {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    const demo = cli(['demo', '--once', '--json', '--host', '127.0.0.1', '--port', String(port)]);
    expect(await demo.exited).toBe(1);
    expect(demo.json.at(-1)).toMatchObject({ event: 'error', code: 'ADDRESS_IN_USE' });
  } finally {
    await new Promise((closed) => server.close(closed));
  }
});

it('demo takes a free port when nobody asked for 3000 and that is taken', async () => {
  const servers = ['127.0.0.1', '::1'].map((host) => {
    const server = createServer();
    // Taken by somebody else, or no such address: just as well.
    return new Promise<() => Promise<void>>((ready) => {
      server.on('error', () => ready(async () => undefined));
      server.listen(3000, host, () => ready(() => new Promise((closed) => server.close(() => closed()))));
    });
  });
  const closers = await Promise.all(servers);
  try {
    const demo = cli(['demo', '--once', '--json', '--peers', '1']);
    expect(await demo.exited).toBe(0);
    const { url } = demo.json.find(({ event }) => event === 'summary') ?? {};
    expect(new URL(String(url)).port).not.toBe('3000');
  } finally {
    await Promise.all(closers.map((close) => close()));
  }
});

it('tells a peer in another process that it left on a signal, and that its hub went away and came back', async () => {
  const { hub, url } = await startHub();
  const stays = cli(['peer', '--json', '--hub', url]);
  const goes = cli(['peer', '--json', '--hub', url]);
  const { peerId } = await goes.line({ event: 'joined' });
  await stays.line({ event: 'peer.connected', remote: peerId });
  await goes.line({ event: 'peer.connected' });
  expect(await goes.end('SIGINT')).toBe(0);
  await stays.line({ event: 'peer.disconnected', remote: peerId, reason: 'left' });
  expect(await hub.end()).toBe(0);
  await stays.line({ event: 'hub.disconnected', url });
  const again = cli(['hub', '--json', '--port', new URL(url).port]);
  await again.line({ event: 'listening' });
  await stays.linesOf({ event: 'hub.connected', url }, 2);
  expect(await stays.end()).toBe(0);
  expect(stays.json.filter(({ event }) => event === 'joined')).toHaveLength(1);
});

it('chats with people', async () => {
  const { url } = await startHub();
  const ada = cli(['peer', '--hub', url]);
  const bob = cli(['peer', '--hub', url]);
  await ada.until(({ lines }) => lines.some((line) => line.startsWith('+ linked')));
  await bob.until(({ lines }) => lines.some((line) => line.startsWith('+ linked')));
  ada.say('hello Bob');
  await bob.until(({ lines }) => lines.some((line) => line.endsWith(': hello Bob')));
  ada.say('/leave');
  expect(await ada.exited).toBe(0);
  await bob.until(({ lines }) => lines.some((line) => line.startsWith('- link to')));
  expect(await bob.end('SIGINT')).toBe(0);
});

it('tells a person once that the hub is gone and once that it is back', async () => {
  const { hub, url } = await startHub();
  const ada = cli(['peer', '--hub', url]);
  const has = (text: string) => ada.until(({ lines }) => lines.some((line) => line.includes(text)));
  await has('Joined as');
  await hub.end('SIGINT');
  await has('is gone');
  ada.say('/status');
  await has('trying again');
  const again = cli(['hub', '--json', '--port', new URL(url).port]);
  await again.line({ event: 'listening' });
  await has(`* hub ${url} is back`);
  expect(ada.lines.filter((line) => line.includes(url) && /^[*!]/.test(line))).toEqual([
    `* hub ${url} is there`,
    expect.stringMatching(/^\* hub .* is gone \(.+\); trying again$/),
    `* hub ${url} is back`,
  ]);
  expect(await ada.end('SIGINT')).toBe(0);
});
