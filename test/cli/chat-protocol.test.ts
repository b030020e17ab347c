/** Goal: what people type is understood, and what strangers send cannot touch the terminal. */
import { describe, expect, it } from 'vitest';
import {
  describeEvent,
  describeLinks,
  describeStatus,
  readChatLine,
  resolvePrefix,
} from '../../runtime/cli/chat-protocol.ts';
import { HubNews } from '../../runtime/cli/hub-news.ts';
import { FakeMesh, idOf } from './fakes.ts';

describe('chat', () => {
  it.each([
    ['hello all', { type: 'say', text: 'hello all' }],
    ['//shrug', { type: 'say', text: '/shrug' }],
    ['', { type: 'empty' }],
    ['/to ABC hi there', { type: 'whisper', prefix: 'abc', text: 'hi there' }],
    ['/to abc', { type: 'unknown', message: 'Use: /to ID TEXT' }],
    ['/to xyz hi', { type: 'unknown', message: 'No peer starts with xyz: ids are of 0-9 and a-f' }],
    ['/as 1', { type: 'use', peer: 1 }],
    ['/as 2', { type: 'unknown', message: 'Use: /as N with N from 0 to 1' }],
    ['/peers', { type: 'peers' }],
    ['/quit', { type: 'leave' }],
    ['/', { type: 'unknown', message: 'Unknown command /; /help tells them' }],
  ])('%j', (line, expected) => {
    expect(readChatLine(line, 2)).toEqual(expected);
  });

  it('finds the one peer a prefix means', () => {
    const known = ['aa11', 'aa22', 'bb33', 'aa22'];
    expect(resolvePrefix('aa2', known)).toEqual({ ok: true, id: 'aa22' });
    expect(resolvePrefix('aa', known)).toEqual({ ok: false, message: '2 peers start with aa: type more digits' });
    expect(resolvePrefix('c', known)).toMatchObject({ ok: false });
    expect(resolvePrefix(idOf(5), [])).toEqual({ ok: true, id: idOf(5) });
  });

  it('shows no control characters of strangers', () => {
    const text = describeEvent({
      type: 'message',
      from: idOf(1),
      data: 'a\u001b[2Jb\nc\u202e',
      kind: 'broadcast',
      id: 'x',
      hops: 1,
      sentAtMs: 0,
    });
    expect(text).toBe('00000000: a·[2Jb·c·');
  });

  it('understands the chat page and leaves out its lists of links', () => {
    const event = { type: 'message', from: idOf(1), kind: 'broadcast', id: 'x', hops: 1, sentAtMs: 0 } as const;
    expect(describeEvent({ ...event, data: { kind: 'text', text: 'hi', name: 'Ada' } })).toBe('00000000: (Ada) hi');
    expect(
      describeEvent({ ...event, data: { kind: 'links', links: [] }, topic: 'browser-chat/links' }),
    ).toBeUndefined();
    expect(describeEvent({ ...event, data: { answer: 42 } })).toBe('00000000: {"answer":42}');
  });

  it('tells links and status in a few lines', () => {
    const status = new FakeMesh(1).status();
    expect(describeLinks(status)[0]).toMatch(/^[0-9a-f]{40} {2}linked {2}near {2}2 ms$/);
    expect(describeStatus(status)[1]).toBe('1 link (looks for more below 5, keeps 8 at most), knows 2 other peers');
  });

  it('translates the states of the charts', () => {
    const status = { ...new FakeMesh(1).status(), hubs: [{ url: 'ws://a', state: 'backingOff' }] };
    const [near] = status.links;
    const shown = (state: string) =>
      describeLinks({ ...status, links: near === undefined ? [] : [{ ...near, state }] })[0];
    expect(shown('connected.suspect')).toContain('  linked, but silent  ');
    expect(shown('answering')).toContain('  linking  ');
    expect(shown('backingOff.waiting')).toContain('  not linked; may try again  ');
    expect(describeStatus(status)[2]).toBe('hub ws://a  away; trying again');
    expect(describeStatus({ ...status, hubs: [{ url: 'ws://a', state: 'open.quiet' }] })[2]).toBe(
      'hub ws://a  connected',
    );
  });

  it('says nothing of a hand-over, and why an app ended a link', () => {
    const event = { type: 'status.changed', level: 'info', code: 'EVICTION_HANDED_OVER', message: 'x' } as const;
    expect(describeEvent(event)).toBeUndefined();
    const ended = { type: 'peer.disconnected', remote: idOf(1), reason: 'disconnected', words: 'go\naway' } as const;
    expect(describeEvent(ended)).toBe('- link to 00000000 ended (disconnected: go·away)');
  });
});

describe('news of hubs', () => {
  const urls = ['ws://a:1', 'ws://a:11'];
  const vain = (url: string) =>
    ({ type: 'status.changed', level: 'warn', code: 'HUB_UNREACHABLE', message: `${url}: ECONNREFUSED` }) as const;

  it('tells once that a hub is gone, whatever its retries say, and once that it is back', () => {
    const news = new HubNews();
    const [url = '', other = ''] = urls;
    expect(news.take({ type: 'hub.connected', url }, urls)).toEqual({ kind: 'news', text: `* hub ${url} is there` });
    const refused = {
      ...vain(url),
      code: 'HUB_REFUSED' as const,
      message: `${url} refused a frame: UNAUTHORIZED: bye`,
    };
    expect(news.take(refused, urls)).toEqual({ kind: 'quiet' });
    expect(news.take({ type: 'hub.disconnected', url, reason: 'bye' }, urls)).toEqual({
      kind: 'news',
      text: `* hub ${url} is gone (bye); trying again`,
    });
    expect(news.take(vain(url), urls)).toEqual({ kind: 'quiet' });
    // Another hub, whose address begins alike, has its own news.
    const first = { kind: 'news', text: `* hub ${other} cannot be reached (ECONNREFUSED); trying again` };
    expect(news.take(vain(other), urls)).toEqual(first);
    expect(news.take(vain(other), urls)).toEqual({ kind: 'quiet' });
    expect(news.take({ type: 'hub.connected', url }, urls)).toEqual({ kind: 'news', text: `* hub ${url} is back` });
    expect(news.take(vain(url), urls)).toMatchObject({ kind: 'news' });
    const text = `* hub ws://b is there in place of ${url}`;
    expect(news.take({ type: 'hub.connected', url, at: 'ws://b' }, urls)).toEqual({ kind: 'news', text });
  });

  it('tells once that a hub refuses our proof, with its reason', () => {
    const news = new HubNews();
    const [url = ''] = urls;
    const refused = {
      ...vain(url),
      code: 'HUB_REFUSED' as const,
      message: `${url} refused a frame: PROOF_FAILED: not my name`,
    };
    const unreachable = { ...vain(url), message: `${url}: PROOF_FAILED: not my name` };
    expect([refused, unreachable, refused, unreachable].map((event) => news.take(event, urls))).toEqual([
      { kind: 'quiet' },
      { kind: 'news', text: `* hub ${url} cannot be reached (PROOF_FAILED: not my name); trying again` },
      { kind: 'quiet' },
      { kind: 'quiet' },
    ]);
  });

  it('leaves everything else to others', () => {
    const message = 'ws://a:1 refused a frame: RATE_LIMITED: x';
    const refused = { ...vain('ws://a:1'), code: 'HUB_REFUSED' as const, message };
    expect(new HubNews().take(refused, urls)).toEqual({ kind: 'other' });
    expect(new HubNews().take({ type: 'peers.changed', connected: [] }, urls)).toEqual({ kind: 'other' });
  });
});
