/**
 * Goal: what the chat page knows of the mesh is right, and nothing that a stranger sends can make it grow, throw or lie.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  cleanName,
  LINKS_MAX,
  LINKS_TOPIC,
  NAME_CHARS_MAX,
  readMessage,
  TEXT_CHARS_MAX,
} from '../../examples/browser-chat/messages.ts';
import { readOptions } from '../../examples/browser-chat/options.ts';
import { forget, HEARD_MS, type Hearsay, hear, peopleOf } from '../../examples/browser-chat/people.ts';
import { NODES_MAX, pictureOf } from '../../examples/browser-chat/picture.ts';
import type { LinkStatus, MeshStatus } from '../../runtime/api.ts';

const id = (n: number): string => n.toString(16).padStart(40, '0');
const link = (n: number, state = 'connected.healthy'): LinkStatus => ({
  peerId: id(n),
  state,
  role: 'near',
  adapter: 'test',
  rttMs: 1,
});
const statusOf = (me: number, links: readonly LinkStatus[]): MeshStatus => ({
  peerId: id(me),
  network: 'demo',
  state: 'joined',
  links,
  discovered: 0,
  hubs: [],
  minPeers: 5,
  maxPeers: 8,
  uptimeMs: 1,
  counters: {},
});
const heard = (entries: Readonly<Record<number, readonly number[]>>, name = 'N'): Hearsay =>
  Object.entries(entries).reduce<Hearsay>(
    (known, [from, links]) => hear(known, id(Number(from)), { name, links: links.map(id), atMs: 0, saidMs: 0 }),
    new Map(),
  );

describe('messages', () => {
  test('property: reading never throws and is bounded, whatever arrives', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withMap: true }), fc.boolean(), (data, isLinks) => {
        const message = readMessage(data, isLinks ? LINKS_TOPIC : undefined);
        if (message.kind === 'text') expect(message.text.length).toBeLessThanOrEqual(TEXT_CHARS_MAX + 1);
        else expect(message.links.length).toBeLessThanOrEqual(LINKS_MAX);
      }),
    );
  });

  test('a link list keeps ids only, each once, and a clean name', () => {
    const data = { name: ' Ada\n\u202Eevil ', links: [id(1), id(1), 'x', 7, id(2).toUpperCase(), id(2)] };
    expect(readMessage(data, LINKS_TOPIC)).toEqual({ kind: 'links', name: 'Ada evil', links: [id(1), id(2)] });
    expect(readMessage({ links: [], leaving: true }, LINKS_TOPIC)).toEqual({
      kind: 'links',
      name: '',
      links: [],
      leaving: true,
    });
    expect(readMessage({ links: [], leaving: 'yes' }, LINKS_TOPIC)).toEqual({ kind: 'links', name: '', links: [] });
    expect(readMessage(null, LINKS_TOPIC)).toEqual({ kind: 'links', name: '', links: [] });
    expect(readMessage({ links: Array.from({ length: 999 }, (_, n) => id(n)) }, LINKS_TOPIC)).toMatchObject({
      links: { length: LINKS_MAX },
    });
  });

  test('text stays text; other data is shown as JSON', () => {
    expect(readMessage('<b>hi</b>')).toEqual({ kind: 'text', text: '<b>hi</b>' });
    expect(readMessage({ hello: 1 })).toEqual({ kind: 'text', text: '{"hello":1}' });
    expect(readMessage(undefined)).toEqual({ kind: 'text', text: 'undefined' });
    expect(readMessage(1n)).toEqual({ kind: 'text', text: '[data that cannot be shown]' });
  });

  test('names are cut by characters, not in the middle of one', () => {
    expect(cleanName('😀'.repeat(99))).toBe('😀'.repeat(NAME_CHARS_MAX));
    expect(cleanName('  \u0000 ')).toBe('');
    expect(cleanName(7)).toBe('');
  });
});

describe('options of the address', () => {
  test('defaults are the page’s own origin and the network demo', () => {
    expect(readOptions('http://localhost:3000/')).toEqual({
      hub: 'ws://localhost:3000',
      network: 'demo',
      name: '',
      maxPeers: undefined,
      complaints: [],
    });
    expect(readOptions('https://hub.example/chat/').hub).toBe('wss://hub.example');
  });

  test('all can be set', () => {
    const address = 'http://a/?hub=wss%3A%2F%2Fh%3A1%2Fws&network=n&name=Ada&max=3';
    expect(readOptions(address)).toEqual({
      hub: 'wss://h:1/ws',
      network: 'n',
      name: 'Ada',
      maxPeers: 3,
      complaints: [],
    });
  });

  test('bad ones are told of and replaced', () => {
    const read = readOptions(`http://a/?hub=javascript:1&network=${'n'.repeat(65)}&max=1`);
    expect(read).toMatchObject({ hub: 'ws://a', network: 'demo', maxPeers: undefined });
    expect(read.complaints).toHaveLength(3);
    expect(readOptions('http://a/?max=2.5&network=').complaints).toHaveLength(2);
  });
});

describe('people', () => {
  test('links come first, then those on their way, then those reachable over others; we are not among them', () => {
    const status = statusOf(1, [link(5, 'dialing'), link(4), link(3, 'connected')]);
    const people = peopleOf(status, heard({ 4: [1, 9], 7: [] }));
    expect(people.map((person) => [Number.parseInt(person.id, 16), person.state, person.linked])).toEqual([
      [3, 'connected', true],
      [4, 'connected.healthy', true],
      [5, 'dialing', false],
      [7, 'reachable', false],
      [9, 'reachable', false],
    ]);
  });

  test('a name stays when later words carry none; the silent are forgotten, links apart', () => {
    let known = heard({ 2: [3], 4: [] });
    known = hear(known, id(2), { atMs: 5, saidMs: 1_005 });
    expect(known.get(id(2))).toEqual({ name: 'N', links: [id(3)], atMs: 5, saidMs: 1_005, gone: false });
    expect([...forget(known, new Set([id(4)]), HEARD_MS + 4).keys()]).toEqual([id(4), id(2)]);
    expect([...forget(known, new Set([id(4)]), HEARD_MS + 5).keys()]).toEqual([id(4)]);
    expect(forget(known, new Set(), 1)).toBe(known);
  });

  test('who left is shown nowhere, whoever still names it, until it speaks again', () => {
    const status = statusOf(1, [link(2)]);
    const seen = (known: Hearsay): number[] => [
      peopleOf(status, known).length,
      pictureOf(status, known, '').nodes.length,
    ];
    const before = heard({ 2: [3], 3: [2, 4] });
    expect(seen(before)).toEqual([3, 4]);
    const after = hear(before, id(3), { gone: true, atMs: 7 });
    expect(seen(after)).toEqual([1, 2]);
    expect(after.get(id(3))?.name).toBe('N');
    expect(seen(hear(after, id(2), { links: [id(3)], atMs: 8, saidMs: 8 }))).toEqual([1, 2]);
    // What it said before it left arrives late, whatever its clock says.
    expect(hear(after, id(3), { links: [id(2)], atMs: 4_000, saidMs: 600_000 })).toBe(after);
    expect(seen(hear(after, id(3), { links: [id(2)], atMs: 9_000, saidMs: 9_000 }))).toEqual([2, 3]);
  });

  test('words of one source count in the order in which they were said; its name counts also when it comes late', () => {
    const text = hear(new Map(), id(2), { atMs: 10, saidMs: 500_010 });
    const list = hear(text, id(2), { name: 'Ada', links: [id(3)], atMs: 11, saidMs: 500_000 });
    expect(list.get(id(2))).toEqual({ name: 'Ada', links: [id(3)], atMs: 10, saidMs: 500_010, gone: false });
    expect(hear(list, id(2), { name: 'Eve', links: [], atMs: 12, saidMs: 499_999 })).toBe(list);
    // A clock that is minutes behind ours makes nobody old.
    expect(forget(hear(new Map(), id(4), { atMs: 600_000, saidMs: 1 }), new Set(), 600_001).size).toBe(1);
  });

  test('a crowd of strangers does not grow what is remembered', () => {
    let known: Hearsay = new Map();
    for (let n = 0; n < 1_000; n++) known = hear(known, id(n), { name: 'x', atMs: n, saidMs: n });
    expect(known.size).toBe(200);
    expect(known.has(id(999))).toBe(true);
  });
});

describe('picture', () => {
  test('our links are ours alone to tell; others’ links are told by both ends or claimed by one', () => {
    const status = statusOf(1, [link(2), link(3, 'connected.suspect'), link(4, 'dialing')]);
    const { edges, nodes } = pictureOf(status, heard({ 2: [1, 3], 3: [2, 5], 4: [1] }), 'Me');
    const told = edges.map((e) => [Number.parseInt(e.a, 16), Number.parseInt(e.b, 16), e.kind, e.suspect]);
    expect(told).toContainEqual([1, 2, 'mine', false]);
    expect(told).toContainEqual([1, 3, 'mine', true]);
    expect(told).toContainEqual([2, 3, 'told', false]);
    expect(told).toContainEqual([3, 5, 'claimed', false]);
    expect(told).toHaveLength(4);
    expect(nodes.find(({ me }) => me)?.name).toBe('Me');
  });

  test('property: every node has a place of its own in the square, each edge has both ends, and it is bounded', () => {
    const lists = fc.dictionary(fc.nat(120).map(String), fc.array(fc.nat(120), { maxLength: 9 }), { maxKeys: 90 });
    fc.assert(
      fc.property(lists, fc.uniqueArray(fc.nat(120), { maxLength: 8 }), (said, mine) => {
        const known = heard(said as unknown as Record<number, number[]>);
        const { nodes, edges, hidden } = pictureOf(
          statusOf(
            121,
            mine.map((n) => link(n)),
          ),
          known,
          '',
        );
        const ids = new Set(nodes.map((node) => node.id));
        expect(ids.size).toBe(nodes.length);
        expect(nodes.length).toBeLessThanOrEqual(NODES_MAX);
        expect(new Set(nodes.map(({ x, y }) => `${x} ${y}`)).size).toBe(nodes.length);
        for (const { x, y } of nodes) expect(Math.min(x, y) >= 0 && Math.max(x, y) <= 100).toBe(true);
        for (const { a, b } of edges) expect(a < b && ids.has(a) && ids.has(b)).toBe(true);
        expect(new Set(edges.map(({ a, b }) => a + b)).size).toBe(edges.length);
        for (const n of mine) expect(ids.has(id(n))).toBe(true);
        if (nodes.length < NODES_MAX) expect(hidden).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('one alone stands in the middle; with others we are at the bottom', () => {
    expect(pictureOf(statusOf(1, []), new Map(), '').nodes).toMatchObject([{ x: 50, y: 50, me: true }]);
    const me = pictureOf(statusOf(1, [link(2), link(3)]), new Map(), '').nodes.find((node) => node.me);
    expect(me).toMatchObject({ x: 50, y: 86 });
  });
});
