/**
 * Goal: in a running mesh a hostile neighbour that forges, alters, repeats after hours, re-addresses and holds back messages makes
 * nobody deliver or pass on a thing that was not said, here and now, by whom it names; it is found out and muted, and honest
 * messages arrive (properties 18 and 26).
 */
import { expect, it } from 'vitest';
import { SEEN_MS } from '../../machines/shared/limits.ts';
import { BLAME_REPLAYED_AFTER_MS, CLOCK_SKEW_MS } from '../../machines/shared/trust-limits.ts';
import { type Adversary, int, Simulation } from '../../runtime/testing.ts';
import { decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrame, encodeMessage } from '../../runtime/wire/codec.ts';
import type { Envelope } from '../../runtime/wire/messages.ts';
import { encodePayload } from '../../runtime/wire/payload.ts';

const LIE = 'a lie';

/** Takes down what passes it, and sends it again in forms of its own. */
class Liar implements Adversary {
  readonly name = 'liar';
  readonly everyMs = 100;
  readonly heard: Envelope[] = [];
  /** What it does now; nothing at first. */
  trick: ((envelope: Envelope) => Envelope) | undefined;
  sent = 0;

  receiveFrame: NonNullable<Adversary['receiveFrame']> = (_context, _from, frame) => {
    const decoded = decodeFrame(frame);
    for (const message of decoded.ok ? decoded.value.messages : []) {
      const envelope = message.type === 'GOSSIP' ? decodeEnvelope(message.envelope.slice()) : undefined;
      if (envelope?.ok && this.heard.length < 50) this.heard.push(envelope.value);
    }
    return [frame];
  };

  act: NonNullable<Adversary['act']> = ({ links, random, injectFrame }) => {
    const envelope = this.heard[int(random, Math.max(1, this.heard.length))];
    if (this.trick === undefined || envelope === undefined) return;
    const lie = encodeEnvelope(this.trick(envelope));
    const frame = encodeFrame([encodeMessage({ type: 'GOSSIP', hops: 1, envelope: lie })]);
    for (const link of links) if (injectFrame(link, frame)) this.sent++;
  };
}

const tail = (id: string, n: number): string => id.slice(0, 16) + n.toString(16).padStart(16, '0');

/** Each trick, how long it waits first, and what honest peers count. */
const TRICKS: Record<
  string,
  readonly [counter: string, waitMs: number, trick: (liar: Liar, envelope: Envelope) => Envelope]
> = {
  'puts words into the mouths of others': [
    'dropped.forged',
    0,
    ({ sent }, envelope) => ({ ...envelope, id: tail(envelope.id, sent), payload: encodePayload(LIE) }),
  ],
  'says them in the name of somebody else': [
    'dropped.forged',
    0,
    ({ sent, heard }, envelope) => {
      const source = heard.find((other) => other.source !== envelope.source)?.source ?? envelope.source;
      return { ...envelope, id: tail(source, sent), source, payload: encodePayload(LIE) };
    },
  ],
  'gives a message another life and another number': [
    'dropped.forged',
    0,
    ({ sent }, envelope) => ({ ...envelope, id: tail(envelope.id, sent), seq: envelope.seq + 1_000_000, ttlMs: 4e9 }),
  ],
  'takes a message into another network': [
    'dropped.forged',
    0,
    ({ sent }, envelope) => ({ ...envelope, id: tail(envelope.id, sent), network: 'elsewhere' }),
  ],
  'leaves the signature out': [
    'dropped.unsigned',
    0,
    ({ sent }, { signature: _signature, ...envelope }) => ({ ...envelope, id: tail(envelope.id, sent) }),
  ],
  'says again what everybody has forgotten': [
    'dropped.replayed',
    SEEN_MS + BLAME_REPLAYED_AFTER_MS,
    (_liar, envelope) => envelope,
  ],
  'says again what is over': ['dropped.expired', SEEN_MS + CLOCK_SKEW_MS + 60_000, (_liar, envelope) => envelope],
};

it.each(Object.entries(TRICKS))('a neighbour that %s', (_what, [counter, waitMs, trick]) => {
  const simulation = new Simulation({ seed: 7 });
  const heardOf: { data: unknown; id: string }[] = [];
  simulation.addPeers(3, 300);
  const liar = new Liar();
  const villain = simulation.addPeer({ adversary: liar });
  simulation.addPeers(4, 300);
  const honest = simulation.peers.filter((peer) => peer !== villain);
  for (const { mesh } of honest) mesh.on('message', ({ data, id }) => heardOf.push({ data, id }));
  simulation.runFor(6_000);
  for (const peer of honest) simulation.broadcast(peer);
  simulation.runFor(2_000);
  simulation.runFor(waitMs);
  // What comes after a silence lets the old ones be forgotten.
  for (const peer of honest) simulation.broadcast(peer);
  simulation.runFor(2_000);
  const before = heardOf.length;
  const known = new Set(heardOf.map(({ id }) => id));
  expect(before).toBe(2 * 7 * 6);
  expect(liar.heard.length).toBeGreaterThan(10);
  liar.heard.splice(14);
  liar.trick = (envelope) => trick(liar, envelope);
  simulation.runFor(10_000);
  liar.trick = undefined;
  expect(liar.sent).toBeGreaterThan(300);
  expect(heardOf.slice(before)).toEqual([]);
  const total = (name: string): number =>
    honest.reduce((sum, { mesh }) => sum + (mesh.status().counters[name] ?? 0), 0);
  expect(total(counter)).toBeGreaterThan(100);
  // Not one passed it on, else others would have counted it; who brought it is muted.
  expect(total('misbehaved')).toBeGreaterThan(0);
  for (const { mesh } of honest) {
    const isNeighbour = (mesh.status().counters[counter] ?? 0) > 0;
    expect(isNeighbour).toBe(simulation.linksOf(villain).has(mesh.peerId));
  }
  for (const peer of honest) simulation.broadcast(peer);
  simulation.runFor(2_000);
  const later = heardOf.slice(before).filter(({ id }) => !known.has(id));
  expect(later).toHaveLength(7 * 6);
  expect(simulation.finish().violations.filter(({ peers }) => !peers.includes(villain.index))).toEqual([]);
});
