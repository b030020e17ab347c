/** Properties of the codec: decode(encode(m)) = m for all messages within the limits, and decode(any bytes) ends. */
import { encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  DHT_BODY_BYTES_MAX,
  DHT_DETOURS_MAX,
  DHT_HOPS_MAX,
  DHT_K_MAX,
  DHT_PATHS_MAX,
} from '../../machines/shared/dht-routing-limits.ts';
import { DIRECT_STEPS_MAX, DIRECT_VISITED_MAX, DIRECT_WALKS_MAX } from '../../machines/shared/direct-limits.ts';
import {
  ANNOUNCE_MAX,
  CONFIRM_ENTRIES_MAX,
  DIGEST_SPANS_MAX,
  RELIABLE_RETRIES_MAX,
  RELIABLE_TIMEOUT_MAX_MS,
} from '../../machines/shared/gossip-limits.ts';
import * as limits from '../../machines/shared/limits.ts';
import { TELL_BYTES_MAX } from '../../machines/shared/tell-limits.ts';
import { toBase64Url } from '../../runtime/identity/base64url.ts';
import {
  decodeEnvelope,
  decodeFrame,
  encodeEnvelope,
  encodeFrame,
  encodeMessage,
  encodeMessages,
} from '../../runtime/wire/codec.ts';
import { DHT_OUTCOMES, DHT_VERBS } from '../../runtime/wire/dht-messages.ts';
import type { Envelope, Message } from '../../runtime/wire/messages.ts';
import { ENVELOPE, SAMPLES } from './sample-messages.ts';

const hex = (digits: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });
/** Well-formed text counted in UTF-16 units, as the limits count. */
const text = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: 'binary', minLength: min, maxLength: max }).filter((s) => s.length <= max);
const peerId = hex(40);
const op = hex(16);
const hops = fc.integer({ min: 1, max: limits.HOPS_LIMIT });
const ms = fc.oneof(
  fc.constantFrom(0, 0.5, 1.7e12 + 0.25, Number.MAX_SAFE_INTEGER),
  fc.maxSafeNat(),
  fc.double({ min: 0, max: 1e15, noNaN: true }).map((value) => value + 0),
);
const ad = fc.record({
  id: peerId,
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(toBase64Url),
  free: fc.integer({ min: 0, max: limits.MAX_PEERS_MAX }),
  degree: fc.integer({ min: 0, max: limits.NEIGHBOURS_MAX }),
});
const bytes = (max: number): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(0, 255, 256, max).map((length) => new Uint8Array(length)),
  );

const signature = fc.record({
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  sig: fc.uint8Array({ minLength: 64, maxLength: 64 }),
});

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record(
    {
      type: fc.constant('HELLO' as const),
      peerId,
      attempt: hex(20),
      mark: hex(20),
      random: fc.boolean(),
      cap: fc.integer({ min: limits.MAX_PEERS_MIN, max: limits.MAX_PEERS_MAX }),
      // ASCII names of up to 24 keep 16 of them within HELLO_BYTES_MAX.
      features: fc.array(fc.string({ minLength: 1, maxLength: 24, unit: 'grapheme-ascii' }), { maxLength: 16 }),
      resume: hex(20),
    },
    { requiredKeys: ['type', 'peerId', 'attempt', 'mark', 'random', 'cap', 'features'] },
  ),
  fc.record({
    type: fc.constant('PROOF' as const),
    key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    sig: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  }),
  fc.record({
    type: fc.constant('CLOSE' as const),
    reason: text(0, limits.REASON_MAX),
    alternatives: fc.array(ad, { maxLength: limits.ALTERNATIVES_MAX }),
  }),
  fc.record({ type: fc.constantFrom('PING' as const, 'PONG' as const), stampMs: ms }),
  fc.record({ type: fc.constant('ACK' as const), received: fc.maxSafeNat(), sent: fc.maxSafeNat() }),
  fc.record({
    type: fc.constant('NEIGHBOURS' as const),
    seq: fc.maxSafeNat(),
    peers: fc.array(ad, { maxLength: limits.NEIGHBOURS_MAX, size: 'max' }),
  }),
  fc.record({
    type: fc.constant('RELAY' as const),
    to: peerId,
    from: peerId,
    hops: fc.integer({ min: 1, max: limits.RELAY_HOPS_MAX }),
    attempt: hex(20),
    signal: bytes(limits.RELAY_BYTES_MAX),
  }),
  fc.record({ type: fc.constant('UNROUTED' as const), to: peerId, from: peerId, attempt: hex(20) }),
  fc.record({
    type: fc.constant('LOCK' as const),
    op,
    kind: fc.constantFrom('splice' as const, 'triangle' as const, 'relink' as const),
    dropped: peerId,
    other: peerId,
  }),
  fc.record({
    type: fc.constantFrom('LOCKED' as const, 'LOCK_REFUSED' as const, 'UNLOCK' as const, 'DIALED' as const),
    op,
  }),
  fc.record({ type: fc.constant('DIAL' as const), op, target: ad, random: fc.boolean() }),
  fc.record({ type: fc.constant('BEACON' as const), root: peerId, seq: fc.maxSafeNat(), hops: fc.nat(65_535) }),
  fc.record({
    type: fc.constant('SHUFFLE' as const),
    reply: fc.boolean(),
    entries: fc.array(
      fc
        .record({ ad, radius: fc.integer({ min: 0, max: 160 }), ageS: fc.integer({ min: 0, max: 65_535 }) })
        .map(({ ad, ...rest }) => ({ ...ad, ...rest })),
      { maxLength: limits.SHUFFLE_MAX },
    ),
  }),
  fc.record({
    type: fc.constant('IHAVE' as const),
    repair: fc.boolean(),
    entries: fc.array(fc.record({ id: hex(32), tree: fc.oneof(fc.constant(''), peerId), hops }), {
      minLength: 1,
      maxLength: ANNOUNCE_MAX,
    }),
  }),
  fc.record(
    { type: fc.constant('GRAFT' as const), tree: fc.oneof(fc.constant(''), peerId), id: hex(32) },
    { requiredKeys: ['type', 'tree'] },
  ),
  fc.record({ type: fc.constant('PRUNE' as const), tree: fc.oneof(fc.constant(''), peerId) }),
  fc.record({
    type: fc.constant('WANT' as const),
    ids: fc.array(hex(32), { minLength: 1, maxLength: ANNOUNCE_MAX }),
  }),
  fc
    .record({ type: fc.constant('DIGEST' as const), answer: fc.boolean(), since: fc.nat(), until: fc.nat() })
    .chain((digest) =>
      fc
        .array(fc.record({ at: fc.nat(65_535), count: fc.nat(), sum: fc.nat() }), {
          maxLength: DIGEST_SPANS_MAX,
        })
        .map((spans) => ({ ...digest, spans: spans.map((span) => ({ ...span, at: span.at + digest.since })) })),
    ),
  fc.record({
    type: fc.constant('DHT_ASK' as const),
    id: op,
    path: fc.nat(DHT_PATHS_MAX - 1),
    verb: fc.constantFrom(...DHT_VERBS),
    target: peerId,
    exact: fc.boolean(),
    detours: fc.nat(DHT_DETOURS_MAX),
    way: fc.array(peerId, { minLength: 1, maxLength: DHT_HOPS_MAX }),
    body: bytes(DHT_BODY_BYTES_MAX),
  }),
  fc.record({
    type: fc.constant('DHT_ANSWER' as const),
    id: op,
    path: fc.nat(DHT_PATHS_MAX - 1),
    verb: fc.constantFrom(...DHT_VERBS),
    outcome: fc.constantFrom(...DHT_OUTCOMES),
    by: peerId,
    hops: fc.nat(DHT_HOPS_MAX),
    way: fc.array(peerId, { minLength: 1, maxLength: DHT_HOPS_MAX }),
    nodes: fc.array(peerId, { maxLength: DHT_K_MAX }),
    body: bytes(DHT_BODY_BYTES_MAX),
  }),
  fc.record({
    type: fc.constant('CONFIRM' as const),
    id: hex(32),
    all: fc.boolean(),
    entries: fc.oneof(
      fc.array(signature, { maxLength: CONFIRM_ENTRIES_MAX }),
      fc.array(fc.record({ id: peerId }), { maxLength: CONFIRM_ENTRIES_MAX }),
    ),
  }),
  fc.record({
    type: fc.constant('TELL' as const),
    payload: fc.uint8Array({ minLength: 1, maxLength: TELL_BYTES_MAX }),
  }),
  fc.record({
    type: fc.constant('REMIND' as const),
    id: hex(32),
    tree: fc.oneof(fc.constant(''), peerId),
    hops,
    round: fc.integer({ min: 1, max: RELIABLE_RETRIES_MAX }),
    wide: fc.boolean(),
  }),
  fc.record({ type: fc.constant('GOSSIP' as const), hops, envelope: bytes(limits.ENVELOPE_BYTES_MAX) }),
  fc.record({
    type: fc.constant('DIRECT' as const),
    ...{ walk: fc.nat(DIRECT_WALKS_MAX - 1), left: fc.nat(DIRECT_STEPS_MAX), hops },
    visited: fc.array(hex(8), { maxLength: 5 }),
    envelope: bytes(limits.ENVELOPE_BYTES_MAX),
  }),
  fc.record({
    type: fc.constant('ASTRAY' as const),
    ...{ id: hex(32), walk: fc.nat(DIRECT_WALKS_MAX - 1), left: fc.nat(DIRECT_STEPS_MAX) },
    visited: fc.array(hex(8), { maxLength: DIRECT_VISITED_MAX }),
  }),
  fc.record(
    { type: fc.constant('RECEIPT' as const), id: hex(32), from: peerId, hops, signature },
    { requiredKeys: ['type', 'id', 'from', 'hops'] },
  ),
);

const envelope: fc.Arbitrary<Envelope> = fc
  .record(
    {
      id: hex(32),
      network: text(1, limits.NETWORK_NAME_MAX),
      source: peerId,
      seq: fc.maxSafeNat().map((seq) => Math.max(1, seq)),
      to: peerId,
      hopsMax: hops,
      sentAtMs: ms,
      ttlMs: fc.integer({ min: 0, max: limits.TTL_LIMIT_MS }),
      topic: text(0, limits.TOPIC_NAME_MAX),
      payload: bytes(limits.PAYLOAD_BYTES_MAX),
      part: fc
        .record({ whole: hex(32), count: fc.integer({ min: 2, max: limits.PARTS_MAX }), at: fc.nat() })
        .map(({ whole, count, at }) => ({ whole, index: at % count, count })),
      form: fc.constantFrom('offer' as const, 'answer' as const, 'sealed' as const, 'room' as const),
      confirmMs: fc.integer({ min: 1, max: RELIABLE_TIMEOUT_MAX_MS }),
      order: fc.record({ epoch: fc.maxSafeNat(), number: fc.maxSafeNat().map((n) => Math.max(1, n)) }),
      signature,
    },
    { requiredKeys: ['id', 'network', 'source', 'seq', 'hopsMax', 'sentAtMs', 'ttlMs', 'payload'] },
  )
  .map((fields): Envelope => ({ ...fields, kind: fields.to === undefined ? 'broadcast' : 'direct' }));

const validFrame = fc
  .array(message, { minLength: 1, maxLength: 4 })
  .map((list) => encodeMessages(list)[0] as Uint8Array);

/** The promise of a total decoder, asserted on any bytes. */
function decodes(input: Uint8Array): void {
  const before = input.slice();
  for (const result of [decodeFrame(input), decodeEnvelope(input)]) {
    if (!result.ok) expect(result.error.why).not.toBe('');
  }
  expect(input, 'the input is not changed').toEqual(before);
}

describe('the codec', () => {
  it('reads back every message it writes', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decodeFrame(encodeFrame([encodeMessage(sent)]))).toEqual({
          ok: true,
          value: { messages: [sent], unknownTypes: 0, unknownFields: 0 },
        });
      }),
      { numRuns: 1_500 },
    );
  });

  it('reads back lists of messages in order, over as many frames as they need', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 40 }), (sent) => {
        const got = encodeMessages(sent).flatMap((frame) => {
          expect(frame.length).toBeLessThanOrEqual(limits.FRAME_BYTES_MAX);
          const result = decodeFrame(frame);
          return result.ok ? result.value.messages : [];
        });
        expect(got).toEqual(sent);
      }),
      { numRuns: 100 },
    );
  });

  it('reads back every envelope it writes', () => {
    fc.assert(
      fc.property(envelope, (sent) => {
        expect(decodeEnvelope(encodeEnvelope(sent))).toEqual({ ok: true, value: sent });
      }),
      { numRuns: 1_000 },
    );
  });

  it('ends on any bytes, with or without the right version', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (input) => {
        decodes(input);
        decodes(new Uint8Array([limits.WIRE_VERSION, ...input]));
      }),
      { numRuns: 3_000 },
    );
  });

  it('ends on any MessagePack behind a known type', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 40 }),
        fc.array(fc.anything({ withTypedArray: false, withDate: true, maxDepth: 4 }), { maxLength: 8 }),
        (type, fields) => {
          let part: Uint8Array;
          try {
            part = encode([type, ...fields]);
          } catch {
            return; // A value that MessagePack cannot carry, such as a bigint or a symbol.
          }
          decodes(encodeFrame([part]));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('ends on valid frames with changed, added and removed bytes', () => {
    const change = fc.record({ at: fc.nat(), byte: fc.nat(255), how: fc.constantFrom('set', 'insert', 'remove') });
    let refused = 0;
    fc.assert(
      fc.property(validFrame, fc.array(change, { minLength: 1, maxLength: 4 }), (frame, changes) => {
        const mutated = [...frame.subarray(0, 2_000)];
        for (const { at, byte, how } of changes) {
          mutated.splice(1 + (at % mutated.length), how === 'insert' ? 0 : 1, ...(how === 'remove' ? [] : [byte]));
        }
        const input = new Uint8Array(mutated);
        decodes(input);
        if (!decodeFrame(input).ok) refused++;
      }),
      { numRuns: 2_000 },
    );
    expect(refused, 'the changes did some harm').toBeGreaterThan(200);
  });

  it('refuses every message and the envelope cut off at any byte', () => {
    for (const sample of Object.values(SAMPLES)) {
      const frame = encodeFrame([encodeMessage(sample)]);
      for (let length = 0; length < frame.length; length++) {
        expect(decodeFrame(frame.subarray(0, length)).ok, `${sample.type} cut to ${length}`).toBe(false);
      }
    }
    const whole = encodeEnvelope(ENVELOPE);
    for (let length = 0; length < whole.length; length++) {
      expect(decodeEnvelope(whole.subarray(0, length)).ok, `envelope cut to ${length}`).toBe(false);
    }
  });
});

describe('bombs', () => {
  const frame = (...tail: number[]): Uint8Array => new Uint8Array([1, ...tail]);
  const filled = (...pattern: number[]): Uint8Array => {
    const bomb = new Uint8Array(limits.FRAME_BYTES_MAX);
    for (let i = 0; i < bomb.length; i++) bomb[i] = pattern[i % pattern.length] as number;
    bomb[0] = 1;
    return bomb;
  };

  const BOMBS: readonly (readonly [what: string, bytes: Uint8Array])[] = [
    ['an array of 2^32 - 1', frame(0xdd, 255, 255, 255, 255, 3)],
    ['features of 2^32 - 1', frame(0x97, 1, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xdd, 255, 255, 255, 255)],
    ['a map of 2^32 - 1 in an unknown message', frame(0x92, 99, 0xdf, 255, 255, 255, 255, 0)],
    ['text of 2^32 - 1', frame(0x93, 2, 0xdb, 255, 255, 255, 255, 0x90)],
    ['an envelope of 2^32 - 1', frame(0x93, 32, 1, 0xc6, 255, 255, 255, 255)],
    ['an extension of 2^32 - 1', frame(0x92, 99, 0xc9, 255, 255, 255, 255, 1)],
    ['arrays in arrays', filled(0x91)],
    ['arrays of 15 in arrays of 15', filled(0x9f)],
    ['long arrays in long arrays', filled(0xdc, 0x30, 0x00)],
    ['maps in maps', filled(0x81, 1)],
    ['nesting in a known field', frame(0x92, 17, ...Array<number>(5_000).fill(0x91), 0xc0)],
  ];

  it.each(BOMBS)('%s: refused without building anything of that size', (_, bomb) => {
    const rounds = 200;
    decodeFrame(bomb);
    const heapBefore = process.memoryUsage().heapUsed;
    for (let round = 0; round < rounds; round++) expect(decodeFrame(bomb).ok).toBe(false);
    const perRound = (process.memoryUsage().heapUsed - heapBefore) / rounds;
    // Generous: a few frames' worth of garbage a round, where a built bomb would be hundreds.
    expect(perRound).toBeLessThan(256 * 1024);
    expect(decodeEnvelope(bomb.subarray(1)).ok).toBe(false);
  });
});
