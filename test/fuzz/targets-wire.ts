/** The decoders of bytes: what comes over links, out of records, and in texts that people hand over. */
import { isDeepStrictEqual } from 'node:util';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import {
  FRAME_BYTES_MAX,
  HELLO_BYTES_MAX,
  INVITATION_CHARS_MAX,
  MESSAGE_BYTES_MAX,
  MESSAGES_PER_FRAME_MAX,
} from '../../machines/shared/limits.ts';
import {
  readKey,
  readOffer,
  readRecords,
  readRefused,
  readStore,
  readWanted,
  readWatch,
  writeOffer,
  writeRecords,
  writeRefused,
  writeStore,
  writeWatch,
} from '../../runtime/dht/bodies.ts';
import { MeshError } from '../../runtime/errors.ts';
import { fromBase64Url, toBase64Url } from '../../runtime/identity/base64url.ts';
import { identityFromSeed } from '../../runtime/identity/index.ts';
import { SIGNATURE_BYTES } from '../../runtime/ports/crypto.ts';
import type { PeerSignal } from '../../runtime/ports/signaling.ts';
import {
  decodeEnvelope,
  decodeFrame,
  encodeEnvelope,
  encodeFrame,
  encodeMessage,
  envelopeId,
} from '../../runtime/wire/codec.ts';
import { readInvitationText, writeInvitationText } from '../../runtime/wire/invitation.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { Cursor, plainView } from '../../runtime/wire/msgpack-cursor.ts';
import { decodePayload, encodePayload } from '../../runtime/wire/payload.ts';
import { decodeSignal, encodeSignal } from '../../runtime/wire/peer-signals.ts';
import { ATTEMPT, ENVELOPE, KEY, MESSAGE_ID, PEER_A, PEER_B, SAMPLES, SIGNATURE } from '../wire/sample-messages.ts';
import { ACCEPTED, type Input, type Target } from './target.ts';
import { roomTarget } from './targets-room.ts';

export const SIGNALS: readonly PeerSignal[] = [
  {
    ...{ kind: 'offer', attempt: ATTEMPT, sdp: 'v=0', key: KEY, random: true, degree: 1, cap: 8, free: 2 },
    nonce: 'A'.repeat(22),
  },
  { kind: 'answer', attempt: ATTEMPT, sdp: 'v=0', nonce: 'A'.repeat(22) },
  {
    ...{ kind: 'candidate', attempt: ATTEMPT, sdpMid: '0', sdpMLineIndex: 0 },
    candidate: 'candidate:1 1 udp 1 192.0.2.1 5 typ host',
  },
  { kind: 'refusal', attempt: ATTEMPT, code: 'FULL', alternatives: [] },
  { kind: 'close', attempt: ATTEMPT, reason: 'left' },
] as const;

const broken = (why: string): Error => new Error(`accepted and not kept: ${why}`);

function rereads<T>(value: T, again: { readonly ok: boolean; readonly value?: unknown }, what: string): void {
  if (!again.ok || !isDeepStrictEqual(value, again.value)) throw broken(what);
}

/** These bytes, with more behind them. */
function longer(bytes: Uint8Array, length: number): Uint8Array {
  const more = new Uint8Array(length);
  more.set(bytes);
  return more;
}

// ---- frames ----------------------------------------------------------------------------------------------------------

const MORE: readonly Message[] = [
  { type: 'GOSSIP', hops: 2, envelope: encodeEnvelope({ ...ENVELOPE, signature: SIGNATURE }) },
  { ...SAMPLES.RECEIPT, signature: SIGNATURE },
  { ...SAMPLES.BEACON, signature: SIGNATURE },
  { ...SAMPLES.CONFIRM, entries: [{ id: PEER_A }, { id: PEER_B }] },
];

/** A HELLO with a further field, of so many bytes. */
function wordyHello(length: number): Uint8Array {
  const hello = encodeMessage(SAMPLES.HELLO).slice();
  hello[0] = (hello[0] as number) + 1;
  return encodeFrame([new Uint8Array([...hello, 0xc5, length >> 8, length & 255, ...new Uint8Array(length)])]);
}

function runFrame(input: Input): string {
  const bytes = input as Uint8Array;
  const decoded = decodeFrame(bytes);
  if (!decoded.ok) return decoded.error.code;
  for (const message of decoded.value.messages) {
    const again = decodeFrame(encodeFrame([encodeMessage(message)]));
    rereads([message], again.ok ? { ok: true, value: again.value.messages } : again, message.type);
  }
  return ACCEPTED;
}

function frameTarget(): Target {
  const messages = [...Object.values(SAMPLES), ...MORE].map(encodeMessage);
  const frames = [...messages.map((message) => encodeFrame([message])), encodeFrame(messages.slice(0, 6))];
  const many = encodeFrame(Array.from({ length: MESSAGES_PER_FRAME_MAX + 1 }, () => encodeMessage(SAMPLES.PING)));
  return {
    name: 'frame',
    entries: ['decodeFrame'],
    files: ['codec', 'schemas', 'spread', 'routed', 'walks', 'confirming', 'checks'].map(
      (name) => `runtime/wire/${name}.ts`,
    ),
    samples: frames,
    odd: [many, wordyHello(HELLO_BYTES_MAX), longer(many, FRAME_BYTES_MAX + 1), Buffer.from(frames[0] as Uint8Array)],
    run: runFrame,
  };
}

const ENVELOPES = [
  ENVELOPE,
  { ...ENVELOPE, signature: SIGNATURE },
  { ...ENVELOPE, kind: 'broadcast' as const, to: undefined, own: true as const, topic: undefined },
  { ...ENVELOPE, part: { whole: MESSAGE_ID, index: 1, count: 3 } },
  { ...ENVELOPE, form: 'sealed' as const, signature: SIGNATURE },
  { ...ENVELOPE, order: { epoch: 3, number: 9 } },
  { ...ENVELOPE, confirmMs: 5_000, order: { epoch: 3, number: 9 }, signature: SIGNATURE },
].map((envelope) => encodeEnvelope(envelope));

/** With a further field, as a newer version may have. */
function wordyEnvelope(): Uint8Array {
  const full = encodeEnvelope({ ...ENVELOPE, confirmMs: 5_000, order: { epoch: 3, number: 9 } });
  // Sixteen elements have a head of three bytes.
  return new Uint8Array([0xdc, 0, 16, ...full.subarray(1), 0xc0]);
}

function runEnvelope(input: Input): string {
  const bytes = input as Uint8Array;
  const decoded = decodeEnvelope(bytes);
  if (!decoded.ok) {
    envelopeId(bytes);
    return decoded.error.code;
  }
  const id = envelopeId(bytes);
  rereads(decoded.value, decodeEnvelope(bytes, id), 'envelope by its id');
  rereads(decoded.value, decodeEnvelope(encodeEnvelope(decoded.value)), 'envelope');
  return ACCEPTED;
}

// ---- what is in them -------------------------------------------------------------------------------------------------

const PAYLOADS = [
  null,
  'text',
  -1.5,
  2n ** 60n,
  new Date(1_700_000_000_123),
  new Uint8Array(40),
  { a: [1, { b: 'x'.repeat(40) }, [true, null]], c: { d: new Uint8Array(3) } },
  Array.from({ length: 40 }, (_, i) => ({ i })),
].map(encodePayload);

function runPayload(input: Input): string {
  const decoded = decodePayload(input as Uint8Array);
  return decoded.ok ? ACCEPTED : decoded.error.code;
}

function runSignal(input: Input): string {
  const signal = decodeSignal(input as Uint8Array);
  if (signal === undefined) return 'none';
  if (!isDeepStrictEqual(signal, decodeSignal(encodeSignal(signal)))) throw broken('signal');
  return ACCEPTED;
}

const WRITTEN = {
  ...({ key: PEER_A, writer: PEER_B, form: 'value', value: new Uint8Array(20) } as const),
  ...{ writtenAtMs: 1_700_000_000_000, ttlMs: 60_000 },
};
const RECORDS: readonly DhtRecord[] = [
  { kind: 'open', name: 'n', seq: 3, tombstone: false, ...WRITTEN, signature: SIGNATURE },
  { kind: 'mutable', salt: new Uint8Array(4), seq: 3, tombstone: false, ...WRITTEN, signature: SIGNATURE },
  { kind: 'mutable', salt: new Uint8Array(0), seq: 4, tombstone: true, ...WRITTEN, value: new Uint8Array(0) },
  { kind: 'immutable', ...WRITTEN, form: 'chunk' },
];
const BODIES = [
  writeRecords(RECORDS),
  ...RECORDS.map((record) => writeRecords([record])),
  ...RECORDS.map((record) => writeStore({ record, cas: 7 })),
  writeStore({ record: RECORDS[0] as DhtRecord, cas: undefined }),
  writeRefused({ code: 'STALE', seq: 3, held: RECORDS[1] }),
  writeRefused({ code: 'FULL', seq: 0, held: undefined }),
  writeOffer(RECORDS),
  writeWatch({ key: PEER_A, ttlMs: 5_000 }),
  new Uint8Array(20).fill(7),
];

/** Whatever a stranger's body is read as: no reader throws, and records that are read can be written. */
function runBody(input: Input): string {
  const body = input as Uint8Array;
  const read = [readStore, readRefused, readOffer, readWatch, readKey].map((reader) => reader(body));
  readWanted(body, 10);
  const records = readRecords(body);
  if (records !== undefined && !isDeepStrictEqual(readRecords(writeRecords(records)), records)) {
    throw broken('records');
  }
  return records !== undefined || read.some((one) => one !== undefined) ? ACCEPTED : 'none';
}

function bodyTarget(): Target {
  return {
    name: 'dht bodies',
    entries: ['readStore', 'readRefused', 'readOffer', 'readWatch', 'readKey', 'readWanted', 'readRecords'],
    files: ['runtime/dht/bodies.ts', 'runtime/wire/record.ts'],
    samples: BODIES,
    odd: [Buffer.from(BODIES[0] as Uint8Array)],
    run: runBody,
  };
}

// ---- what all of them read with ------------------------------------------------------------------------------------

const READERS: readonly ((cursor: Cursor) => unknown)[] = [
  (cursor) => cursor.array(),
  (cursor) => cursor.nil(),
  (cursor) => cursor.follows(new Uint8Array([0x93, 1])),
  (cursor) => cursor.number(),
  (cursor) => cursor.integer(0, 1_000),
  (cursor) => cursor.duration(),
  (cursor) => cursor.binary(0, 100),
  (cursor) => cursor.hex(20),
  (cursor) => cursor.text(1, 100),
  (cursor) => cursor.skip(),
];

/** The first byte says with what the others are read; the cursor never leaves them while all is well. */
function runCursor(input: Input): string {
  const bytes = input as Uint8Array;
  const cursor = new Cursor();
  cursor.reset(plainView(bytes), 0);
  for (let nth = bytes[0] ?? 0; cursor.ok && cursor.at < bytes.length; nth++) {
    const { at } = cursor;
    (READERS[nth % READERS.length] as (typeof READERS)[number])(cursor);
    if (cursor.ok && (cursor.at < at || cursor.at > bytes.length)) throw broken(`from ${at} to ${cursor.at}`);
  }
  return cursor.ok ? ACCEPTED : 'not of that kind';
}

const NUMBERS = [0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xca, 0xcb].map((head) => [head, ...Array(8).fill(1)]);
const CURSOR_BYTES = [
  ...NUMBERS,
  ...[0xd9, 0xda, 0xdb].map((head, i) => [head, ...Array(2 ** i - 1).fill(0), 3, 0x68, 0xc3, 0xa9]),
  ...[0xc4, 0xc5, 0xc6].map((head, i) => [head, ...Array(2 ** i - 1).fill(0), 20, ...Array(20).fill(7)]),
  ...[0xc7, 0xc8, 0xc9].map((head, i) => [head, ...Array(2 ** i - 1).fill(0), 1, 5, 5]),
  ...[0xdc, 0xdd].map((head, i) => [head, ...Array(2 ** (i + 1) - 1).fill(0), 2, 0xc0, 0xa2, 0x68, 0x69]),
  ...[0xde, 0xdf].map((head, i) => [head, ...Array(2 ** (i + 1) - 1).fill(0), 1, 0xa1, 0x68, 0xc3]),
  [0x82, 0xa1, 0x61, 1, 0xa1, 0x62, 0x93, 1, 0xc0, 0xc2],
  [0xbf, ...Array(31).fill(0x68)],
];

function cursorTarget(): Target {
  const each = READERS.flatMap((_, nth) => CURSOR_BYTES.map((bytes) => new Uint8Array([nth, ...bytes])));
  return {
    name: 'cursor',
    entries: ['plainView', 'array', 'nil', 'follows', 'number', 'integer', 'duration', 'binary', 'hex', 'text', 'skip'],
    files: ['runtime/wire/msgpack-cursor.ts'],
    samples: each.filter((bytes) => runCursor(bytes) === ACCEPTED),
    odd: [Buffer.from([9, 0xc0]), ...each],
    run: runCursor,
  };
}

// ---- invitations -----------------------------------------------------------------------------------------------------

function runInvitation(input: Input): string {
  try {
    readInvitationText(input as string);
    return ACCEPTED;
  } catch (error) {
    if (error instanceof MeshError) return error.code;
    throw error;
  }
}

/** With a further element, as a newer version may have, under a signature of something else. */
function wordyInvitation(text: string): string {
  const bytes = fromBase64Url(text) as Uint8Array; // written a moment ago
  const body = bytes.slice(0, -SIGNATURE_BYTES);
  body[0] = (body[0] as number) + 1;
  return toBase64Url(new Uint8Array([...body, 0xc0, ...bytes.subarray(-SIGNATURE_BYTES)]));
}

async function invitationTarget(): Promise<Target> {
  const identity = identityFromSeed(new Uint8Array(32).fill(1));
  const about = {
    ...{ network: 'demo', issuedMs: 1_700_000_000_000, expiresMs: 1_700_000_600_000 },
    ...{ nonce: 'ab'.repeat(12), free: 3, degree: 5 },
  };
  const texts = [
    await writeInvitationText({ kind: 'invitation', ...about, uses: 2, hubs: ['wss://hub.example.org'] }, identity),
    await writeInvitationText(
      { kind: 'signals', ...about, to: PEER_B, number: '0123456789abcdef', farewell: false, signals: [...SIGNALS] },
      identity,
    ),
  ];
  return {
    name: 'invitation',
    entries: ['readInvitationText'],
    files: ['runtime/wire/invitation.ts', 'runtime/identity/base64url.ts'],
    samples: [...texts, `https://example.org/#invite=${texts[0]}`, `${texts[1]?.match(/.{1,96}/g)?.join('\n')}\n`],
    odd: [
      'A'.repeat(INVITATION_CHARS_MAX * 2 + 1),
      'A'.repeat(INVITATION_CHARS_MAX + 1),
      wordyInvitation(texts[0] as string),
    ],
    run: runInvitation,
  };
}

export const wireTargets = async (): Promise<readonly Target[]> => [
  cursorTarget(),
  frameTarget(),
  bodyTarget(),
  {
    name: 'envelope',
    entries: ['decodeEnvelope', 'envelopeId'],
    files: ['runtime/wire/envelope.ts'],
    samples: [...ENVELOPES, wordyEnvelope()],
    odd: [longer(ENVELOPES[0] as Uint8Array, FRAME_BYTES_MAX), new Uint8Array(0)],
    run: runEnvelope,
  },
  {
    name: 'payload',
    entries: ['decodePayload'],
    files: ['runtime/wire/payload.ts'],
    samples: PAYLOADS,
    odd: [new Uint8Array(MESSAGE_BYTES_MAX + 1)],
    run: runPayload,
  },
  {
    name: 'signal',
    entries: ['decodeSignal'],
    files: ['runtime/wire/peer-signals.ts'],
    samples: SIGNALS.map(encodeSignal),
    run: runSignal,
  },
  roomTarget(),
  await invitationTarget(),
];
