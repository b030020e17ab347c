/** Goal: any line of stdin becomes a checked command or a clear refusal; any data becomes one JSON line. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromJsonData, toJsonData } from '../../runtime/cli/json-data.ts';
import { eventLine, PEER_COMMANDS, readCommandLine, replyLine } from '../../runtime/cli/peer-protocol.ts';
import { MeshError } from '../../runtime/errors.ts';
import { idOf } from './fakes.ts';

const read = (line: unknown) => readCommandLine(typeof line === 'string' ? line : JSON.stringify(line), 3);
const owner = { peer: 1, peerId: idOf(1) };

describe('lines in', () => {
  it('reads each command with its arguments', () => {
    expect(read({ cmd: 'broadcast', peer: 0, data: { a: 1 }, ref: 'a1' })).toEqual({
      type: 'command',
      ref: 'a1',
      peer: 0,
      command: { cmd: 'broadcast', data: { a: 1 } },
    });
    expect(read({ cmd: 'direct', to: idOf(9).toUpperCase(), data: null, ref: 7 })).toMatchObject({
      ref: 7,
      peer: undefined,
      command: { cmd: 'direct', to: idOf(9), data: null },
    });
    expect(read({ cmd: 'set', maxPeers: 4, eviction: false })).toMatchObject({
      command: { maxPeers: 4, eviction: false },
    });
    for (const cmd of ['status', 'leave', 'peers', 'explain', 'connectAll']) {
      expect(read({ cmd })).toMatchObject({ type: 'command', command: { cmd } });
    }
  });

  it('turns $bytes into bytes at any depth', () => {
    const line = read({ cmd: 'broadcast', data: { list: [{ $bytes: 'AQID' }] } });
    expect(line).toMatchObject({ command: { data: { list: [new Uint8Array([1, 2, 3])] } } });
  });

  it('ignores fields it does not know and empty lines', () => {
    expect(read({ cmd: 'status', colour: 'red' })).toMatchObject({ type: 'command', command: { cmd: 'status' } });
    expect(read('   ')).toEqual({ type: 'empty' });
  });

  it.each([
    ['{', /^Not JSON/],
    ['[]', /^Not a command/],
    ['"broadcast"', /^Not a command/],
    ['{"peer":0}', /^Not a command: cmd/],
    ['{"cmd":"status","ref":{}}', /^Not a command: ref/],
    ['{"cmd":"status","peer":"0"}', /^Not a command: peer/],
  ])('%s is no command at all', (line, message) => {
    expect(read(line)).toEqual({ type: 'unparsable', message: expect.stringMatching(message) });
  });

  it.each([
    [{ cmd: 'fly' }, 'Unknown command "fly": one of broadcast'],
    [{ cmd: 'toString' }, 'Unknown command "toString"'],
    [{ cmd: 'status', peer: 3 }, 'Unknown peer 3: this process runs peers 0 to 2'],
    [{ cmd: 'status', peer: -1 }, 'Unknown peer -1'],
    [{ cmd: 'status', peer: 0.5 }, 'Unknown peer 0.5'],
    [{ cmd: 'broadcast' }, 'broadcast: data: is missing'],
    [{ cmd: 'broadcast', data: { $bytes: '!' } }, 'broadcast: $bytes must be base64 text'],
    [{ cmd: 'broadcast', data: 1, hopsMax: 0 }, 'broadcast: hopsMax'],
    [{ cmd: 'direct', to: 'abc', data: 1 }, 'direct: to: must be a peer id: 40 hex digits'],
    [{ cmd: 'set', maxPeers: 1 }, 'set: maxPeers'],
  ])('refuses %j and keeps its ref', (line, message) => {
    const answer = read({ ...line, ref: 'r' });
    expect(answer).toEqual({ type: 'refused', ref: 'r', message: expect.stringContaining(message) });
  });

  it('refuses data that is nested too deep, without overflowing', () => {
    const depth = 100_000;
    const line = `{"cmd":"broadcast","data":${'['.repeat(depth)}${']'.repeat(depth)},"ref":"r"}`;
    expect(read(line)).toMatchObject({ type: 'refused', message: expect.stringContaining('nested deeper') });
  });

  it('is total', () => {
    fc.assert(fc.property(fc.string(), (line) => void read(line)));
    const command = fc.record(
      { cmd: fc.oneof(fc.constantFrom(...PEER_COMMANDS), fc.string()), peer: fc.jsonValue(), to: fc.jsonValue() },
      { requiredKeys: [] },
    );
    fc.assert(fc.property(command, fc.jsonValue(), (line, data) => void read({ ...line, data })));
  });
});

describe('data', () => {
  it('comes back as it went out, bytes included', () => {
    const value = { text: 'é', list: [1, null, new Uint8Array([0, 255])], nested: { __proto__x: true } };
    expect(fromJsonData(JSON.parse(JSON.stringify(toJsonData(value))))).toEqual({ ok: true, value });
  });

  it('never throws on what a stranger may send', () => {
    let deep: unknown = 'bottom';
    for (let i = 0; i < 50_000; i++) deep = [deep];
    expect(JSON.stringify(toJsonData(deep)).length).toBeLessThan(200);
    expect(JSON.stringify(toJsonData({ big: 1n, bad: new Date(Number.NaN), fn: () => 1, u: undefined }))).toBe(
      '{"big":"1","bad":null,"fn":null}',
    );
  });

  it('keeps a key named __proto__ a key', () => {
    const read = fromJsonData(JSON.parse('{"__proto__":{"evil":true}}'));
    expect(read.ok && Object.keys(read.value as object)).toEqual(['__proto__']);
    expect(({} as { evil?: boolean }).evil).toBeUndefined();
  });
});

describe('lines out', () => {
  it('puts the owner into every event and lets no payload pass for another', () => {
    expect(eventLine(owner, { type: 'peer.connected', remote: idOf(2) })).toEqual({
      event: 'peer.connected',
      ...owner,
      remote: idOf(2),
    });
    const message = { from: idOf(2), data: new Uint8Array([1]), kind: 'direct', id: 'x', hops: 2 } as const;
    expect(eventLine(owner, { type: 'message', ...message, sentAtMs: 0 })).toEqual({
      event: 'message',
      ...owner,
      ...message,
      data: { $bytes: 'AQ==' },
    });
    const error = new MeshError('QUEUE_FULL', 'full', { peerId: idOf(2) });
    expect(eventLine(owner, { type: 'error', error })).toEqual({
      event: 'error',
      ...owner,
      code: 'QUEUE_FULL',
      message: 'full',
      remote: idOf(2),
    });
  });

  it('leaves out what is told otherwise', () => {
    expect(eventLine(owner, { type: 'reply', ref: 'internal', ok: true })).toBeUndefined();
    expect(eventLine(owner, { type: 'joined', ms: 1 })).toBeUndefined();
  });

  it('answers a refusal with a reply, or with an error when nobody waits for it', () => {
    const error = { code: 'LEFT', message: 'gone' };
    expect(replyLine(owner, 'r', { error })).toEqual({ event: 'reply', ...owner, ref: 'r', ok: false, error });
    expect(replyLine(undefined, undefined, { error })).toEqual({ event: 'error', ...error });
    expect(replyLine(owner, 0, { result: undefined })).toEqual({
      event: 'reply',
      ...owner,
      ref: 0,
      ok: true,
      result: null,
    });
  });
});
