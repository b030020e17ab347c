/** Goal: the actor around a link adapter frees the link in every ending, hands frames on in order, and lets no old attempt disturb a newer one. */
import { encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { type AnyEventObject, createActor, createMachine } from 'xstate';
import type { LinkPortInput } from '../../machines/peer/peer.events.ts';
import { linkActor } from '../../runtime/actors/link-actor.ts';
import { createExchange } from '../../runtime/exchange/exchange.ts';
import type { Claim } from '../../runtime/ports/identity.ts';
import type { Link, LinkHandlers, LinkPort } from '../../runtime/ports/link.ts';
import { decodeFrame, encodeEnvelope, encodeFrame } from '../../runtime/wire/codec.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { encodePayload } from '../../runtime/wire/payload.ts';
import { fakePorts } from '../machines/harness.ts';
import { ATTEMPT, frameOf, OLDER, REMOTE } from './exchange-kit.ts';

function world(over: Partial<Link> = {}, verify: (claim: Claim) => boolean = () => false) {
  const opened: { handlers: LinkHandlers; closes: number; signals: unknown[] }[] = [];
  const port: LinkPort = {
    name: 'test',
    capabilities: { restart: false, rollback: false, media: false },
    open: (_options, handlers) => {
      const record = { handlers, closes: 0, signals: [] as unknown[] };
      opened.push(record);
      return {
        signal: (signal) => void record.signals.push(signal),
        send: () => true,
        bufferedBytes: 0,
        fingerprints: undefined,
        restart: () => undefined,
        close: () => void record.closes++,
        ...over,
      };
    },
  };
  const base = fakePorts({ link: port });
  const { peerId, publicKey } = base.identity;
  const ports = { ...base, identity: { peerId, publicKey, sign: () => new Uint8Array(64), verify } };
  const heard: unknown[] = [];
  const exchange = createExchange({
    ports,
    network: 'n',
    maxPeers: 8,
    report: (fact) => fact.type === 'inbox' && heard.push(...fact.messages.map(({ data }) => data)),
  });
  ports.exchange = exchange;
  const start = (attempt: string, offer?: LinkPortInput['offer']) => {
    const facts: AnyEventObject[] = [];
    const errors: unknown[] = [];
    const input: LinkPortInput = { ports, remote: REMOTE, attempt, offer };
    const parent = createMachine({
      invoke: {
        src: linkActor,
        id: 'link',
        input: () => input,
        onError: { actions: ({ event }) => void errors.push(event.error) },
      },
      on: { '*': { actions: ({ event }) => void facts.push(event) } },
    });
    const actor = createActor(parent, { clock: ports.clock }).start();
    const link = actor.getSnapshot().children.link;
    return {
      facts,
      errors,
      stop: () => actor.stop(),
      send: (event: AnyEventObject) => link?.send(event),
      types: () => facts.map(({ type }) => type),
    };
  };
  return { opened, ports, exchange, start, heard };
}
let ids = 0;
const gossip = (data: unknown) =>
  frameOf({
    type: 'GOSSIP',
    hops: 1,
    envelope: encodeEnvelope({
      id: (++ids).toString(16).padStart(32, '0'),
      network: 'n',
      source: REMOTE,
      seq: 1,
      kind: 'broadcast',
      hopsMax: 9,
      sentAtMs: 1_000_000,
      ttlMs: 120_000,
      payload: encodePayload(data),
    }),
  });

describe('the link actor', () => {
  it('offers when it dials, takes the offer in when it answers', () => {
    const { opened, start } = world();
    start(ATTEMPT);
    start(OLDER, { kind: 'offer', attempt: OLDER, sdp: 's', key: '', random: false, degree: 0, cap: 8, free: 1 });
    expect(opened.map(({ signals }) => signals)).toEqual([[], [{ kind: 'offer', sdp: 's' }]]);
  });

  it('hands frames on in order, those before the opening too', () => {
    const { opened, start, exchange, heard } = world();
    const { facts, send } = start(ATTEMPT);
    const handlers = opened[0]?.handlers;
    handlers?.onFrame(gossip(1));
    handlers?.onOpen();
    handlers?.onFrame(gossip(2));
    expect(facts).toEqual([{ type: 'link.opened' }]);
    send({ type: 'link.admit' });
    handlers?.onFrame(gossip(3));
    expect(heard).toEqual([1, 2, 3]);
    exchange.stop();
  });

  it('frees link and entry when it is stopped, and reports the end when the link ends', () => {
    const { opened, start, exchange } = world();
    const { stop, types, send } = start(ATTEMPT);
    opened[0]?.handlers.onOpen();
    // Nobody knows yet who is there.
    expect(exchange.send(REMOTE, { type: 'PING', stampMs: 1 })).toBe(false);
    send({ type: 'link.admit' });
    expect(exchange.send(REMOTE, { type: 'PING', stampMs: 1 })).toBe(true);
    opened[0]?.handlers.onClosed(new Error('gone'));
    expect(types()).toEqual(['link.opened', 'link.closed']);
    expect(exchange.send(REMOTE, { type: 'PING', stampMs: 1 })).toBe(false);
    stop();
    expect(opened[0]?.closes).toBe(1);
  });

  it('says CLOSE before it closes, and closes when ICE failed', () => {
    const { opened, start } = world();
    const { send, stop } = start(ATTEMPT);
    opened[0]?.handlers.onOpen();
    send({ type: 'link.close', reason: 'left', alternatives: [] });
    expect(opened[0]?.closes).toBe(1);
    // A second call cuts, and @roamhq/wrtc crashes the process of a neighbour that is sending just then.
    stop();
    expect(opened[0]?.closes).toBe(1);
    start(ATTEMPT);
    opened[1]?.handlers.onConnectivity('disconnected');
    expect(opened[1]?.closes).toBe(0);
    opened[1]?.handlers.onConnectivity('failed');
    expect(opened[1]?.closes).toBe(1);
  });

  describe('and proofs', () => {
    const nonce = 'A'.repeat(22);
    const answer = { kind: 'answer', attempt: ATTEMPT, sdp: 'theirs', nonce };
    const hello = {
      type: 'HELLO',
      peerId: REMOTE,
      attempt: ATTEMPT,
      mark: ATTEMPT,
      random: false,
      cap: 8,
      features: [],
    } as const;
    const proof = { type: 'PROOF', key: new Uint8Array(32).fill(1), sig: new Uint8Array(64) } as const;

    /** A dialed channel that is open, with HELLO out and the chart waiting for the proof. */
    function waiting() {
      const sent: Message[] = [];
      const claims: Claim[] = [];
      const link = {
        fingerprints: { local: 'ours', remote: 'theirs' },
        send: (frame: Uint8Array) => {
          const decoded = decodeFrame(frame);
          if (decoded.ok) sent.push(...decoded.value.messages);
          return true;
        },
      };
      const made = world(link, (claim) => {
        claims.push(claim);
        return claim.publicKey[0] === 1;
      });
      const actor = made.start(ATTEMPT);
      const handlers = made.opened[0]?.handlers as LinkHandlers;
      handlers.onSignal({ kind: 'offer', sdp: 'ours' });
      actor.send({ type: 'link.take', signal: answer });
      handlers.onOpen();
      actor.send({ type: 'link.greet', random: false, cap: 8, mark: ATTEMPT });
      actor.send({ type: 'link.prove' });
      const count = (name: string): number => made.exchange.counters()[name] ?? 0;
      return { ...made, ...actor, handlers, sent, claims, count };
    }

    it('adds its random number to the first descriptions only, and hands the port none', () => {
      const { facts, opened, handlers, send } = waiting();
      expect(facts[0]).toEqual({
        type: 'link.signal',
        signal: { kind: 'offer', sdp: 'ours', nonce: expect.stringMatching(/^[\w-]{22}$/) },
      });
      handlers.onSignal({ kind: 'offer', sdp: 'restart' });
      expect(facts.at(-1)).toEqual({ type: 'link.signal', signal: { kind: 'offer', sdp: 'restart' } });
      send({ type: 'link.take', signal: { kind: 'candidate', candidate: 'c', attempt: ATTEMPT } });
      expect(opened[0]?.signals[0]).toEqual({ kind: 'answer', sdp: 'theirs' });
    });

    it('sends ours behind HELLO, and tells the chart what theirs is worth', () => {
      for (const [key, fact] of [
        [1, { type: 'link.proven' }],
        [2, { type: 'link.unproven', code: 'PROOF_FAILED' }],
      ] as const) {
        const { sent, handlers, facts, claims, count } = waiting();
        expect(sent.map(({ type }) => type)).toEqual(['HELLO', 'PROOF']);
        handlers.onFrame(frameOf(hello, { ...proof, key: new Uint8Array(32).fill(key) }));
        expect(facts.slice(-2)).toEqual([{ type: 'hello.received', hello }, fact]);
        expect(claims.map(({ peerId }) => peerId)).toEqual([REMOTE]);
        expect(count('unproven.PROOF_FAILED')).toBe(key - 1);
      }
    });

    it('counts only the first, before and after the link is admitted', () => {
      const { handlers, facts, claims, count, send } = waiting();
      handlers.onFrame(frameOf(hello, proof, proof));
      handlers.onFrame(frameOf(proof));
      send({ type: 'link.admit' });
      handlers.onFrame(frameOf(proof));
      expect(claims.length).toBe(1);
      expect(count('ignored.proof')).toBe(3);
      expect(facts.filter(({ type }) => type === 'link.proven').length).toBe(1);
    });

    it.each<[string, readonly unknown[]]>([
      ['a short key', [11, new Uint8Array(31), new Uint8Array(64)]],
      ['a long signature', [11, new Uint8Array(32), new Uint8Array(65)]],
      ['a huge signature', [11, new Uint8Array(32), new Uint8Array(15_000)]],
      ['text', [11, 'key', 'sig']],
      ['no signature', [11, new Uint8Array(32)]],
    ])('drops and counts one with %s: the chart goes on waiting', (_name, message) => {
      const { handlers, facts, claims, count, stop, opened } = waiting();
      const before = facts.length;
      handlers.onFrame(encodeFrame([encode(message)]));
      handlers.onFrame(new Uint8Array(20_000).fill(1));
      expect([facts.length, claims.length]).toEqual([before, 0]);
      expect(count('dropped.BAD_MESSAGE')).toBe(1);
      expect(count('dropped.TOO_LARGE')).toBe(1);
      stop();
      expect(opened[0]?.closes).toBe(1);
    });

    it('tells nothing of one that comes when nobody waits any more', () => {
      const { handlers, facts, claims, stop } = waiting();
      const before = facts.length;
      stop();
      handlers.onFrame(frameOf(hello, proof));
      expect([facts.length, claims.length]).toEqual([before, 0]);
    });
  });

  it('an older attempt that opens after its end takes nothing from a newer one', () => {
    const { opened, start, exchange, heard } = world();
    const old = start(OLDER);
    old.stop();
    const young = start(ATTEMPT);
    opened[1]?.handlers.onOpen();
    young.send({ type: 'link.admit' });
    opened[0]?.handlers.onOpen();
    opened[0]?.handlers.onClosed();
    opened[1]?.handlers.onFrame(gossip('new'));
    expect(heard).toEqual(['new']);
    exchange.stop();
  });

  it.each(['signal', 'send'] as const)(
    'an adapter that throws in %s fails the actor, with its link closed and its entry gone',
    (method) => {
      let closes = 0;
      const broken = () => {
        throw new Error(`broken ${method}`);
      };
      const { opened, start, exchange } = world({ [method]: broken, close: () => void closes++ });
      const { errors, send } = start(ATTEMPT);
      opened[0]?.handlers.onOpen();
      if (method === 'signal') send({ type: 'link.take', signal: { kind: 'answer', sdp: '' } });
      else send({ type: 'link.greet', random: false, cap: 8, mark: ATTEMPT });
      expect(errors).toMatchObject([{ message: `broken ${method}` }]);
      expect(closes).toBe(1);
      expect(exchange.rttMs(REMOTE)).toBe(null);
      expect(exchange.send(REMOTE, { type: 'PING', stampMs: 1 })).toBe(false);
    },
  );
});
