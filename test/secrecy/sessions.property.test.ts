/**
 * Goal: what is sealed for one peer, or for a room, is read by whom it is for and nobody else, whatever the order of handshakes,
 * losses, changes of keys and members (property 27).
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  OFFER_INTERVAL_MS,
  OFFER_LATE_MS,
  ROOM_LATE_MS,
  SESSION_LATE_MS,
  SESSION_MS,
} from '../../machines/shared/trust-limits.ts';
import { nobleCrypto } from '../../runtime/crypto/noble-crypto.ts';
import { nodeCrypto } from '../../runtime/crypto/node-crypto.ts';
import type { CryptoPort } from '../../runtime/ports/crypto.ts';
import { type RoomControl, type RoomFact, Rooms } from '../../runtime/secrecy/rooms.ts';
import { Sessions } from '../../runtime/secrecy/sessions.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';

const crypto = nodeCrypto() as CryptoPort;
const START_MS = 1_700_000_000_000;
const idOf = (name: string): string => name.charCodeAt(0).toString(16).repeat(20);
const bytes = fc.uint8Array({ maxLength: 200 });

/** Peers whose handshakes go through a mailbox of the test. */
function world(names: string, seed: string, port: (name: string) => CryptoPort = () => crypto) {
  const clock = new HeapClock(START_MS);
  const mail: { from: string; to: string; form: 'offer' | 'answer' | 'keys'; payload: Uint8Array }[] = [];
  const unread: string[] = [];
  let words = 0;
  const ready: string[] = [];
  const peers = new Map<string, Sessions>();
  for (const name of names) {
    const self = idOf(name);
    const send = (to: string, form: 'offer' | 'answer', payload: Uint8Array): void =>
      void mail.push({ from: self, to, form, payload: payload.slice() });
    const random = streams(seed).fork(name);
    const sessions = new Sessions({
      crypto: port(name),
      random,
      clock,
      self,
      network: 'n',
      send,
      ready: (peer) => ready.push(`${self} ${peer}`),
      confirm: (to, ids) => {
        unread.push(...ids);
        const payload = sessions.seal(to, `word ${++words}`, new Uint8Array(0)) as Uint8Array;
        const word = new Uint8Array([words, ...payload]);
        mail.push({ from: self, to, form: 'keys', payload: word });
      },
    });
    peers.set(self, sessions);
  }
  const of = (name: string): Sessions => peers.get(idOf(name)) as Sessions;
  const deliver = (letter: (typeof mail)[number]): boolean => {
    const receiver = peers.get(letter.to);
    if (receiver === undefined) return true;
    if (letter.form === 'keys') {
      return receiver.open(letter.from, `word ${letter.payload[0]}`, letter.payload.subarray(1)) !== undefined;
    }
    return letter.form === 'offer'
      ? receiver.offered(letter.from, letter.payload)
      : receiver.answered(letter.from, letter.payload);
  };
  /** Delivers everything, answers too. */
  const post = (): void => {
    for (let letter = mail.shift(); letter !== undefined; letter = mail.shift()) deliver(letter);
  };
  return { clock, mail, ready, unread, of, post, deliver, stop: () => [...peers.values()].map((peer) => peer.stop()) };
}

describe('two peers', () => {
  it('open what the other sealed for them, and nothing else opens it', () => {
    fc.assert(
      fc.property(bytes, fc.nat(), fc.string(), (data, at, seed) => {
        const { of, post } = world('abc', seed);
        expect(of('a').seal(idOf('b'), 'id', data)).toBeUndefined();
        post();
        const sealed = of('a').seal(idOf('b'), 'id', data) as Uint8Array;
        const altered = sealed.slice();
        altered[at % altered.length] = (altered[at % altered.length] as number) ^ 1;
        expect(of('b').open(idOf('a'), 'id', altered)).toBeUndefined();
        expect(of('b').open(idOf('a'), 'other id', sealed)).toBeUndefined();
        expect(of('b').open(idOf('c'), 'id', sealed)).toBeUndefined();
        expect(of('c').open(idOf('a'), 'id', sealed)).toBeUndefined();
        expect(of('a').open(idOf('a'), 'id', sealed)).toBeUndefined();
        for (const length of [0, 8, 16, sealed.length - 1]) {
          expect(of('b').open(idOf('a'), 'id', sealed.subarray(0, length))).toBeUndefined();
        }
        expect(of('b').open(idOf('a'), 'id', sealed)).toEqual(data);
      }),
      { numRuns: 50 },
    );
  });

  it('agree although handshakes cross, come twice, late or never; what is opened is what was sealed', () => {
    let opened = 0;
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            who: fc.constantFrom<'a' | 'b'>('a', 'b'),
            act: fc.constantFrom(
              'seal',
              'seal',
              'seal',
              'lose',
              'deliver',
              'deliver',
              'deliver',
              'repeat',
              'wait',
              'age',
            ),
            at: fc.nat({ max: 9 }),
          }),
          { minLength: 20, maxLength: 40 },
        ),
        fc.string(),
        (steps, seed) => {
          const { of, mail, deliver, clock, post } = world('ab', seed);
          let n = 0;
          const exchange = (who: 'a' | 'b'): void => {
            const other = who === 'a' ? 'b' : 'a';
            const data = new Uint8Array([++n]);
            const sealed = of(who).seal(idOf(other), `${n}`, data);
            const got = sealed && of(other).open(idOf(who), `${n}`, sealed);
            // Keys that one has and the other has not are told by an undefined, never by other data.
            if (got !== undefined) expect(got).toEqual(data);
            if (got !== undefined) opened++;
          };
          for (const { who, act, at } of steps) {
            const letter = mail[at % Math.max(1, mail.length)];
            if (act === 'seal') exchange(who);
            if (act === 'wait') clock.runFor(1_000);
            if (act === 'age') clock.runFor(SESSION_MS / 2);
            if (letter === undefined) continue;
            if (act === 'lose' || act === 'deliver') mail.splice(mail.indexOf(letter), 1);
            if (act === 'deliver' || act === 'repeat') deliver(letter);
          }
          // However it went, they agree as soon as letters arrive.
          post();
          clock.runFor(2_000);
          of('a').offer(idOf('b'));
          post();
          const sealed = of('a').seal(idOf('b'), 'last', new Uint8Array([7])) as Uint8Array;
          expect(of('b').open(idOf('a'), 'last', sealed)).toEqual(new Uint8Array([7]));
        },
      ),
      { numRuns: 100 },
    );
    expect(opened).toBeGreaterThan(20);
  });

  it('use keys for a while, open what was under way a little longer, and have none left then', () => {
    const { of, post, clock, stop } = world('ab', 'rekey');
    of('a').offer(idOf('b'));
    post();
    const old = of('a').seal(idOf('b'), '1', new Uint8Array([1])) as Uint8Array;
    clock.runFor(SESSION_MS);
    expect(of('a').seal(idOf('b'), '2', new Uint8Array([2]))).toBeUndefined();
    post();
    const renewed = of('a').seal(idOf('b'), '2', new Uint8Array([2])) as Uint8Array;
    expect(renewed.subarray(0, 8)).not.toEqual(old.subarray(0, 8));
    expect(of('b').open(idOf('a'), '1', old)).toEqual(new Uint8Array([1]));
    clock.runFor(SESSION_LATE_MS);
    expect(of('b').open(idOf('a'), '1', old)).toBeUndefined();
    clock.runFor(2 * SESSION_MS);
    expect([of('a').count, of('b').count]).toEqual([0, 0]);
    stop();
    expect(clock.pending).toBe(0);
  });

  it('agree by an answer that took longer than an offer is repeated after', () => {
    const { of, post, mail, clock, deliver, stop } = world('ab', 'slow');
    of('a').offer(idOf('b'));
    deliver(mail.shift() as (typeof mail)[number]);
    const late = mail.splice(0);
    clock.runFor(OFFER_INTERVAL_MS);
    of('a').offer(idOf('b'));
    mail.push(...late);
    post();
    const sealed = of('a').seal(idOf('b'), 'id', new Uint8Array([3])) as Uint8Array;
    expect(of('b').open(idOf('a'), 'id', sealed)).toEqual(new Uint8Array([3]));
    // Keys of which nobody heard are not offered for ever.
    of('b').offer('d'.repeat(40));
    const [first] = mail.splice(0);
    clock.runFor(OFFER_LATE_MS);
    of('b').offer('d'.repeat(40));
    expect(mail[0]?.payload).not.toEqual(first?.payload);
    stop();
  });

  it('agree between Node and a browser', () => {
    const { of, post } = world('ab', 'mixed', (name) => (name === 'a' ? crypto : nobleCrypto));
    of('b').offer(idOf('a'));
    post();
    const sealed = of('b').seal(idOf('a'), 'id', new Uint8Array([1, 2])) as Uint8Array;
    expect(of('a').open(idOf('b'), 'id', sealed)).toEqual(new Uint8Array([1, 2]));
  });

  it('find out that the other has started anew, and take no key that would make the secret known', () => {
    const first = world('ab', 'first');
    first.of('a').offer(idOf('b'));
    first.post();
    const sealed = first.of('a').seal(idOf('b'), 'id', new Uint8Array([1])) as Uint8Array;
    const second = world('ab', 'second');
    expect(second.of('b').open(idOf('a'), 'id', sealed)).toBeUndefined();
    expect(second.mail).toMatchObject([{ form: 'offer', to: idOf('a') }]);
    // Whoever said it hears which message was not read, once there are keys; and uses the new ones from then on.
    const { of } = second;
    second.post();
    expect(second.unread).toEqual(['id']);
    const again = of('a').seal(idOf('b'), 'again', new Uint8Array([1])) as Uint8Array;
    expect(of('b').open(idOf('a'), 'again', again)).toEqual(new Uint8Array([1]));
    for (const payload of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(0)]) {
      expect(world('ab', 'low').of('a').offered(idOf('b'), payload)).toBe(false);
    }
    expect(second.of('a').answered(idOf('b'), new Uint8Array(63))).toBe(false);
  });
});

/** Peers whose word about rooms arrives at once, as long as it is not held. */
function roomWorld(names: string) {
  const clock = new HeapClock(START_MS);
  const rooms = new Map<string, Rooms>();
  const facts: (RoomFact & { at: string })[] = [];
  const said: { from: string; to: string; control: RoomControl }[] = [];
  for (const name of names) {
    const self = idOf(name);
    rooms.set(
      self,
      new Rooms({
        ...{ crypto, random: streams('rooms').fork(name), clock, self, network: 'n' },
        send: (to, control) => said.push({ from: self, to, control }),
        report: (fact) => facts.push({ ...fact, at: name }),
      }),
    );
  }
  const of = (name: string): Rooms => rooms.get(idOf(name)) as Rooms;
  const post = (): void => {
    for (let word = said.shift(); word !== undefined; word = said.shift()) {
      rooms.get(word.to)?.heard(word.from, structuredClone(word.control));
    }
  };
  let ids = 0;
  /** Says something in the room, and tells who of these can read it. */
  const say = (from: string, among = names): { readers: string; again: () => string } => {
    const id = `${++ids}`;
    const data = new Uint8Array([ids & 255]);
    const payload = of(from).seal('r', idOf(from), id, data);
    const read = (): string =>
      [...among].filter((name) => of(name).unseal(idOf(from), id, payload)?.data[0] === data[0]).join('');
    return { readers: read(), again: read };
  };
  return { clock, of, post, say, facts, said };
}

describe('a room', () => {
  it('is read by its members alone, each for as long as it is one', () => {
    const { of, post, say, facts, clock } = roomWorld('abcd');
    of('a').open('r', [idOf('b')]);
    post();
    expect(facts).toMatchObject([
      { at: 'a', type: 'room.changed', members: [idOf('b')] },
      { at: 'b', type: 'room.invited', owner: idOf('a') },
    ]);
    of('b').join('r', idOf('a'));
    post();
    const before = say('b');
    expect(before.readers).toBe('ab');
    of('a').invite('r', idOf('c'));
    post();
    of('c').join('r', idOf('a'));
    post();
    // Who comes reads nothing of what was said before; those who were there do, a little longer.
    expect(before.again()).toBe('ab');
    const between = say('c');
    expect(between.readers).toBe('abc');
    of('a').expel('r', idOf('b'));
    post();
    expect(say('a').readers).toBe('ac');
    expect(between.again()).toBe('abc');
    clock.runFor(ROOM_LATE_MS);
    expect(between.again()).toBe('b');
    expect(of('b').list()).toMatchObject([{ room: 'r', owner: idOf('a') }]);
    of('c').leave('r');
    post();
    expect(say('a').readers).toBe('a');
    expect(() => say('d')).toThrow(expect.objectContaining({ code: 'NO_ROOM_KEY' }));
  });

  it('takes keys from its owner alone, and never an older one', () => {
    const { of, post, said, say } = roomWorld('abc');
    of('a').open('r', [idOf('b')]);
    const old = said[0]?.control as RoomControl & { kind: 'key' };
    of('b').join('r', idOf('a'));
    post();
    const { epoch } = of('b').list()[0] as { epoch: number };
    const forged = { ...old, epoch: epoch + 5, key: new Uint8Array(32) };
    of('b').heard(idOf('c'), forged);
    of('b').heard(idOf('a'), { ...old, key: new Uint8Array(32) });
    expect(of('b').list()).toMatchObject([{ epoch }]);
    expect(say('b').readers).toBe('ab');
    // A stranger leaves, asks and invites nobody.
    of('a').heard(idOf('c'), { kind: 'leave', room: 'r' });
    of('a').heard(idOf('c'), { kind: 'ask', room: 'r' });
    expect(said).toEqual([]);
    expect(() => of('b').expel('r', idOf('a'))).toThrow(expect.objectContaining({ code: 'BAD_OPTION' }));
  });

  it('whose key went astray is asked for, not more than once a second', () => {
    const { of, post, said, say, clock } = roomWorld('ab');
    of('a').open('r', [idOf('b')]);
    of('b').join('r', idOf('a'));
    post();
    clock.runFor(2_000);
    of('a').invite('r', idOf('c'));
    said.splice(0);
    expect(say('a').readers).toBe('a');
    expect(say('a').readers).toBe('a');
    expect(said).toMatchObject([{ from: idOf('b'), control: { kind: 'ask' } }]);
    post();
    expect(say('a').readers).toBe('ab');
  });

  it('says no to what is no word about a room, and keeps few invitations', () => {
    const { of, facts } = roomWorld('a');
    const good = { kind: 'key', room: 'r', epoch: 1, key: new Uint8Array(32), members: [] };
    for (const bad of [
      null,
      7,
      {},
      { ...good, kind: 'other' },
      { ...good, room: '' },
      { ...good, room: 'x'.repeat(65) },
      { ...good, epoch: 0 },
      { ...good, epoch: 1.5 },
      { ...good, epoch: 2 ** 32 },
      { ...good, key: new Uint8Array(31) },
      { ...good, key: 'k' },
      { ...good, members: ['x'] },
      { ...good, members: new Array(257).fill(idOf('b')) },
    ]) {
      expect(of('a').heard(idOf('b'), bad)).toBe(false);
    }
    for (let n = 0; n < 100; n++) expect(of('a').heard(idOf('b'), { ...good, room: `r${n}` })).toBe(true);
    expect(facts).toHaveLength(100);
    of('a').join('r99', idOf('b'));
    expect(of('a').list()).toMatchObject([{ room: 'r99', epoch: 1 }]);
    of('a').join('r0', idOf('b'));
    expect(of('a').list()).toMatchObject([{}, { room: 'r0', epoch: null }]);
  });
});
