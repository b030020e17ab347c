/**
 * The decoders of the product: everything that strangers' bytes and texts reach first. Each is run on one input and throws when
 * it broke its promise: it ends, throws nothing of its own, and what it accepts it can write and read again.
 */
import { isDeepStrictEqual } from 'node:util';
import { factOf, frameOf } from '../../adapters/signaling-codec.ts';
import { parseTrunkFrame, readItem, readPairFrame, routedText } from '../../hub/federation/frames.ts';
import { readGreeting, readWelcome } from '../../hub/federation/link-proof.ts';
import {
  errorFrame,
  inReplyTo,
  networkOf,
  parseFrame,
  readAnnounce,
  readProve,
  refusalOfType,
  signalFrame,
} from '../../hub/frames.ts';
import type { DhtRecord } from '../../machines/dht/records.core.ts';
import { readChatLine } from '../../runtime/cli/chat-protocol.ts';
import { PEER_COMMANDS, readCommandLine } from '../../runtime/cli/peer-protocol.ts';
import { platformCrypto } from '../../runtime/crypto/index.ts';
import * as bodies from '../../runtime/dht/bodies.ts';
import { MeshError } from '../../runtime/errors.ts';
import { identityFromSeed } from '../../runtime/identity/index.ts';
import type { PeerSignal } from '../../runtime/ports/signaling.ts';
import { Rooms } from '../../runtime/secrecy/rooms.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrame, encodeMessage } from '../../runtime/wire/codec.ts';
import { readInvitationText, writeInvitationText } from '../../runtime/wire/invitation.ts';
import { decodePayload, encodePayload } from '../../runtime/wire/payload.ts';
import { decodeSignal, encodeSignal } from '../../runtime/wire/peer-signals.ts';
import { ATTEMPT, ENVELOPE, KEY, MESSAGE_ID, PEER_A, PEER_B, SAMPLES, SIGNATURE } from '../wire/sample-messages.ts';

export type Input = Uint8Array | string;

export interface Target {
  readonly name: string;
  /** What it tests, as ends of paths, for the coverage. */
  readonly files: readonly string[];
  readonly samples: readonly Input[];
  /** True when the input was accepted. */
  run(input: Input): boolean;
}

const broken = (why: string): Error => new Error(`accepted and not kept: ${why}`);

const SIGNALS: readonly PeerSignal[] = [
  {
    kind: 'offer',
    attempt: ATTEMPT,
    sdp: 'v=0',
    key: KEY,
    random: true,
    degree: 1,
    cap: 8,
    free: 2,
    nonce: 'A'.repeat(22),
  },
  { kind: 'answer', attempt: ATTEMPT, sdp: 'v=0', nonce: 'A'.repeat(22) },
  {
    kind: 'candidate',
    attempt: ATTEMPT,
    candidate: 'candidate:1 1 udp 1 192.0.2.1 5 typ host',
    sdpMid: '0',
    sdpMLineIndex: 0,
  },
  { kind: 'refusal', attempt: ATTEMPT, code: 'FULL', alternatives: [] },
  { kind: 'close', attempt: ATTEMPT, reason: 'left' },
] as const;

const messages = Object.values(SAMPLES).map(encodeMessage);
const envelopes = [
  ENVELOPE,
  { ...ENVELOPE, signature: SIGNATURE },
  { ...ENVELOPE, part: { whole: MESSAGE_ID, index: 1, count: 3 } },
  { ...ENVELOPE, form: 'sealed' as const, signature: SIGNATURE },
].map((envelope) => encodeEnvelope(envelope));
const payloads = [
  null,
  'text',
  -1.5,
  2n ** 60n,
  new Date(1_700_000_000_123),
  new Uint8Array(40),
  { a: [1, { b: 'x'.repeat(40) }, [true, null]], c: { d: new Uint8Array(3) } },
  Array.from({ length: 40 }, (_, i) => ({ i })),
].map(encodePayload);

/** What an honest end says to a hub, and a hub to it. */
const clientTexts = [
  { type: 'announce', networkName: 'demo', data: { peerId: PEER_A, mesh: { v: 1, key: KEY, free: 3, degree: 2 } } },
  { type: 'prove', data: { key: KEY, sig: 'A'.repeat(86) } },
  { type: 'prove', data: { resume: 'token' } },
  { type: 'goodbye', data: { peerId: PEER_A } },
  { type: 'ping', data: { n: 1 } },
  ...SIGNALS.map((signal) => frameOf({ type: 'signal', network: 'demo', to: PEER_B, signal }, PEER_A)),
].map((frame) => JSON.stringify(frame));
const hubTexts = [
  { type: 'connected', data: { peerId: PEER_A, mesh: { v: 1, nonce: 'n', proof: 'required' } } },
  { type: 'proven', data: { resume: 'token', ttlMs: 300_000 } },
  {
    type: 'peer-discovered',
    networkName: 'demo',
    data: { peerId: PEER_B, isHub: false, proven: true, mesh: { v: 1, key: KEY, free: 3, degree: 2 } },
  },
  { type: 'peer-disconnected', data: { peerId: PEER_B } },
  { type: 'discovered', data: { count: 1, networkSize: 3 } },
  {
    type: 'error',
    code: 'RATE_LIMITED',
    error: 'slow',
    retryAfterMs: 10,
    inReplyTo: { type: 'offer', targetPeerId: PEER_B, attempt: ATTEMPT },
  },
  ...SIGNALS.map((signal) => ({
    ...frameOf({ type: 'signal', network: 'demo', to: PEER_A, signal }, PEER_B),
    fromPeerId: PEER_B,
  })),
].map((frame) => JSON.stringify(frame));
const routed = (body: object): string =>
  routedText({ from: PEER_A, to: PEER_B, hops: 1, mac: 'A'.repeat(22), body: JSON.stringify(body) });
const trunkTexts = [
  routed({ born: 7, hello: { key: KEY, dh: 'A'.repeat(43), sig: 'A'.repeat(86) } }),
  routed({
    born: 7,
    data: { stream: 1, base: 1, seq: 2, items: [{ k: 'leave', n: 'demo', p: PEER_A, r: 'left' }] },
  }),
  routed({ born: 7, toBorn: 8, ack: [1, 2], reset: [7, 9] }),
  routed({
    born: 7,
    toBorn: 8,
    data: {
      stream: 1,
      base: 1,
      seq: 1,
      items: [
        { k: 'sig', t: 'offer', n: 'demo', f: PEER_A, p: PEER_B, d: {} },
        { k: 'snap', last: true, peers: [{ n: 'demo', p: PEER_A, ad: {} }] },
      ],
    },
  }),
  { type: 'hub-ping' },
  { hub: { v: 1, nonce: 'A'.repeat(32) } },
  { hubId: PEER_A, key: KEY, sig: 'A'.repeat(86) },
].map((frame) => (typeof frame === 'string' ? frame : JSON.stringify(frame)));
const commandTexts = [
  ...PEER_COMMANDS.map((cmd) =>
    JSON.stringify({
      cmd,
      peer: 0,
      ref: 'a',
      to: PEER_A,
      data: { $bytes: 'AQI=' },
      room: 'r',
      topic: 't',
      owner: PEER_B,
      text: 'x',
      key: 'name',
      value: 1,
      id: PEER_A,
    }),
  ),
  '{"cmd":"set","maxPeers":3,"ref":1}',
];
const chatTexts = [
  'hello all',
  '/to 0a0a hello',
  '/status',
  '/peers',
  '/quit',
  '/as 1',
  '//slash',
  '/accept text',
  '/help',
];
const DHT_RECORD: DhtRecord = {
  ...{ kind: 'open', name: 'n', seq: 3, tombstone: false, key: PEER_A, writer: PEER_B, form: 'value' },
  ...{ value: new Uint8Array(20), writtenAtMs: 1_700_000_000_000, ttlMs: 60_000, signature: SIGNATURE },
};
const DHT_BODIES = [
  bodies.writeRecords([DHT_RECORD, DHT_RECORD]),
  bodies.writeStore({ record: DHT_RECORD, cas: 7 }),
  bodies.writeRefused({ code: 'STALE', seq: 3, held: DHT_RECORD }),
  bodies.writeOffer([DHT_RECORD, DHT_RECORD]),
  bodies.writeWatch({ key: PEER_A, ttlMs: 5_000 }),
];

/** Whatever a stranger's body is read as: no reader throws, and records that are read can be written. */
function runDhtBody(input: Input): boolean {
  const body = typeof input === 'string' ? new TextEncoder().encode(input) : input;
  const read = [bodies.readStore, bodies.readRefused, bodies.readOffer, bodies.readWatch, bodies.readKey].map((r) =>
    r(body),
  );
  bodies.readWanted(body, 10);
  const records = bodies.readRecords(body);
  if (records !== undefined && !isDeepStrictEqual(bodies.readRecords(bodies.writeRecords(records)), records)) {
    throw broken('records');
  }
  return records !== undefined || read.some((one) => one !== undefined);
}

const controls = [
  { kind: 'key', room: 'r', epoch: 7, key: new Uint8Array(32), members: [PEER_A, PEER_B] },
  { kind: 'ask', room: 'r' },
  { kind: 'leave', room: 'r' },
].map(encodePayload);

function rereads<T>(value: T, again: { readonly ok: boolean; readonly value?: unknown }, what: string): void {
  if (!again.ok || !isDeepStrictEqual(value, again.value)) throw broken(what);
}

function runFrame(input: Input): boolean {
  const bytes = input as Uint8Array;
  const decoded = decodeFrame(bytes);
  if (!decoded.ok) return false;
  for (const message of decoded.value.messages) {
    const again = decodeFrame(encodeFrame([encodeMessage(message)]));
    rereads([message], again.ok ? { ok: true, value: again.value.messages } : again, message.type);
  }
  return true;
}

function runEnvelope(input: Input): boolean {
  const decoded = decodeEnvelope(input as Uint8Array);
  if (!decoded.ok) return false;
  rereads(decoded.value, decodeEnvelope(encodeEnvelope(decoded.value)), 'envelope');
  return true;
}

function runSignal(input: Input): boolean {
  const signal = decodeSignal(input as Uint8Array);
  if (signal === undefined) return false;
  if (!isDeepStrictEqual(signal, decodeSignal(encodeSignal(signal)))) throw broken('signal');
  return true;
}

function runClient(input: Input): boolean {
  const frame = parseFrame(input as string);
  const refused = (refusal: Parameters<typeof errorFrame>[0]): boolean => {
    const { type } = JSON.parse(errorFrame(refusal, frame, 1)) as { type?: unknown };
    if (type !== 'error') throw broken('an error frame');
    return false;
  };
  if (frame === undefined) return refused({ code: 'BAD_FRAME', message: 'x' });
  const network = networkOf(frame);
  inReplyTo(frame);
  if (network === undefined) return refused({ code: 'BAD_FRAME', message: 'x' });
  if (frame.type === 'prove' || frame.type === 'announce') {
    const read = frame.type === 'prove' ? readProve(frame) : readAnnounce(frame, PEER_A, true);
    return read.ok || refused(read.refusal);
  }
  // What is passed on is JSON, from whom it came.
  const passed = JSON.parse(signalFrame(frame, PEER_A, network, 1)) as { fromPeerId?: unknown };
  if (passed.fromPeerId !== PEER_A) throw broken('the sender of a signal');
  refused(refusalOfType(frame.type));
  return true;
}

function runTrunk(input: Input): boolean {
  const text = input as string;
  const frame = parseTrunkFrame(text);
  if (frame?.type === 'hub-frame') for (const item of readPairFrame(frame.body)?.data?.items ?? []) readItem(item);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not JSON as a whole: the others are never asked.
    return frame !== undefined;
  }
  return [readGreeting(json), readWelcome(json), readItem(json), frame].some((read) => read !== undefined);
}

function runInvitation(input: Input): boolean {
  try {
    readInvitationText(input as string);
    return true;
  } catch (error) {
    if (error instanceof MeshError) return false;
    throw error;
  }
}

const rooms = new Rooms({
  crypto: platformCrypto,
  random: streams('fuzz').fork('rooms'),
  clock: new HeapClock(1_700_000_000_000),
  self: PEER_B,
  network: 'fuzz',
  send: () => undefined,
  report: () => undefined,
});
rooms.join('r', PEER_A);

function runControl(input: Input): boolean {
  const decoded = decodePayload(input as Uint8Array);
  return decoded.ok && rooms.heard(PEER_A, decoded.value);
}

/** Invitations are signed: what is not changed at all, or changed and signed again, gets further. */
async function invitationTexts(): Promise<string[]> {
  const identity = identityFromSeed(new Uint8Array(32).fill(1));
  const about = {
    network: 'demo',
    issuedMs: 1_700_000_000_000,
    expiresMs: 1_700_000_600_000,
    nonce: 'ab'.repeat(12),
    free: 3,
    degree: 5,
  };
  return [
    await writeInvitationText({ kind: 'invitation', ...about, uses: 2, hubs: ['wss://hub.example.org'] }, identity),
    await writeInvitationText(
      { kind: 'signals', ...about, to: PEER_B, number: '0123456789abcdef', farewell: false, signals: [...SIGNALS] },
      identity,
    ),
  ];
}

export async function targets(): Promise<readonly Target[]> {
  const frames = [...messages.map((message) => encodeFrame([message])), encodeFrame(messages.slice(0, 6))];
  const carried = envelopes.map((envelope) => encodeFrame([encodeMessage({ type: 'GOSSIP', hops: 2, envelope })]));
  return [
    {
      name: 'frame',
      files: ['wire/codec.ts', 'wire/schemas.ts', 'wire/msgpack-cursor.ts'],
      samples: [...frames, ...carried],
      run: runFrame,
    },
    {
      name: 'dht bodies',
      files: ['dht/bodies.ts', 'wire/record.ts'],
      samples: DHT_BODIES,
      run: runDhtBody,
    },
    { name: 'envelope', files: ['wire/envelope.ts'], samples: envelopes, run: runEnvelope },
    {
      name: 'payload',
      files: ['wire/payload.ts', 'wire/msgpack-cursor.ts'],
      samples: payloads,
      run: (input) => decodePayload(input as Uint8Array).ok,
    },
    { name: 'signal', files: ['wire/peer-signals.ts'], samples: SIGNALS.map(encodeSignal), run: runSignal },
    { name: 'room', files: ['secrecy/rooms.ts'], samples: controls, run: runControl },
    { name: 'client', files: ['hub/frames.ts'], samples: clientTexts, run: runClient },
    {
      name: 'hub',
      files: ['adapters/signaling-codec.ts'],
      samples: hubTexts,
      run: (input) => factOf(input as string, 'host').type !== 'ignored',
    },
    { name: 'trunk', files: ['federation/frames.ts'], samples: trunkTexts, run: runTrunk },
    {
      name: 'command',
      files: ['cli/peer-protocol.ts', 'cli/json-data.ts'],
      samples: commandTexts,
      run: (input) => readCommandLine(input as string, 3).type === 'command',
    },
    {
      name: 'chat',
      files: ['cli/chat-protocol.ts'],
      samples: chatTexts,
      run: (input) => readChatLine(input as string, 3).type !== 'unknown',
    },
    {
      name: 'invitation',
      files: ['wire/invitation.ts', 'identity/base64url.ts'],
      samples: await invitationTexts(),
      run: runInvitation,
    },
  ];
}
