/** The bytes of version 1: every message as hex that must never change, and what the decoders refuse, skip and count. */
import { decodeMulti, encode } from '@msgpack/msgpack';
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../machines/shared/ids.ts';
import * as limits from '../../machines/shared/limits.ts';
import {
  decodeEnvelope,
  decodeFrame,
  encodeEnvelope,
  encodeFrame,
  encodeMessage,
  encodeMessages,
} from '../../runtime/wire/codec.ts';
import { MESSAGE_TYPES, type Message } from '../../runtime/wire/messages.ts';
import { ENVELOPE, OP, PEER_A, SAMPLES } from './sample-messages.ts';

const A = '0a'.repeat(20);
const B = '0b'.repeat(20);
const AD_HEX = `94c414${A}c420${'ab'.repeat(32)}0305`;
const OP_HEX = `c408${OP}`;

const SIGNATURE_HEX = `c420${'ab'.repeat(32)}c440${'cd'.repeat(64)}`;

/** Frames of one message each, written down once. A change here is a new wire version. */
const VECTORS: Readonly<Record<Message['type'], string>> = {
  HELLO: `019801c414${A}c40a018c0000000000000007c40a018c0000000000000006c30891a3646874c40a018c0000000000000006`,
  PROOF: `01930bc420${'ab'.repeat(32)}c440${'cd'.repeat(64)}`,
  CLOSE: `019302a76576696374656491${AD_HEX}`,
  PING: '019203cb4278bcfe56800800',
  PONG: '019204cf0000018bcfe56800',
  ACK: '019308cd012c07',
  NEIGHBOURS: `019305cd012c91${AD_HEX}`,
  BEACON: `019606c414${A}0703${SIGNATURE_HEX}`,
  SHUFFLE: `019307c391${AD_HEX.replace(/^94/, '96')}0c5a`,
  RELAY: `019609c414${B}c414${A}02c40a018c0000000000000007c4027b7d`,
  UNROUTED: `01940ac414${B}c414${A}c40a018c0000000000000007`,
  LOCK: `019510${OP_HEX}01c414${A}c414${B}`,
  LOCKED: `019211${OP_HEX}`,
  LOCK_REFUSED: `019212${OP_HEX}`,
  UNLOCK: `019213${OP_HEX}`,
  DIAL: `019414${OP_HEX}${AD_HEX}c3`,
  DIALED: `019215${OP_HEX}`,
  GOSSIP: '01932002c40190',
  IHAVE: `01942200c414${B}c424${'f0'.repeat(16)}0003${'f0'.repeat(16)}0104`,
  GRAFT: `019323c414${A}c410${'f0'.repeat(16)}`,
  PRUNE: '019224c400',
  WANT: `019225c420${'f0'.repeat(32)}`,
  DIGEST: '01952601cd012ccd016dc40a000100000002deadbeef',
  DHT_ASK: `019930${OP_HEX}0203c414${B}0104c414${A}c4029107`,
  DHT_ANSWER: `019a31${OP_HEX}020200c414${B}03c414${A}c428${B}${A}c4029107`,
  DIRECT: '01962702033cc4080a0b0c0dffffffffc40190',
  ASTRAY: `019528c410${'f0'.repeat(16)}023bc4040a0b0c0d`,
  CONFIRM: `019429c410${'f0'.repeat(16)}03c4c0${('ab'.repeat(32) + 'cd'.repeat(64)).repeat(2)}`,
  TELL: '01922bc403a26869',
  REMIND: `01962ac410${'f0'.repeat(16)}c414${B}030201`,
  RECEIPT: `019621c410${'f0'.repeat(16)}c414${B}03${SIGNATURE_HEX}`,
};
const ENVELOPE_HEX = `9bc410${'f0'.repeat(16)}a464656d6fc414${A}0701c414${B}0acf0000018bcfe56800ce0001d4c0a46e657773c403a26869`;

const frameOf = (...messages: readonly unknown[]): Uint8Array =>
  encodeFrame(messages.map((message) => encode(message)));
const errorOf = (bytes: Uint8Array): string => {
  const result = decodeFrame(bytes);
  return result.ok ? 'no error' : `${result.error.code}: ${result.error.why}`;
};

describe('the bytes of each message', () => {
  const cases = Object.entries(VECTORS) as [Message['type'], string][];

  it('has a vector for every type of the dictionary', () => {
    expect(Object.keys(VECTORS).sort()).toEqual(Object.keys(MESSAGE_TYPES).sort());
  });

  it.each(cases)('writes and reads %s as laid down', (type, hex) => {
    const bytes = encodeFrame([encodeMessage(SAMPLES[type])]);
    expect(toHex(bytes)).toBe(hex);
    expect(decodeFrame(fromHex(hex))).toEqual({
      ok: true,
      value: { messages: [SAMPLES[type]], unknownTypes: 0, unknownFields: 0 },
    });
  });

  it.each(cases)('writes %s as plain MessagePack that any library reads', (type, hex) => {
    const [fields, ...more] = [...decodeMulti(fromHex(hex).subarray(1))] as unknown[][];
    expect(more).toEqual([]);
    expect(fields?.[0]).toBe(MESSAGE_TYPES[type]);
  });

  it('writes and reads an envelope as laid down', () => {
    expect(toHex(encodeEnvelope(ENVELOPE))).toBe(ENVELOPE_HEX);
    expect(decodeEnvelope(fromHex(ENVELOPE_HEX))).toEqual({ ok: true, value: ENVELOPE });
  });

  it.each([0, 1, 255, 256, limits.ENVELOPE_BYTES_MAX])('writes GOSSIP with %i bytes as the library would', (length) => {
    const envelope = new Uint8Array(length).fill(7);
    for (const hops of [1, 127, 128, 255]) {
      const bytes = encodeMessage({ type: 'GOSSIP', hops, envelope });
      expect(bytes).toEqual(encode([MESSAGE_TYPES.GOSSIP, hops, envelope]));
      expect(bytes.length + 1).toBeLessThanOrEqual(limits.FRAME_BYTES_MAX);
    }
  });
});

describe('frames', () => {
  it('keeps the order of several messages', () => {
    const messages = Object.values(SAMPLES);
    const [frame, ...more] = encodeMessages(messages);
    expect(more).toEqual([]);
    expect(decodeFrame(frame as Uint8Array)).toMatchObject({ ok: true, value: { messages } });
  });

  it('packs as few frames as the byte limit allows, losing nothing', () => {
    const envelope = new Uint8Array(5_000);
    const messages = Array.from({ length: 20 }, (_, i): Message => ({ type: 'GOSSIP', hops: i + 1, envelope }));
    const frames = encodeMessages(messages);
    expect(frames).toHaveLength(7);
    const back = frames.flatMap((frame) => {
      expect(frame.length).toBeLessThanOrEqual(limits.FRAME_BYTES_MAX);
      const result = decodeFrame(frame);
      return result.ok ? result.value.messages : [];
    });
    expect(back).toEqual(messages);
  });

  it('packs no more messages in a frame than a receiver takes', () => {
    const messages = Array.from({ length: 257 }, (_, stampMs): Message => ({ type: 'PING', stampMs }));
    const frames = encodeMessages(messages);
    expect(frames.map((frame) => errorOf(frame))).toEqual(['no error', 'no error']);
    expect(errorOf(encodeFrame(messages.map(encodeMessage)))).toBe('TOO_MANY: more than 256 messages');
    expect(encodeMessages([])).toEqual([]);
  });

  it('refuses nothing, another version, no messages and too many bytes, each by its code', () => {
    expect(errorOf(new Uint8Array(0))).toMatch(/^EMPTY/);
    expect(errorOf(new Uint8Array([1]))).toMatch(/^EMPTY/);
    expect(errorOf(new Uint8Array([2, 0x92, 3, 0]))).toMatch(/^BAD_VERSION: version 2/);
    expect(errorOf(new Uint8Array(limits.FRAME_BYTES_MAX + 1))).toMatch(/^TOO_LARGE/);
  });

  it('takes a frame of exactly the largest size', () => {
    const rest = limits.FRAME_BYTES_MAX - 1;
    const part = encode([200, new Uint8Array(rest - 6)]);
    expect(encodeFrame([part]).length).toBe(limits.FRAME_BYTES_MAX);
    expect(decodeFrame(encodeFrame([part]))).toMatchObject({ ok: true, value: { unknownTypes: 1 } });
  });

  it('reads a frame that a Buffer views, and hands out plain bytes of the frame alone', () => {
    const pool = Buffer.concat([Buffer.alloc(9, 1), fromHex(VECTORS.GOSSIP), Buffer.alloc(9, 1)]);
    const result = decodeFrame(pool.subarray(9, 9 + VECTORS.GOSSIP.length / 2));
    expect(result).toEqual({ ok: true, value: { messages: [SAMPLES.GOSSIP], unknownTypes: 0, unknownFields: 0 } });
  });
});

describe('what a newer version may send', () => {
  it('skips and counts unknown types, whatever they hold', () => {
    const odd = encodeFrame([
      encode([99, { deep: [[[1]]] }, new Date(), 'x', 1.5, null]),
      encodeMessage(SAMPLES.PING),
      encode([-5]),
      // An array with an extension of length 3 and a map whose key is an array: legal MessagePack, odd for the library.
      new Uint8Array([0x93, 0x63, 0xc7, 3, 5, 1, 2, 3, 0x81, 0x91, 1, 2]),
    ]);
    expect(decodeFrame(odd)).toEqual({
      ok: true,
      value: { messages: [SAMPLES.PING], unknownTypes: 3, unknownFields: 0 },
    });
  });

  it('writes and reads a HELLO of a link that begins, without what it would resume', () => {
    const { resume: _resume, ...hello } = SAMPLES.HELLO;
    const bytes = encodeFrame([encodeMessage(hello)]);
    expect(toHex(bytes)).toBe(`019701c414${A}c40a018c0000000000000007c40a018c0000000000000006c30891a3646874`);
    expect(decodeFrame(bytes)).toMatchObject({ ok: true, value: { messages: [hello] } });
  });

  it.each(Object.keys(VECTORS) as Message['type'][])('reads %s with further fields and counts those', (type) => {
    const bytes = encodeMessage(SAMPLES[type]);
    const count = (bytes[0] as number) & 15;
    const grown = new Uint8Array([
      0x90 + count + 3,
      ...bytes.subarray(1),
      0xc0,
      0x81,
      0x91,
      1,
      2,
      0xd6,
      0xff,
      0,
      0,
      0,
      0,
    ]);
    const twice = encodeFrame([grown, grown]);
    expect(decodeFrame(twice)).toEqual({
      ok: true,
      value: { messages: [SAMPLES[type], SAMPLES[type]], unknownTypes: 0, unknownFields: 6 },
    });
  });

  it('counts further fields of the peers in a list too', () => {
    const peer = [fromHex(PEER_A), new Uint8Array(32).fill(0xab), 3, 5, 'new', 'newer'];
    expect(decodeFrame(frameOf([5, 300, [peer]], [2, 'evicted', [peer]], [20, fromHex(OP), peer, true]))).toEqual({
      ok: true,
      value: { messages: [SAMPLES.NEIGHBOURS, SAMPLES.CLOSE, SAMPLES.DIAL], unknownTypes: 0, unknownFields: 6 },
    });
  });

  it('reads an envelope with further fields', () => {
    const fields = [...decodeMulti(fromHex(ENVELOPE_HEX))][0] as unknown[];
    expect(decodeEnvelope(encode([...fields, null, 0, null, 7, 'new', { more: 1 }]))).toEqual({
      ok: true,
      value: { ...ENVELOPE, confirmMs: 7 },
    });
    const place = [new Uint8Array(16).fill(0xcd), 1, 3];
    expect(decodeEnvelope(encode([...fields, [...place, 'new'], 3, [5, 6, 'new'], 8, 'new']))).toEqual({
      ok: true,
      value: {
        ...ENVELOPE,
        form: 'sealed',
        part: { whole: 'cd'.repeat(16), index: 1, count: 3 },
        order: { epoch: 5, number: 6 },
        confirmMs: 8,
      },
    });
  });
});

describe('what is refused', () => {
  const id20 = fromHex(PEER_A);
  const peer = [id20, new Uint8Array(32), 3, 5];
  const hello = [1, id20, new Uint8Array(10), new Uint8Array(10), true, 8, []];
  const put = (fields: readonly unknown[], index: number, value: unknown): unknown[] => fields.with(index, value);
  const BAD: readonly (readonly [what: string, message: unknown, why: RegExp])[] = [
    ['a value that is no array', 7, /is no array/],
    ['an array without a type', [], /is no array/],
    ['a type that is text', ['PING', 1], /is no array/],
    ['PING without its stamp', [3], /PING.*0 of 1/],
    ['a stamp below zero', [3, -1], /PING.*stamp/],
    ['a stamp that is no number', [4, 'x'], /PONG.*stamp/],
    ['a stamp of NaN', [3, Number.NaN], /PING.*stamp/],
    ['no hops', [32, 0, new Uint8Array(1)], /GOSSIP.*hops/],
    ['hops over the limit', [32, 256, new Uint8Array(1)], /GOSSIP.*hops/],
    ['an envelope that is text', [32, 1, 'x'], /GOSSIP/],
    ['an envelope over its limit', [32, 1, new Uint8Array(limits.ENVELOPE_BYTES_MAX + 1)], /GOSSIP/],
    ['a message id of 15 bytes', [33, new Uint8Array(15), id20, 1], /RECEIPT/],
    ['a peer id of 21 bytes', put(hello, 1, new Uint8Array(21)), /HELLO.*field 0 is not 20 bytes/],
    ['an attempt of 9 bytes', put(hello, 2, new Uint8Array(9)), /HELLO.*field 1 is not 10 bytes/],
    ['`random` as a number', put(hello, 4, 1), /HELLO.*field 3/],
    ['a cap of 1', put(hello, 5, 1), /HELLO.*field 4 is not an integer from 2 to 50/],
    ['a cap of 51', put(hello, 5, 51), /HELLO/],
    ['too many features', put(hello, 6, Array(17).fill('x')), /HELLO.*more than 16/],
    ['a feature with a long name', put(hello, 6, ['x'.repeat(33)]), /HELLO.*field 5.0/],
    ['an ACK without its second count', [8, 1], /ACK.*1 of 2/],
    ['an ACK that counts below zero', [8, 1, -1], /ACK.*counts/],
    ['a resumed attempt of 9 bytes', [...hello, new Uint8Array(9)], /HELLO.*field 6 is not 10 bytes/],
    ['a HELLO above its size', [...hello, new Uint8Array(10), new Uint8Array(500)], /HELLO.*more than 512 bytes/],
    ['a long reason', [2, 'x'.repeat(129), []], /CLOSE.*field 0/],
    ['too many alternatives', [2, '', Array(5).fill(peer)], /CLOSE.*more than 4/],
    ['too many neighbours', [5, 1, Array(52).fill(peer)], /NEIGHBOURS.*more than 51/],
    ['a peer without a degree', [5, 1, [peer.slice(0, 3)]], /NEIGHBOURS/],
    ['a key of 31 bytes', [5, 1, [put(peer, 1, new Uint8Array(31))]], /NEIGHBOURS.*field 1.0.1 is not 32 bytes/],
    ['free slots over the limit', [5, 1, [put(peer, 2, 51)]], /NEIGHBOURS.*field 1.0.2/],
    ['a fraction as a count', [5, 1.5, []], /NEIGHBOURS.*field 0/],
    ['a kind of lock that is none', [16, fromHex(OP), 3, id20, id20], /LOCK.*field 1/],
    ['an operation of 7 bytes', [17, new Uint8Array(7)], /LOCKED/],
    ['a target that is a map', [20, fromHex(OP), { id: 1 }], /DIAL/],
    ['a forbidden key in a known field', [2, JSON.parse('{"__proto__":1}'), []], /CLOSE/],
  ];

  it.each(BAD)('%s makes the frame BAD_MESSAGE and is named', (_, message, why) => {
    const error = errorOf(encodeFrame([encodeMessage(SAMPLES.PING), encode(message)]));
    expect(error).toMatch(/^BAD_MESSAGE: message 1/);
    expect(error).toMatch(why);
  });

  it('reports what is no MessagePack as BAD_ENCODING', () => {
    expect(errorOf(new Uint8Array([1, 0xc1]))).toMatch(/^BAD_ENCODING/);
    expect(errorOf(new Uint8Array([1, 0x92, 3]))).toMatch(/^BAD_ENCODING/);
    expect(errorOf(new Uint8Array([1, 0x92, 0x63, 0xc1]))).toMatch(/^BAD_ENCODING/);
  });

  it('refuses envelopes field by field', () => {
    const fields = [...decodeMulti(fromHex(ENVELOPE_HEX))][0] as unknown[];
    const wrong: readonly (readonly [index: number, value: unknown])[] = [
      [0, new Uint8Array(15)],
      [1, ''],
      [1, 'x'.repeat(65)],
      [2, null],
      [3, 0],
      [3, 1.5],
      [4, 2],
      [4, 0], // a broadcast with an addressee
      [5, null], // a direct message without
      [6, 0],
      [6, 256],
      [7, -1],
      [8, 2 ** 33],
      [9, 'x'.repeat(129)],
      [10, 'text'],
      [10, new Uint8Array(limits.PAYLOAD_BYTES_MAX + 1)],
      [11, 'text'],
      [11, [new Uint8Array(15), 0, 2]],
      [11, [new Uint8Array(16), 2, 2]],
      [11, [new Uint8Array(16), 0, limits.PARTS_MAX + 1]],
      [11, [new Uint8Array(16), 0]],
      [11, [new Uint8Array(16), 0, 1]],
    ];
    for (const [index, value] of wrong) {
      expect(
        decodeEnvelope(encode(index < fields.length ? fields.with(index, value) : [...fields, value])),
        `field ${index} = ${value}`,
      ).toMatchObject({
        ok: false,
        error: { code: 'BAD_MESSAGE' },
      });
    }
    expect(decodeEnvelope(encode(fields.slice(0, 10)))).toMatchObject({ error: { code: 'BAD_MESSAGE' } });
    expect(decodeEnvelope(encode({ a: 1 }))).toMatchObject({ error: { code: 'BAD_ENCODING' } });
    expect(decodeEnvelope(new Uint8Array(0))).toMatchObject({ error: { code: 'EMPTY' } });
    expect(decodeEnvelope(new Uint8Array(limits.ENVELOPE_BYTES_MAX + 1))).toMatchObject({
      error: { code: 'TOO_LARGE' },
    });
    const tail = new Uint8Array([...fromHex(ENVELOPE_HEX), 0xc0]);
    expect(decodeEnvelope(tail)).toMatchObject({ error: { code: 'BAD_ENCODING' } });
  });

  it('refuses a network name that is not UTF-8', () => {
    const bytes = fromHex(ENVELOPE_HEX.replace('a464656d6f', 'a4646580ff'));
    expect(decodeEnvelope(bytes)).toMatchObject({ ok: false });
  });
});
