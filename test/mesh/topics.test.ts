/** Goal: a topic's subscribers hear its messages and no others, patterns mean what the docs say, and everybody relays everything. */
import * as fc from 'fast-check';
import { firstValueFrom, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { MeshError } from '../../runtime/errors.ts';
import { checkPattern, checkTopic, matches, Topics } from '../../runtime/mesh/topics.ts';
import { memoryWorld } from '../support/memory-mesh.ts';

const fits = (pattern: string, topic: string): boolean => matches(checkPattern(pattern), topic.split('.'));

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return (error as MeshError).code;
  }
  return undefined;
}

describe('patterns of topics', () => {
  it.each([
    ['news', 'news', true],
    ['news', 'news.sport', false],
    ['news.*', 'news.sport', true],
    ['news.*', 'news', false],
    ['news.*', 'news.sport.chess', false],
    ['*.sport', 'news.sport', true],
    ['*.sport', 'news.chess', false],
    ['news.**', 'news.sport', true],
    ['news.**', 'news.sport.chess.blitz', true],
    ['news.**', 'news', false],
    ['news.**', 'newsletter.sport', false],
    ['news.*.**', 'news.a', false],
    ['news.*.**', 'news.a.b', true],
    ['**', 'anything.at.all', true],
    ['*', 'anything', true],
    // What strangers call their topics is text, no pattern.
    ['news.sport', 'news.*', false],
    ['news.*', 'news.', true],
  ])('%s and %s: %s', (pattern, topic, expected) => {
    expect(fits(pattern, topic)).toBe(expected);
  });

  it('mean what the same regular expression of ours would', () => {
    const segment = fc.constantFrom('a', 'b', 'ab');
    const patterns = fc
      .tuple(fc.array(fc.oneof(segment, fc.constant('*')), { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([segments, rest]) => [...segments, ...(rest ? ['**'] : [])].join('.'));
    const topics = fc.array(segment, { minLength: 1, maxLength: 6 }).map((segments) => segments.join('.'));
    let fitted = 0;
    fc.assert(
      fc.property(patterns, topics, (pattern, topic) => {
        const text = pattern.replaceAll('.', '\\.').replace(/\*\*$/, '#').replaceAll('*', '[^.]+').replace('#', '.+');
        expect(fits(pattern, topic)).toBe(new RegExp(`^${text}$`).test(topic));
        if (fits(pattern, topic)) fitted++;
      }),
      { numRuns: 2_000 },
    );
    expect(fitted).toBeGreaterThan(20);
  });

  it('are refused when they are none', () => {
    for (const bad of ['', 'x'.repeat(129), 'a..b', '.a', 'a*', '**.a', 'a.**.b', 7 as never]) {
      expect(codeOf(() => checkPattern(bad))).toBe('BAD_OPTION');
    }
    for (const pattern of ['a.*', '**']) expect(codeOf(() => checkTopic(pattern))).toBe('BAD_OPTION');
    expect(checkTopic('a.b')).toBe('a.b');
  });

  it('are forgotten with their last listener', () => {
    const topics = new Topics<() => void>();
    const ends = ['a', 'a.*', 'a.*'].map((pattern) => topics.add(pattern, () => undefined));
    for (const end of ends) end();
    expect(topics.isEmpty).toBe(true);
  });
});

describe('topics of a mesh', () => {
  /** Three in a row: the one in the middle subscribes to nothing. */
  function three() {
    const world = memoryWorld(41);
    const [a, b, c] = ['a', 'b', 'c'].map((name) => world.make(name, { maxPeers: 2 }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three');
    for (const mesh of [a, b, c]) mesh.start();
    world.clock.runFor(5_000);
    return { world, a, b, c };
  }

  it('reach their subscribers, whoever is in between, and `message` tells of all', () => {
    const { world, a, b, c } = three();
    const heard: string[] = [];
    const note = (who: string) => (message: { data: unknown; topic?: string }) =>
      void heard.push(`${who} ${message.topic ?? '-'} ${String(message.data)}`);
    c.topic('news.sport').subscribe(note('exact'));
    const wild = c.topic('news.*').subscribe(note('wild'));
    c.topic('news.**').subscribe(note('rest'));
    c.on('message', note('all'));
    b.on('message', note('b'));
    a.topic('news.sport').publish(1);
    world.clock.runFor(1_000);
    expect(heard.filter((line) => !line.startsWith('b'))).toEqual([
      'exact news.sport 1',
      'wild news.sport 1',
      'rest news.sport 1',
      'all news.sport 1',
    ]);
    expect(heard).toContain('b news.sport 1');
    heard.length = 0;
    wild.unsubscribe();
    a.broadcast(2, { topic: 'news.a.b' });
    a.broadcast(3);
    world.clock.runFor(1_000);
    expect(heard.filter((line) => !line.startsWith('b')).sort()).toEqual([
      'all - 3',
      'all news.a.b 2',
      'rest news.a.b 2',
    ]);
  });

  it('are observables too, which complete when the mesh has left', async () => {
    const { world, a, c } = three();
    const all = firstValueFrom(c.topic('t.*').observe().pipe(toArray()));
    for (const n of [1, 2]) a.topic('t.x').publish(n);
    a.topic('u').publish(3);
    world.clock.runFor(1_000);
    c.leave();
    world.clock.runFor(5_000);
    expect((await all).map(({ data }) => data)).toEqual([1, 2]);
  });

  it('are not published to by patterns, and a listener that throws harms nobody', () => {
    const { world, a, c } = three();
    expect(codeOf(() => a.topic('t.*').publish(1))).toBe('BAD_OPTION');
    expect(codeOf(() => a.broadcast(1, { topic: 't.**' }))).toBe('BAD_OPTION');
    expect(codeOf(() => a.topic('t..u'))).toBe('BAD_OPTION');
    const heard: unknown[] = [];
    const codes: string[] = [];
    c.on('error', ({ error }) => codes.push(error.code));
    c.topic('t').subscribe(() => {
      throw new Error('mine');
    });
    c.topic('t').subscribe(({ data }) => void heard.push(data));
    a.topic('t').publish('x');
    world.clock.runFor(1_000);
    expect(heard).toEqual(['x']);
    expect(codes).toEqual(['LISTENER_THREW']);
  });
});
