/** Goal: `peer` keeps its line protocol whatever the driver does: order, refs, indexes, and how it ends. */
import { describe, expect, it } from 'vitest';
import { OUTPUT_BACKLOG_BYTES } from '../../runtime/cli/output.ts';
import { runCli } from '../../runtime/cli/run.ts';
import { MeshError } from '../../runtime/errors.ts';
import { FakeMesh, type FakeWorld, fakeWorld, idOf } from './fakes.ts';

/** Runs `peer --json` until every peer has joined. */
async function peers(...flags: string[]): Promise<FakeWorld & { readonly code: Promise<number> }> {
  const world = fakeWorld();
  const code = runCli(['peer', '--json', ...flags], world.dependencies);
  await world.stdout.until(
    ({ json }) =>
      world.meshes.length > 0 && json.filter(({ event }) => event === 'joined').length >= world.meshes.length,
  );
  return { ...world, code };
}
const say = (world: FakeWorld, ...commands: unknown[]): void => {
  for (const command of commands) {
    world.stdin.write(`${typeof command === 'string' ? command : JSON.stringify(command)}\n`);
  }
};
const reply = (world: FakeWorld, ref: unknown) =>
  world.stdout.line((line) => line['event'] === 'reply' && line['ref'] === ref);

describe('peer --json', () => {
  it('tells joined once a peer, with index and id', async () => {
    const world = await peers('--count', '3');
    expect(world.stdout.json).toEqual(
      [0, 1, 2].map((peer) => ({ event: 'joined', peer, peerId: idOf(peer + 1), ms: 7 })),
    );
    world.signal('SIGTERM');
    expect(await world.code).toBe(0);
  });

  it('hands its flags to the meshes', async () => {
    const world = await peers(
      '--hub',
      'ws://a,wss://b',
      '--network',
      'n',
      '--max-peers',
      '4',
      '--no-eviction',
      '--dial-on-demand',
    );
    expect(world.options[0]).toMatchObject({
      signaling: ['ws://a', 'wss://b', { url: 'invitation:' }],
      network: 'n',
      maxPeers: 4,
      eviction: false,
      xorRouting: true,
      dialOnDemand: true,
      rtc: { name: 'native' },
    });
    expect(world.options[0]).not.toHaveProperty('minPeers');
    world.signal('SIGINT');
    await world.code;
  });

  it('gives each peer a store of its own, and says when one is in use', async () => {
    const world = await peers('--count', '2', '--store', 'kept');
    expect(world.options).toMatchObject([{ store: { name: 'kept/peer-0' } }, { store: { name: 'kept/peer-1' } }]);
    world.signal('SIGTERM');
    expect(await world.code).toBe(0);
    const { dependencies, stdout } = fakeWorld();
    expect(await runCli(['peer', '--json', '--store', 'used'], dependencies)).toBe(1);
    expect(stdout.json).toEqual([{ event: 'error', code: 'STORE_IN_USE', message: 'Another process uses it.' }]);
  });

  it('runs without any hub', async () => {
    const world = await peers('--hub', 'none');
    expect(world.options[0]).toMatchObject({ signaling: [{ url: 'invitation:' }] });
    world.signal('SIGINT');
    await world.code;
  });

  it('writes invitations and takes texts', async () => {
    const world = await peers();
    say(
      world,
      { cmd: 'invite', uses: 2, lifetimeMs: 60_000, ref: 'i' },
      { cmd: 'accept', text: 'first', ref: 'a' },
      { cmd: 'accept', text: 'last', ref: 'l' },
      { cmd: 'accept', text: 'old', ref: 'o' },
      { cmd: 'invite', uses: 65, ref: 'u' },
      { cmd: 'accept', ref: 'n' },
    );
    const text = 'invitation {"lifetimeMs":60000,"uses":2}';
    expect(await reply(world, 'i')).toMatchObject({ ok: true, result: { text, expiresMs: 1_700_000_000_000 } });
    expect(await reply(world, 'a')).toMatchObject({ ok: true, result: { text: 'answer to first' } });
    expect(await reply(world, 'l')).toMatchObject({ ok: true, result: { text: null } });
    expect(await reply(world, 'o')).toMatchObject({ ok: false, error: { code: 'EXPIRED' } });
    expect(await reply(world, 'u')).toMatchObject({ ok: false, error: { code: 'BAD_COMMAND' } });
    expect(await reply(world, 'n')).toMatchObject({ ok: false, error: { code: 'BAD_COMMAND' } });
    world.signal('SIGINT');
    await world.code;
  });

  it('says of each message which subscriptions it is for, and prints it once', async () => {
    const world = await peers();
    say(
      world,
      { cmd: 'topic.subscribe', peer: 0, topic: 'news.*', ref: 1 },
      { cmd: 'topic.subscribe', peer: 0, topic: 'news.sport', ref: 2 },
      { cmd: 'topic.subscribe', peer: 0, topic: 'a*', ref: 3 },
    );
    expect((await reply(world, 2))['result']).toEqual({ topics: ['news.*', 'news.sport'] });
    expect(await reply(world, 3)).toMatchObject({ ok: false, error: { code: 'BAD_OPTION' } });
    const message = { type: 'message', from: idOf(9), data: 1, kind: 'broadcast', hops: 1, sentAtMs: 0 } as const;
    const mesh = world.meshes[0];
    mesh?.emit({ ...message, id: 'a', topic: 'news.sport' });
    mesh?.emit({ ...message, id: 'b', topic: 'other' });
    say(world, { cmd: 'topic.unsubscribe', peer: 0, topic: 'news.*', ref: 4 });
    expect((await reply(world, 4))['result']).toEqual({ topics: ['news.sport'] });
    mesh?.emit({ ...message, id: 'c', topic: 'news.sport' });
    await world.stdout.line((line) => line['id'] === 'c');
    const lines = world.stdout.json.filter((line) => line['event'] === 'message');
    expect(lines.map((line) => [line['id'], line['topic'], line['subscriptions']])).toEqual([
      ['a', 'news.sport', ['news.sport', 'news.*']],
      ['b', 'other', undefined],
      ['c', 'news.sport', ['news.sport']],
    ]);
    world.signal('SIGINT');
    await world.code;
  });

  it('tells who confirmed a reliable broadcast, and of each news when asked to', async () => {
    const world = await peers();
    const options = { topic: 't', timeoutMs: 2_000, retries: 1, retryMs: 500 };
    say(
      world,
      { cmd: 'broadcast.reliable', data: 'x', ...options, progress: true, ref: 1 },
      { cmd: 'broadcast.reliable', data: 'x', retries: 17, ref: 2 },
    );
    const [id, confirmed, missing] = ['ef'.repeat(16), [idOf(2)], [idOf(3)]];
    expect((await reply(world, 1))['result']).toEqual({
      id,
      confirmed,
      missing,
      expected: 2,
      complete: false,
      retries: 1,
      ms: 4,
    });
    expect(await reply(world, 2)).toMatchObject({ ok: false, error: { code: 'BAD_COMMAND' } });
    expect(world.stdout.json.filter((line) => line['event'] === 'broadcast.progress')).toEqual([
      { event: 'broadcast.progress', peer: 0, peerId: idOf(1), id, confirmed: 1, missing: 1, ms: 4 },
    ]);
    expect(world.meshes[0]?.asked).toEqual([['broadcastReliable', 'x', options]]);
    world.signal('SIGINT');
    await world.code;
  });

  it('carries out commands and answers each by its ref', async () => {
    const world = await peers();
    const to = idOf(77);
    say(
      world,
      { cmd: 'broadcast', peer: 0, data: { $bytes: 'AQI=' }, topic: 't', ref: 'b' },
      { cmd: 'direct', peer: 0, to, data: 'x', ref: 'd' },
      { cmd: 'direct', to: idOf(999), data: 'x', ref: 'e' },
      { cmd: 'tell', peer: 0, to, data: 3, ref: 't' },
      { cmd: 'tell', peer: 0, to, data: 'the link is full', ref: 'f' },
      { cmd: 'status', ref: 's' },
      { cmd: 'peers', ref: 'p' },
      { cmd: 'set', maxPeers: 3, minPeers: 2, ref: 'set' },
      { cmd: 'explain', ref: 'x' },
      { cmd: 'openRoom', peer: 0, room: 'r', members: [to], ref: 'o' },
      { cmd: 'joinRoom', peer: 0, room: 'r', owner: to },
      { cmd: 'inviteToRoom', peer: 0, room: 'r', to },
      { cmd: 'expelFromRoom', peer: 0, room: 'r', to },
      { cmd: 'leaveRoom', peer: 0, room: 'r' },
      { cmd: 'broadcast', peer: 0, data: 1, encrypt: 'r', ordered: true },
      { cmd: 'direct', peer: 0, to, data: 2, encrypt: true },
      { cmd: 'rooms', ref: 'rooms' },
    );
    const owner = { peer: 0, peerId: idOf(1) };
    expect(await reply(world, 'b')).toEqual({
      event: 'reply',
      ...owner,
      ref: 'b',
      ok: true,
      result: { id: 'ab'.repeat(16) },
    });
    expect((await reply(world, 'd'))['result']).toEqual({ id: 'cd'.repeat(16), hops: 1, ms: 3 });
    expect(await reply(world, 'e')).toMatchObject({
      ok: false,
      error: { code: 'DIRECT_TIMEOUT', message: 'Nobody answered.' },
    });
    expect((await reply(world, 't'))['result']).toBeNull();
    expect((await reply(world, 'f'))['result']).toBeNull();
    expect((await reply(world, 's'))['result']).toMatchObject({ state: 'joined', links: [{ role: 'near' }, {}] });
    expect((await reply(world, 'p'))['result']).toEqual({ peers: [idOf(0xabc)], discovered: 2 });
    expect((await reply(world, 'set'))['result']).toEqual({ minPeers: 2, maxPeers: 3 });
    expect(await reply(world, 'x')).toMatchObject({ ok: false, error: { code: 'FEATURE_OFF' } });
    expect(world.meshes[0]?.asked).toEqual([
      ['broadcast', new Uint8Array([1, 2]), { topic: 't' }],
      ['direct', to, 'x', {}],
      ['direct', idOf(999), 'x', {}],
      ['tell', to, 3],
      ['tell', to, 'the link is full'],
      ['drained', to],
      ['openRoom', 'r', [to]],
      ['joinRoom', 'r', to],
      ['inviteToRoom', 'r', to],
      ['expelFromRoom', 'r', to],
      ['leaveRoom', 'r'],
      ['broadcast', 1, { encrypt: 'r', ordered: true }],
      ['direct', to, 2, { encrypt: true }],
    ]);
    expect((await reply(world, 'o'))['result']).toBeNull();
    expect((await reply(world, 'rooms'))['result']).toMatchObject({ rooms: [{ room: 'r', epoch: 3 }] });
    world.signal('SIGINT');
    await world.code;
  });

  it('means every peer when none is named: as many replies, same ref', async () => {
    const world = await peers('--count', '3');
    say(world, { cmd: 'status', ref: 'all' });
    await world.stdout.until(({ json }) => json.filter(({ ref }) => ref === 'all').length === 3);
    expect(world.stdout.json.filter(({ ref }) => ref === 'all').map(({ peer }) => peer)).toEqual([0, 1, 2]);
    world.signal('SIGINT');
    await world.code;
  });

  it('answers what it cannot do: one reply with a ref, an error without peer for no command', async () => {
    const world = await peers('--count', '2');
    say(world, { cmd: 'fly', ref: 'f' }, { cmd: 'status', peer: 9, ref: 'i' }, 'nonsense', 'x'.repeat(1_048_577));
    say(world, { cmd: 'status', peer: 1, ref: 'still here' });
    await reply(world, 'still here');
    const { json } = world.stdout;
    expect(json.filter(({ ref }) => ref === 'f')).toEqual([
      { event: 'reply', ref: 'f', ok: false, error: { code: 'BAD_COMMAND', message: expect.any(String) } },
    ]);
    expect(json.filter(({ ref }) => ref === 'i')).toHaveLength(1);
    expect(json.filter(({ event }) => event === 'error')).toEqual([
      { event: 'error', code: 'BAD_COMMAND', message: expect.stringContaining('Not JSON') },
      { event: 'error', code: 'TOO_LARGE', message: expect.any(String) },
    ]);
    world.signal('SIGINT');
    await world.code;
  });

  it('replies to leave before it tells left, once, and exits 0 when all have left', async () => {
    const world = await peers('--count', '2');
    say(world, { cmd: 'leave', peer: 0, ref: 'l0' });
    await world.stdout.line(({ event }) => event === 'left');
    say(world, { cmd: 'broadcast', peer: 0, data: 1, ref: 'late' });
    expect(await reply(world, 'late')).toMatchObject({ ok: false, error: { code: 'LEFT' } });
    say(world, { cmd: 'leave', ref: 'l' });
    expect(await world.code).toBe(0);
    const told = world.stdout.json
      .filter(({ event, ref }) => event === 'left' || String(ref).startsWith('l'))
      .map(({ event, ref, peer }) => [event, ref, peer]);
    expect(told.filter(([, ref]) => ref !== 'late')).toEqual([
      ['reply', 'l0', 0],
      ['left', undefined, 0],
      ['reply', 'l', 0],
      ['reply', 'l', 1],
      ['left', undefined, 1],
    ]);
  });

  it('does not end with its stdin, and leaves gracefully on a signal', async () => {
    const world = await peers();
    world.stdin.end('{"cmd":"status","ref":"last, without newline"}');
    await reply(world, 'last, without newline');
    world.meshes[0]?.emit({ type: 'peer.connected', remote: idOf(5) });
    world.signal('SIGTERM');
    expect(await world.code).toBe(0);
    expect(world.stdout.json.slice(-2).map(({ event }) => event)).toEqual(['peer.connected', 'left']);
  });

  it('exits 1 when a mesh ends that nobody asked to', async () => {
    const world = await peers();
    world.meshes[0]?.fail();
    expect(await world.code).toBe(1);
    expect(world.stdout.json.slice(-2)).toEqual([
      { event: 'error', peer: 0, peerId: idOf(1), code: 'ACTOR_FAILED', message: 'The mesh failed.' },
      { event: 'left', peer: 0, peerId: idOf(1), reason: 'failed' },
    ]);
  });

  it('goes on when nobody reads its stdout, and ends when nobody writes its stdin either', async () => {
    const world = await peers();
    world.stdout.destroy(new Error('EPIPE'));
    world.meshes[0]?.emit({ type: 'peer.connected', remote: idOf(5) });
    say(world, { cmd: 'broadcast', data: 'unheard' });
    world.stdin.end();
    expect(await world.code).toBe(0);
    expect(world.meshes[0]?.asked).toEqual([['broadcast', 'unheard', {}]]);
  });

  it('drops events, not replies, for a reader that is too slow, and says how many', async () => {
    const world = await peers();
    const release = holdBack(world);
    const data = 'x'.repeat(1_048_576);
    const count = OUTPUT_BACKLOG_BYTES / data.length + 5;
    for (let i = 0; i < count; i++) {
      world.meshes[0]?.emit({
        type: 'message',
        from: idOf(2),
        data,
        kind: 'broadcast',
        id: String(i),
        hops: 1,
        sentAtMs: 0,
      });
    }
    say(world, { cmd: 'status', ref: 'kept' });
    release();
    await reply(world, 'kept');
    const error = await world.stdout.line(({ code }) => code === 'QUEUE_FULL');
    const printed = world.stdout.json.filter(({ event }) => event === 'message').length;
    expect(error['message']).toContain(`${count - printed} events were dropped`);
    world.signal('SIGINT');
    await world.code;
  });
});

/** Keeps stdout from taking anything until the result is called. */
function holdBack(world: FakeWorld): () => void {
  const { stdout } = world;
  stdout.cork();
  return () => stdout.uncork();
}

describe('peer for people', () => {
  it('takes lines as broadcasts and commands with a slash', async () => {
    const world = fakeWorld();
    const code = runCli(['peer'], world.dependencies);
    await world.stdout.until(({ text }) => text.includes('Joined as'));
    world.stdin.write('hello\n/to 00000 secret\n/peers\n/nope\n');
    await world.stdout.until(({ text }) => text.includes('/nope'));
    expect(world.stdout.text).toContain('2 peers start with');
    expect(world.meshes[0]?.asked).toEqual([['broadcast', 'hello', undefined]]);
    world.stdin.write(`/to ${idOf(0xabc)} psst\n`);
    await world.stdout.until(({ text }) => text.includes('got it'));
    world.stdin.write('/leave\n');
    expect(await code).toBe(0);
    expect(world.stdout.lines.at(-1)).toBe('00000000 has left.');
  });

  it('shows invitations in lines that a terminal takes, and takes texts that were pasted in lines', async () => {
    const text = 'abcdefgh'.repeat(500);
    const accepted: string[] = [];
    const { createInvitations } = fakeWorld().dependencies;
    const world = fakeWorld({
      createInvitations: async (given) => ({
        ...(await createInvitations(given)),
        invite: async () => ({ text, expiresMs: 1_700_000_000_000 }),
        accept: async (pasted) => {
          accepted.push(pasted);
          return pasted.length > 100 ? 'here you are' : undefined;
        },
      }),
    });
    const code = runCli(['peer', '--hub', 'none'], world.dependencies);
    await world.stdout.until(({ text: said }) => said.includes('Joined as'));
    world.stdin.write('/invite\n');
    await world.stdout.until(({ text: said }) => said.includes('good until 2023-11-14T22:13:20.000Z'));
    const shown = world.stdout.lines.filter((line) => /^[a-h]+$/.test(line));
    expect(shown.join('')).toBe(text);
    expect(Math.max(...shown.map((line) => line.length))).toBeLessThan(100);
    world.stdin.write(`/accept\n\n${shown.join('\n')}\n\n`);
    await world.stdout.until(({ text: said }) => said.includes('here you are'));
    world.stdin.write('/accept short\nhello\n');
    await world.stdout.until(({ text: said }) => said.includes('the link is on its way'));
    // A command ends what was begun by mistake, and is obeyed.
    world.stdin.write('/accept\nabc\n/as 0\nis heard\n');
    await world.stdout.until(({ text: said }) => said.includes('Speaking as peer 0'));
    expect(accepted).toEqual([text, 'short']);
    const said = ['hello', 'is heard'].map((words) => ['broadcast', words, undefined]);
    expect(world.meshes[0]?.asked).toEqual(said);
    world.signal('SIGINT');
    await code;
  });

  it('says when joining takes too long, and goes on', async () => {
    const world = fakeWorld({
      createMesh: async () => {
        const mesh = new FakeMesh(1);
        mesh.joined = () => Promise.reject(new MeshError('JOIN_TIMEOUT', 'No hub answered.'));
        return mesh;
      },
    });
    const code = runCli(['peer'], world.dependencies);
    await world.stdout.until(({ text }) => text.includes('! JOIN_TIMEOUT: No hub answered.'));
    world.signal('SIGINT');
    expect(await code).toBe(0);
  });
});
