/** Goal: who is told of whom, when, and in how many frames, on a clock of the test's own. */
import { describe, expect, test } from 'vitest';
import type { SessionEnd } from '../../hub/hub.events.ts';
import { Networks } from '../../hub/networks.ts';
import { Session, type SessionHome } from '../../hub/session.ts';
import { HUB_NEWS_WAIT_MS, HUB_PEERS_LISTED_MAX } from '../../machines/shared/limits.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { idOf } from './hub-kit.ts';

const NETWORK = 'net';

/** Sessions without a hub around them; what each is sent is kept as it was read. */
function stage() {
  const clock = new HeapClock();
  const sessions = new Map<number, Session>();
  const networks = new Networks(sessions, streams(1).fork('news'), clock);
  const home = {
    nowMs: () => clock.now(),
    tellNews: (session: Session) => networks.news.flush(session, clock.now()),
    sentFrame: () => undefined,
  } as unknown as SessionHome; // the rest is for sockets that speak
  const said = new Map<Session, string[]>();
  const open = (n: number, takesLists: boolean): Session => {
    const frames: string[] = [];
    const socket = { send: (text: string) => frames.push(shown(text)), bufferedAmount: 0 };
    const parts = {
      id: n,
      peerId: idOf(n),
      socket: socket as never,
      wire: undefined,
      nonce: '',
      host: '',
      isNear: true,
    };
    const session = new Session(parts, home);
    session.setGate('open');
    session.takesLists = takesLists;
    sessions.set(n, session);
    said.set(session, frames);
    return session;
  };
  const come = (session: Session): void => {
    const ad = JSON.stringify({ peerId: session.peerId });
    const member = networks.directory.join(NETWORK, session.peerId, session, ad, false);
    session.members = [member];
    networks.introduce(session, member, clock.now(), true);
  };
  const join = (n: number, takesLists = true): Session => {
    const session = open(n, takesLists);
    come(session);
    return session;
  };
  const leave = (session: Session, end: SessionEnd = 'goodbye'): void => {
    for (const member of session.members) networks.leave(session, member, end, clock.now());
  };
  /** What it was sent since the last question. */
  const heard = (session: Session): string[] => said.get(session)?.splice(0) ?? [];
  return { clock, networks, join, come, leave, heard };
}

interface Frame {
  readonly type: string;
  readonly data: { readonly peerId?: string; readonly peers?: readonly { readonly peerId: string }[] };
}
function shown(text: string): string {
  const { type, data } = JSON.parse(text) as Frame;
  const ids = data.peers?.map(({ peerId }) => peerId) ?? [data.peerId ?? ''];
  return [type, ...ids.map((id) => Number.parseInt(id, 16))].join(' ');
}

describe('a newcomer', () => {
  test('is told of those who are there in one frame, and they of it at once', () => {
    const { join, heard } = stage();
    const [a, b] = [join(1), join(2)];
    expect(heard(a)).toEqual(['peer-discovered 2']);
    expect(heard(b)).toEqual(['peer-discovered 1']);
    const c = join(3);
    expect(heard(c)).toEqual(['peers-discovered 2 1']);
  });

  test('among many is told of with them, a moment later', () => {
    const { clock, join, heard } = stage();
    const a = join(1);
    for (let n = 2; n <= 6; n++) join(n);
    expect(heard(a)).toEqual(['peer-discovered 2']);
    clock.runFor(HUB_NEWS_WAIT_MS);
    expect(heard(a)).toEqual(['peers-discovered 3 4 5 6']);
    clock.runFor(HUB_NEWS_WAIT_MS);
    join(7);
    expect(heard(a)).toEqual(['peer-discovered 7']);
  });

  test('that goes again before others heard of it is told of to nobody', () => {
    const { clock, join, leave, heard } = stage();
    const a = join(1);
    join(2);
    leave(join(3));
    clock.runFor(HUB_NEWS_WAIT_MS);
    expect(heard(a)).toEqual(['peer-discovered 2']);
  });

  test('is told of to clients of the family in frames that they know', () => {
    const { clock, join, leave, heard } = stage();
    const a = join(1, false);
    const others = [2, 3, 4].map((n) => join(n));
    clock.runFor(HUB_NEWS_WAIT_MS);
    for (const other of others) leave(other);
    clock.runFor(HUB_NEWS_WAIT_MS);
    expect(heard(a)).toEqual(
      [2, 3, 4, -2, -3, -4].map((n) => `peer-${n > 0 ? 'discovered' : 'disconnected'} ${Math.abs(n)}`),
    );
  });

  test('goes before what is said next, so that the order stays', () => {
    const { join, heard } = stage();
    const a = join(1);
    join(2);
    join(3);
    a.send('{"type":"pong","data":{}}');
    expect(heard(a)).toEqual(['peer-discovered 2', 'peer-discovered 3', 'pong NaN']);
  });
});

describe('a peer that leaves', () => {
  test('is told of with others, to those who know it and are still there', () => {
    const { clock, join, leave, heard } = stage();
    const all = [1, 2, 3, 4].map((n) => join(n));
    clock.runFor(HUB_NEWS_WAIT_MS);
    const [a, b, c, d] = all as [Session, Session, Session, Session];
    for (const one of all) heard(one);
    for (const one of [b, c, d]) leave(one);
    clock.runFor(HUB_NEWS_WAIT_MS - 1);
    expect(heard(a)).toEqual([]);
    clock.runFor(1);
    expect(all.map(heard)).toEqual([['peers-disconnected 2 3 4'], [], [], []]);
  });

  test('and is back at once was never away; its next end is heard of', () => {
    const { clock, join, come, leave, heard } = stage();
    const [a, b] = [join(1), join(2)];
    clock.runFor(HUB_NEWS_WAIT_MS);
    heard(a);
    leave(b);
    come(b);
    clock.runFor(HUB_NEWS_WAIT_MS);
    expect(heard(a)).toEqual(['peer-discovered 2']);
    leave(b);
    clock.runFor(HUB_NEWS_WAIT_MS);
    expect(heard(a)).toEqual(['peer-disconnected 2']);
  });

  test('among more than one frame lists is told of in several', () => {
    const { clock, networks, join, leave, heard } = stage();
    const a = join(1);
    const others = Array.from({ length: HUB_PEERS_LISTED_MAX + 5 }, (_, i) => join(i + 2));
    for (const other of others) networks.tell(a, other.members[0] as never, clock.now());
    clock.runFor(HUB_NEWS_WAIT_MS);
    heard(a);
    for (const other of others) leave(other);
    clock.runFor(HUB_NEWS_WAIT_MS);
    expect(heard(a).map((frame) => frame.split(' ').length - 1)).toEqual([HUB_PEERS_LISTED_MAX, 5]);
  });

  test('leaves no timer behind when the hub stops', () => {
    const { clock, networks, join, leave, heard } = stage();
    const [a, b] = [join(1), join(2)];
    heard(a);
    leave(b);
    networks.news.halt();
    clock.runFor(HUB_NEWS_WAIT_MS);
    expect(heard(a)).toEqual([]);
  });
});
