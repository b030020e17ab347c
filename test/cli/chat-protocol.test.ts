/** Goal: what people type is understood, and what strangers send cannot touch the terminal. */
import { describe, expect, it } from 'vitest';
import {
  describeEvent,
  describeLinks,
  describeStatus,
  readChatLine,
  resolvePrefix,
} from '../../runtime/cli/chat-protocol.ts';
import { FakeMesh, idOf } from './fakes.ts';

describe('chat', () => {
  it.each([
    ['hello all', { type: 'say', text: 'hello all' }],
    ['//shrug', { type: 'say', text: '/shrug' }],
    ['', { type: 'empty' }],
    ['/to ABC hi there', { type: 'whisper', prefix: 'abc', text: 'hi there' }],
    ['/to abc', { type: 'unknown', message: 'Use: /to ID TEXT' }],
    ['/to xyz hi', { type: 'unknown', message: 'Use: /to ID TEXT' }],
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
    });
    expect(text).toBe('00000000: a·[2Jb·c·');
  });

  it('understands the chat page and leaves out its lists of links', () => {
    const event = { type: 'message', from: idOf(1), kind: 'broadcast', id: 'x', hops: 1 } as const;
    expect(describeEvent({ ...event, data: { kind: 'text', text: 'hi', name: 'Ada' } })).toBe('00000000: (Ada) hi');
    expect(
      describeEvent({ ...event, data: { kind: 'links', links: [] }, topic: 'browser-chat/links' }),
    ).toBeUndefined();
    expect(describeEvent({ ...event, data: { answer: 42 } })).toBe('00000000: {"answer":42}');
  });

  it('tells links and status in a few lines', () => {
    const status = new FakeMesh(1).status();
    expect(describeLinks(status)[0]).toMatch(/connected\.healthy {2}near {2}2 ms$/);
    expect(describeStatus(status)[1]).toBe('links 1 (5 to 8), known besides 2');
  });
});
