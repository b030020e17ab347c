/** Goal: what is written by hand has the library's bytes, and an encoded message is a frame where it lies. */
import { decode, encode } from '@msgpack/msgpack';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../machines/shared/ids.ts';
import { FRAME_BYTES_MAX, HOPS_LIMIT, WIRE_VERSION } from '../../machines/shared/limits.ts';
import { decodeFrame, encodeFrame, encodeMessage, encodeOriginated } from '../../runtime/wire/codec.ts';
import { gossipHeadBytes, withRoom, writeGossipHead } from '../../runtime/wire/frames.ts';
import { MESSAGE_TYPES } from '../../runtime/wire/messages.ts';
import { encodePayload, encodePayloadInPlace } from '../../runtime/wire/payload.ts';

const hexOf = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => Buffer.from(value).toString('hex'));
const count = fc.oneof(fc.integer({ min: 0, max: 70_000 }), fc.maxSafeNat());

describe('what is written by hand', () => {
  it('is what the library writes: envelopes', () => {
    fc.assert(
      fc.property(
        fc.record({
          id: hexOf(16),
          network: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 10 }),
          source: hexOf(20),
          seq: count.map((n) => n + 1).filter(Number.isSafeInteger),
          hopsMax: fc.integer({ min: 1, max: HOPS_LIMIT }),
          sentAtMs: fc.oneof(count, fc.double({ min: 0, max: 1e14, noNaN: true })),
          ttlMs: fc.nat(),
          topic: fc.string({ unit: 'grapheme', maxLength: 12 }),
          payload: fc.uint8Array({ maxLength: 400 }),
        }),
        (fields) => {
          const { envelope, message } = encodeOriginated({ ...fields, kind: 'broadcast' });
          const { id, network, source, seq, hopsMax, sentAtMs, ttlMs, topic, payload } = fields;
          // The library writes -0 as a float; nobody needs to.
          const sentAt = sentAtMs === 0 ? 0 : sentAtMs;
          const theirs = [fromHex(id), network, fromHex(source), seq, 0, null, hopsMax, sentAt, ttlMs, topic, payload];
          expect(envelope).toEqual(encode(theirs));
          expect(message).toEqual(encode([MESSAGE_TYPES.GOSSIP, 1, envelope]));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('is what the library writes: the messages of every link', () => {
    fc.assert(
      fc.property(
        hexOf(16),
        hexOf(20),
        count,
        count,
        fc.integer({ min: 1, max: HOPS_LIMIT }),
        (id, peer, a, b, hops) => {
          const { RECEIPT, PING, ACK, BEACON } = MESSAGE_TYPES;
          expect(encodeMessage({ type: 'RECEIPT', id, from: peer, hops })).toEqual(
            encode([RECEIPT, fromHex(id), fromHex(peer), hops]),
          );
          expect(encodeMessage({ type: 'PING', stampMs: a / 7 })).toEqual(encode([PING, a / 7]));
          expect(encodeMessage({ type: 'ACK', received: a, sent: b })).toEqual(encode([ACK, a, b]));
          expect(encodeMessage({ type: 'BEACON', root: peer, seq: a, hops: 7 })).toEqual(
            encode([BEACON, fromHex(peer), a, 7]),
          );
        },
      ),
    );
  });

  it.each([1, 127, 128, 255])('has a head of a length that is known before: %i hops', (hops) => {
    for (const length of [0, 255, 256, 16_000]) {
      const head = new Uint8Array(8);
      const end = writeGossipHead(head, hops, length);
      expect(end).toBe(gossipHeadBytes(hops, length));
      const whole = new Uint8Array(end + length);
      whole.set(head.subarray(0, end));
      expect(decode(whole)).toEqual([MESSAGE_TYPES.GOSSIP, hops, new Uint8Array(length)]);
    }
  });
});

describe('an encoded message', () => {
  const ping = (stampMs: number) => encodeMessage({ type: 'PING', stampMs });

  it('is a frame where it lies, without a copy', () => {
    const message = ping(5);
    const frame = encodeFrame([message]);
    expect(frame.buffer).toBe(message.buffer);
    expect([...frame]).toEqual([WIRE_VERSION, ...message]);
  });

  it('is copied into a frame of several', () => {
    const [one, two] = [ping(1), ping(2)];
    expect([...encodeFrame([one, two])]).toEqual([WIRE_VERSION, ...one, ...two]);
  });

  it('is copied when it has no room, or another byte before it', () => {
    const message = new Uint8Array(ping(7));
    expect([...encodeFrame([message])]).toEqual([WIRE_VERSION, ...message]);
    const behind = new Uint8Array([99, ...message]).subarray(1);
    expect([...encodeFrame([behind])]).toEqual([WIRE_VERSION, ...message]);
  });

  it('is not touched by those that follow it in the same memory', () => {
    const messages = Array.from({ length: 2_000 }, (_, n) => ping(n));
    for (const [n, message] of messages.entries()) {
      const decoded = decodeFrame(encodeFrame([message]));
      expect(decoded.ok && decoded.value.messages).toEqual([{ type: 'PING', stampMs: n }]);
    }
  });

  it('keeps little memory besides its own', () => {
    expect(withRoom(10).buffer.byteLength).toBeLessThanOrEqual(4_096);
    expect(withRoom(FRAME_BYTES_MAX - 1).buffer.byteLength).toBe(FRAME_BYTES_MAX);
  });
});

it('a payload in place is the same bytes, until the next one', () => {
  const data = { a: [1, 'two', new Uint8Array(300)] };
  const kept = encodePayload(data);
  expect(encodePayloadInPlace(data)).toEqual(kept);
  encodePayloadInPlace('something else');
  expect(kept).toEqual(encodePayload(data));
});
