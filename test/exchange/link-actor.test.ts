/** Goal: the actor around a link adapter frees the link in every ending, hands frames on in order, and lets no old attempt disturb a newer one. */
import { describe, expect, it } from 'vitest';
import { type AnyEventObject, createActor, createMachine } from 'xstate';
import type { LinkPortInput } from '../../machines/peer/peer.events.ts';
import { linkActor } from '../../runtime/actors/link-actor.ts';
import { createExchange } from '../../runtime/exchange/exchange.ts';
import type { Link, LinkHandlers, LinkPort } from '../../runtime/ports/link.ts';
import { encodeEnvelope } from '../../runtime/wire/codec.ts';
import { encodePayload } from '../../runtime/wire/payload.ts';
import { fakePorts } from '../machines/harness.ts';
import { ATTEMPT, frameOf, OLDER, REMOTE } from './exchange-kit.ts';

function world(over: Partial<Link> = {}) {
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
  const ports = fakePorts({ link: port });
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
    const { stop, types } = start(ATTEMPT);
    opened[0]?.handlers.onOpen();
    expect(exchange.send(REMOTE, { type: 'PING', stampMs: 1 })).toBe(true);
    opened[0]?.handlers.onClosed(new Error('gone'));
    expect(types()).toEqual(['link.opened', 'link.closed']);
    expect(exchange.send(REMOTE, { type: 'PING', stampMs: 1 })).toBe(false);
    stop();
    expect(opened[0]?.closes).toBeGreaterThan(0);
  });

  it('says CLOSE before it closes, and closes when ICE failed', () => {
    const { opened, start } = world();
    const { send } = start(ATTEMPT);
    opened[0]?.handlers.onOpen();
    send({ type: 'link.close', reason: 'left', alternatives: [] });
    expect(opened[0]?.closes).toBe(1);
    start(ATTEMPT);
    opened[1]?.handlers.onConnectivity('disconnected');
    expect(opened[1]?.closes).toBe(0);
    opened[1]?.handlers.onConnectivity('failed');
    expect(opened[1]?.closes).toBe(1);
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
      expect(closes).toBeGreaterThan(0);
      expect(exchange.rttMs(REMOTE)).toBe(null);
      expect(exchange.send(REMOTE, { type: 'PING', stampMs: 1 })).toBe(false);
    },
  );
});
