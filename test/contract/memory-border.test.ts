/**
 * Goal: a link whose ends are in two parts of a network, and a hub in another part than its peer, keep the contracts of
 * those that are in one; and what happens on both sides within one window leaves nothing behind.
 */
import { describe, expect, it } from 'vitest';
import { twoNetworks } from '../support/two-networks.ts';
import { End, LEFT, openPair, pair, RIGHT } from './link-ends.ts';
import { linkPortContract } from './link-port.contract.ts';
import { signalingPortContract } from './signaling-port.contract.ts';

for (const initiator of ['first', 'second'] as const) {
  linkPortContract(
    `memory, across a border, offered by the ${initiator} part`,
    () => {
      const world = twoNetworks(20, { candidates: 3 });
      const [left, right] = initiator === 'first' ? [world.first, world.second] : [world.second, world.first];
      return {
        left: left.linkPort(),
        right: right.linkPort(),
        step: world.window,
        settle: () => world.runFor(5_000),
        leaks: world.leaks,
      };
    },
    { describe, it },
  );
}

signalingPortContract(
  'memory, a hub across a border',
  () => {
    const world = twoNetworks(30);
    return {
      port: world.second.signalingPort(),
      breakDown: () => world.first.hub().stop(),
      step: world.window,
      settle: () => world.runFor(5_000),
      leaks: () => world.first.hub().connections + world.leaks(),
    };
  },
  { describe, it },
);

const heard = (end: End): number[] => end.frames.map(([byte]) => byte as number);

it.each([
  ['on its way', 0],
  ['connected', 200],
])('a hub forgets a peer beyond that dies %s, and takes it in again', async (_, ms) => {
  const world = twoNetworks(30);
  const facts: string[] = [];
  const connect = () => world.second.signalingPort().connect(LEFT, ({ type }) => void facts.push(type));
  connect();
  world.runFor(ms);
  const before = [...facts];
  expect([before, world.first.hub().connections]).toEqual(ms === 0 ? [[], 0] : [['welcome'], 1]);
  for (const network of [world.first, world.second]) network.vanish(LEFT);
  world.runFor(200);
  expect([facts, world.first.hub().connections]).toEqual([before, 0]);
  connect();
  world.runFor(200);
  expect([facts, world.first.hub().connections]).toEqual([[...before, 'welcome'], 1]);
});

describe('a link across a border', () => {
  async function world() {
    const both = twoNetworks(10);
    const harness = { left: both.first.linkPort(), right: both.second.linkPort(), step: both.window };
    return { both, harness };
  }

  it('carries what was sent before one end closed, and the other hears of the end behind it', async () => {
    const { both, harness } = await world();
    const { left, right } = await openPair(harness);
    for (const byte of [1, 2, 3]) left.link.send(new Uint8Array([byte]));
    left.close();
    both.runFor(100);
    expect(heard(right)).toEqual([1, 2, 3]);
    expect([left.closes, right.closes]).toEqual([1, 1]);
    expect(both.leaks()).toBe(0);
  });

  it.each(['left', 'right'] as const)(
    'never opens for long when the %s end closes while it is set up',
    async (closing) => {
      const { both, harness } = await world();
      const ends = pair(harness);
      while (ends.left.signals.length === 0 || ends.right.signals.length === 0) both.window();
      const [gone, other] = closing === 'left' ? [ends.left, ends.right] : [ends.right, ends.left];
      gone.close();
      both.runFor(1_000);
      expect([gone.opens, gone.closes]).toEqual([0, 1]);
      // What opened all the same, since the word came too late, has closed again.
      expect(other.closes).toBe(other.opens);
      if (other.closes === 0) other.close();
      both.runFor(100);
      expect(both.leaks()).toBe(0);
    },
  );

  it('loses its path when the process beyond dies, as each part is told', async () => {
    const { both, harness } = await world();
    const { left, right } = await openPair(harness);
    for (const network of [both.first, both.second]) network.vanish(RIGHT);
    both.runFor(6_000);
    expect(left.connectivity).toEqual(['disconnected']);
    expect([left.closes, right.closes]).toEqual([0, 0]);
    left.close();
    both.runFor(100);
    expect(both.leaks()).toBe(0);
  });

  it('is mended on both sides by one restart of ICE', async () => {
    const { both, harness } = await world();
    const { left, right } = await openPair(harness);
    for (const network of [both.first, both.second]) network.move(LEFT);
    left.link.send(new Uint8Array([1]));
    right.link.send(new Uint8Array([2]));
    both.runFor(6_000);
    expect([heard(left), heard(right)]).toEqual([[], []]);
    left.link.restart();
    both.runFor(1_000);
    expect([heard(left), heard(right)]).toEqual([[2], [1]]);
    expect([left, right].map(({ connectivity }) => connectivity.at(-1))).toEqual(['connected', 'connected']);
  });

  it.each(['left', 'right'] as const)(
    'opens with the candidates of the %s end alone, as one in a single part does',
    async (known) => {
      const { both, harness } = await world();
      const ends = pair(harness, (from, { kind }) => kind !== 'candidate' || from === known);
      both.runFor(500);
      expect([ends.left.opens, ends.right.opens]).toEqual([1, 1]);
    },
  );

  it('does not open without any candidate', async () => {
    const { both, harness } = await world();
    const ends = pair(harness, (_, { kind }) => kind !== 'candidate');
    both.runFor(500);
    expect([ends.left.opens, ends.right.opens]).toEqual([0, 0]);
  });

  it('opens once the peer that answered can be reached again', async () => {
    const { both, harness } = await world();
    let isAsleep = true;
    const networks = [both.first, both.second];
    for (const network of networks) network.partition(() => isAsleep);
    const ends = pair(harness);
    both.runFor(500);
    expect([ends.left.opens, ends.right.opens]).toEqual([0, 0]);
    isAsleep = false;
    for (const network of networks) network.review(RIGHT);
    both.runFor(500);
    expect([ends.left.opens, ends.right.opens]).toEqual([1, 1]);
  });

  it('ends for who hears of it, though the peer that closed it sleeps by then', async () => {
    const { both, harness } = await world();
    const { left, right } = await openPair(harness);
    let isAsleep = false;
    const networks = [both.first, both.second];
    for (const network of networks) network.partition(() => isAsleep);
    left.close();
    both.window();
    isAsleep = true;
    for (const network of networks) network.review(LEFT);
    both.runFor(100);
    expect([left.closes, right.closes]).toEqual([1, 1]);
  });

  it.each([
    ['is not there, beyond', 'zy'],
    ['is not there, here', 'zz'],
    ['is none', '-'],
    ['is none at all', '0'],
  ])('does not open on a token that %s', async (_, token) => {
    const { both, harness } = await world();
    // The real answer never comes; one that names the offer does.
    const { left, right } = pair(harness, (from) => from === 'left');
    both.runFor(100);
    const [offer] = left.signals;
    if (offer?.kind !== 'offer') throw new Error('The end that dials offers at once');
    left.signal({ kind: 'answer', sdp: `memory answer ${token} to ${offer.sdp.split(' ').at(-1)}` });
    left.signal({ kind: 'candidate', candidate: `memory candidate 0 of ${token}`, sdpMid: '0', sdpMLineIndex: 0 });
    both.runFor(1_000);
    expect([left.opens, right.opens]).toEqual([0, 0]);
    left.close();
    right.close();
    both.runFor(100);
    expect(both.leaks()).toBe(0);
  });

  it('tells of a link who is at its other end in truth, whatever name it was dialed by', async () => {
    const both = twoNetworks(10);
    const harness = { left: both.first.linkPort(), right: both.second.linkPort(), step: both.window };
    const { left, right } = await openPair(harness);
    expect([both.first.otherEnd(left.link), both.second.otherEnd(right.link)]).toEqual([RIGHT, LEFT]);
    const dialed = new End(both.first.linkPort(), true);
    const liar = new End(both.second.linkPort(), false, 'cc'.repeat(20));
    dialed.onSignal = (signal) => liar.signal(signal);
    liar.onSignal = (signal) => dialed.signal(signal);
    both.runFor(500);
    expect([dialed.opens, liar.opens]).toEqual([1, 1]);
    expect(both.first.otherEnd(dialed.link)).toBe('cc'.repeat(20));
  });
});
