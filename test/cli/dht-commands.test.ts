/** Goal: the DHT is driven over stdin: records are called what the driver called them, and wrong fields are refused clearly. */
import { describe, expect, it } from 'vitest';
import { readCommandLine } from '../../runtime/cli/peer-protocol.ts';
import { runCli } from '../../runtime/cli/run.ts';
import { type FakeMesh, type FakeWorld, fakeWorld, idOf } from './fakes.ts';

async function peer(): Promise<FakeWorld & { readonly code: Promise<number>; readonly mesh: FakeMesh }> {
  const world = fakeWorld();
  const code = runCli(['peer', '--json'], world.dependencies);
  await world.stdout.until(({ json }) => json.some(({ event }) => event === 'joined'));
  return { ...world, code, mesh: world.meshes[0] as FakeMesh };
}

/** Its reply without what every line begins with. */
async function ask(world: FakeWorld, command: object): Promise<unknown> {
  const ref = JSON.stringify(command);
  world.stdin.write(`${JSON.stringify({ ...command, ref })}\n`);
  const line = await world.stdout.line((line) => line['event'] === 'reply' && line['ref'] === ref);
  return line['ok'] === true ? line['result'] : line['error'];
}

async function end(world: FakeWorld & { readonly code: Promise<number> }): Promise<void> {
  world.signal('SIGTERM');
  expect(await world.code).toBe(0);
}

describe('dht commands', () => {
  it('put, get, change and delete a record by the name that the driver gave it', async () => {
    const world = await peer();
    const value = { list: [{ $bytes: 'AQID' }] };
    expect(await ask(world, { cmd: 'dht.put', key: 'a', value, ttlMs: 5_000, cas: 0 })).toEqual({
      key: 'a',
      recordKey: idOf(3),
      seq: 2,
      holders: 8,
    });
    expect(await ask(world, { cmd: 'dht.get', key: 'a' })).toMatchObject({ key: 'a', value: 41, hops: 2, paths: 3 });
    expect(await ask(world, { cmd: 'dht.get', key: 'a', writer: idOf(9) })).toMatchObject({ key: 'a' });
    expect(await ask(world, { cmd: 'dht.update', key: 'a', add: 1 })).toMatchObject({ key: 'a', seq: 2, value: 42 });
    expect(await ask(world, { cmd: 'dht.update', key: 'a', value: 'new' })).toMatchObject({ value: 'new' });
    expect(await ask(world, { cmd: 'dht.delete', key: 'a', kind: 'mutable' })).toMatchObject({ key: 'a', holders: 8 });
    expect(await ask(world, { cmd: 'dht.put', kind: 'immutable', value: 1 })).toMatchObject({ holders: 8 });
    expect(await ask(world, { cmd: 'lookup', id: idOf(5).toUpperCase() })).toEqual({
      id: idOf(5),
      nodes: [idOf(5), idOf(7)],
    });
    expect(world.mesh.asked).toEqual([
      ['dht.put', 'a', { list: [new Uint8Array([1, 2, 3])] }, { ttlMs: 5_000, cas: 0 }],
      ['dht.get', 'a'],
      ['dht.get', { writer: idOf(9), salt: 'a' }],
      ['dht.put', 'a', 42, {}],
      ['dht.put', 'a', 'new', {}],
      ['dht.put', 'a', undefined, { kind: 'mutable' }],
      ['dht.put', undefined, 1, { kind: 'immutable' }],
    ]);
    await end(world);
  });

  it('tell changes under the name that was subscribed to, and steps of lookups not at all', async () => {
    const world = await peer();
    const { recordKey } = (await ask(world, { cmd: 'dht.subscribe', key: 'a' })) as { recordKey: string };
    const change = { deleted: false, seq: 4, writer: idOf(2) };
    world.mesh.emit({ type: 'dht.progress', lookup: 1, key: recordKey, asked: 1, answered: 0, found: 0 });
    world.mesh.emit({ type: 'dht.changed', key: recordKey, value: new Uint8Array([1, 2, 3]), ...change });
    world.mesh.emit({ type: 'dht.changed', key: idOf(99), name: 'b', value: undefined, ...change, deleted: true });
    await world.stdout.until(({ json }) => json.filter(({ event }) => event === 'dht.changed').length === 2);
    const lines = world.stdout.json.filter(({ event }) => String(event).startsWith('dht.'));
    const owner = { event: 'dht.changed', peer: 0, peerId: idOf(1) };
    expect(lines).toEqual([
      { ...owner, key: 'a', recordKey, value: { $bytes: 'AQID' }, ...change },
      { ...owner, key: 'b', name: 'b', recordKey: idOf(99), value: null, ...change, deleted: true },
    ]);
    expect(await ask(world, { cmd: 'dht.unsubscribe', key: 'a' })).toEqual({ key: 'a' });
    await end(world);
  });

  it('tell why they cannot be carried out', async () => {
    const world = await peer();
    expect(await ask(world, { cmd: 'dht.stats' })).toMatchObject({ code: 'FEATURE_OFF' });
    for (const command of [
      { cmd: 'dht.put', value: 1 },
      { cmd: 'dht.update', key: 'a' },
      { cmd: 'dht.update', key: 'a', value: 1, add: 1 },
    ]) {
      expect(await ask(world, command)).toMatchObject({ code: 'BAD_COMMAND' });
    }
    await end(world);
  });

  it.each([
    [{ cmd: 'dht.put', key: 'a' }, 'dht.put: value: is missing'],
    [{ cmd: 'dht.put', key: 'a', value: 1, ttlMs: 1 }, 'dht.put: ttlMs'],
    [{ cmd: 'dht.put', key: 'a', value: { $bytes: '*' } }, 'dht.put: $bytes must be base64'],
    [{ cmd: 'dht.put', key: 'a', value: 1, kind: 'other' }, 'dht.put: kind'],
    [{ cmd: 'dht.get' }, 'dht.get: key: is missing'],
    [{ cmd: 'lookup', id: 'a' }, 'lookup: id: must be 40 hex digits'],
  ])('%j is refused', (line, message) => {
    expect(readCommandLine(JSON.stringify(line), 1)).toMatchObject({
      type: 'refused',
      message: expect.stringContaining(message),
    });
  });
});
