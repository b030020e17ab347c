/** Goal: on a link of two lanes an app's messages, and what has its place among them, keep their order beside what keeps the mesh together, which passes them. */
import { expect, it } from 'vitest';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { decodeFrame } from '../../runtime/wire/codec.ts';
import { ATTEMPT, frameOf, makeNode, REMOTE, TestLink } from './exchange-kit.ts';
import { gossip } from './gossip-kit.ts';

function stage(lanes: 1 | 2) {
  const clock = new HeapClock(1_000_000);
  const node = makeNode(clock, 'a');
  const link = new TestLink(lanes);
  node.exchange.attach(REMOTE, ATTEMPT, link, () => undefined);
  node.exchange.admit(REMOTE, ATTEMPT);
  clock.runFor(10);
  /** What went out since the last call: the messages of each frame, behind its lane. */
  const sent = (): string[] => {
    const lanes = link.taken.splice(0);
    return link.sent.splice(0).map((frame, i) => {
      const decoded = decodeFrame(frame);
      if (!decoded.ok) throw new Error(decoded.error.why);
      return [lanes[i], ...decoded.value.messages.map(({ type }) => type)].join(' ');
    });
  };
  sent();
  return { clock, node, link, sent };
}

it('messages and the word that they came take the one, all else the other', () => {
  const { node, sent } = stage(2);
  node.exchange.broadcast('x', {});
  expect(sent()).toEqual(['bulk GOSSIP']);
  node.exchange.receive(REMOTE, ATTEMPT, frameOf(gossip(), { type: 'PING', stampMs: 1 }));
  expect(sent()).toEqual(['control PONG', 'bulk ACK']);
  node.exchange.receive(
    REMOTE,
    ATTEMPT,
    frameOf({ type: 'DIGEST', answer: false, since: 0, until: 1_000_000, spans: [] }),
  );
  expect(sent()[0]).toMatch(/^control (IHAVE|DIGEST)/);
});

it('what is said while a port sends comes behind what waits to be sent', () => {
  const { node, link, sent } = stage(2);
  link.onFrame = () => {
    link.onFrame = () => undefined;
    node.exchange.broadcast('x', {});
  };
  node.exchange.receive(REMOTE, ATTEMPT, frameOf(gossip(), { type: 'PING', stampMs: 1 }));
  expect(sent()).toEqual(['control PONG', 'bulk ACK GOSSIP']);
});

it('a farewell comes behind what was said before it', () => {
  const { node, sent } = stage(2);
  node.exchange.broadcast('last words', {});
  node.exchange.send(REMOTE, { type: 'CLOSE', reason: 'left', alternatives: [] });
  expect(sent()).toEqual(['bulk GOSSIP', 'bulk CLOSE']);
});

it('share one where the link has no other', () => {
  const { node, sent } = stage(1);
  node.exchange.receive(REMOTE, ATTEMPT, frameOf(gossip(), { type: 'PING', stampMs: 1 }));
  expect(sent()).toEqual(['control ACK PONG']);
});
