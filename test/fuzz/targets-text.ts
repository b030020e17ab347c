/** The decoders of texts: what clients, hubs and people say, and what engines say of their certificates. */
import { SdpFingerprints } from '../../adapters/sdp-fingerprints.ts';
import { factsOf, frameOf } from '../../adapters/signaling-codec.ts';
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
import { HUB_ANNOUNCE_DATA_BYTES_MAX } from '../../machines/shared/limits.ts';
import { readChatLine } from '../../runtime/cli/chat-protocol.ts';
import { PEER_COMMANDS, readCommandLine } from '../../runtime/cli/peer-protocol.ts';
import { ATTEMPT, KEY, PEER_A, PEER_B } from '../wire/sample-messages.ts';
import { ACCEPTED, type Input, type Target } from './target.ts';
import { SIGNALS } from './targets-wire.ts';

const broken = (why: string): Error => new Error(`accepted and not kept: ${why}`);
const asText = (frame: object): string => JSON.stringify(frame);

// ---- a client's words to a hub ---------------------------------------------------------------------------------------

const PRESENCE = { v: 1, key: KEY, free: 3, degree: 2 };
const CLIENT_TEXTS = [
  { type: 'announce', networkName: 'demo', data: { peerId: PEER_A, mesh: PRESENCE } },
  { type: 'announce', data: { peerId: PEER_A } },
  { type: 'prove', data: { key: KEY, sig: 'A'.repeat(86) } },
  { type: 'prove', data: { resume: 'token' } },
  { type: 'goodbye', data: { peerId: PEER_A } },
  { type: 'ping', data: { n: 1 } },
  { type: 'renegotiation-offer', targetPeerId: PEER_B, data: { mesh: { attempt: ATTEMPT } } },
  ...SIGNALS.map((signal) => frameOf({ type: 'signal', network: 'demo', to: PEER_B, signal }, PEER_A)),
].map(asText);

function runClient(input: Input): string {
  const frame = parseFrame(input as string);
  const refused = (refusal: Parameters<typeof errorFrame>[0]): string => {
    for (const more of [{}, { retryAfterMs: 7 }, { hubs: [] }, { hubs: ['wss://hub.example.org'] }]) {
      const { type } = JSON.parse(errorFrame({ ...refusal, ...more }, frame, 1)) as { type?: unknown };
      if (type !== 'error') throw broken('an error frame');
    }
    return refusal.code;
  };
  if (frame === undefined) return refused({ code: 'BAD_FRAME', message: 'x' });
  inReplyTo(frame);
  if (frame.type === 'prove' || frame.type === 'announce') {
    const read = frame.type === 'prove' ? readProve(frame) : readAnnounce(frame, PEER_A, true);
    return read.ok ? ACCEPTED : refused(read.refusal);
  }
  const network = networkOf(frame);
  if (network === undefined) return refused({ code: 'BAD_FRAME', message: 'x' });
  // What is passed on is JSON, from whom it came.
  const passed = JSON.parse(signalFrame(frame, PEER_A, network, 1)) as { fromPeerId?: unknown };
  if (passed.fromPeerId !== PEER_A) throw broken('the sender of a signal');
  refused(refusalOfType(frame.type));
  return ACCEPTED;
}

// ---- a hub's words to a client ---------------------------------------------------------------------------------------

const REFUSED = { type: 'error', code: 'RATE_LIMITED', error: 'slow' };
const HUB_TEXTS = [
  { type: 'connected', data: { peerId: PEER_A, mesh: { v: 1, nonce: 'n', proof: 'required' } } },
  { type: 'proven', data: { resume: 'token', ttlMs: 300_000 } },
  {
    ...{ type: 'peer-discovered', networkName: 'demo' },
    data: { peerId: PEER_B, isHub: false, mesh: { ...PRESENCE, proven: true } },
  },
  { type: 'peer-discovered', data: { peerId: PEER_B, mesh: { proven: true } } },
  { type: 'peer-disconnected', data: { peerId: PEER_B } },
  {
    type: 'peers-discovered',
    networkName: 'demo',
    data: { peers: [{ peerId: PEER_A }, { peerId: PEER_B, isHub: true }] },
  },
  { type: 'peers-disconnected', data: { peers: Array.from({ length: 21 }, () => ({ peerId: PEER_B })) } },
  { type: 'discovered', data: { count: 1, networkSize: 3 } },
  { type: 'pong' },
  { ...REFUSED, retryAfterMs: 10, inReplyTo: { type: 'offer', targetPeerId: PEER_B, attempt: ATTEMPT } },
  { ...REFUSED, code: 'DRAINING', data: { hubs: ['wss://hub.example.org', 7, 'x'.repeat(3_000)] } },
  ...SIGNALS.map((signal) => ({
    ...frameOf({ type: 'signal', network: 'demo', to: PEER_A, signal }, PEER_B),
    fromPeerId: PEER_B,
  })),
].map(asText);

function runHub(input: Input): string {
  const facts = factsOf(input as string, 'host');
  return facts.every(({ type }) => type === 'ignored') ? 'ignored' : ACCEPTED;
}

// ---- hubs among each other -------------------------------------------------------------------------------------------

const routed = (body: object): string =>
  routedText({ from: PEER_A, to: PEER_B, hops: 1, mac: 'A'.repeat(22), body: asText(body) });
const PLACE = { n: 'demo', p: PEER_A, ad: {} };
const EVIDENCE = { key: KEY, sig: 'A'.repeat(86), host: 'hub.example.org', opening: 'A'.repeat(22) };
const ITEMS = [
  { k: 'sig', t: 'offer', n: 'demo', f: PEER_A, p: PEER_B, d: {} },
  { k: 'snap', last: true, peers: [{ ...PLACE, proof: EVIDENCE }] },
  { k: 'join', ...PLACE, told: [PEER_B] },
  { k: 'leave', n: 'demo', p: PEER_A, r: 'left' },
  { k: 'bounce', t: 'offer', n: 'demo', f: PEER_A, p: PEER_B, a: ATTEMPT },
  { k: 'mesh', t: 'offer', d: {} },
];
const TRUNK_TEXTS = [
  routed({ born: 7, hello: { key: KEY, dh: 'A'.repeat(43), sig: 'A'.repeat(86) } }),
  ...ITEMS.map((item) => routed({ born: 7, data: { stream: 1, base: 1, seq: 2, items: [item] } })),
  routed({ born: 7, toBorn: 8, ack: [1, 2], reset: [7, 9] }),
  routed({ born: 7, toBorn: 8, data: { stream: 1, base: 1, seq: 1, items: ITEMS } }),
  ...ITEMS.map(asText),
  asText({ type: 'hub-adverts', adverts: [{ hubId: PEER_A, seq: 3, links: [PEER_B], url: 'wss://hub.example.org' }] }),
  ...['hub-ping', 'hub-pong', 'hub-retire'].map((type) => asText({ type })),
  asText({ hub: { v: 1, nonce: 'A'.repeat(32), mac: 'A' } }),
  asText({ hubId: PEER_A, key: KEY, sig: 'A'.repeat(86) }),
];

function runTrunk(input: Input): string {
  const text = input as string;
  const frame = parseTrunkFrame(text);
  if (frame?.type === 'hub-frame') for (const item of readPairFrame(frame.body)?.data?.items ?? []) readItem(item);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // Not JSON as a whole: the others are never asked.
    return frame === undefined ? 'not JSON' : ACCEPTED;
  }
  const read = [readGreeting(json), readWelcome(json), readItem(json), frame];
  return read.some((one) => one !== undefined) ? ACCEPTED : 'none';
}

// ---- people and programs ---------------------------------------------------------------------------------------------

const ARGUMENTS = {
  ...{ peer: 0, ref: 'a', to: PEER_A, data: { $bytes: 'AQI=', more: [1, { $bytes: 'AQI=' }] }, room: 'r', topic: 't' },
  ...{ owner: PEER_B, text: 'x', key: 'name', value: 1, id: PEER_A },
};
const COMMAND_TEXTS = [
  ...PEER_COMMANDS.map((cmd) => asText({ cmd, ...ARGUMENTS })),
  '{"cmd":"broadcast","data":{"$bytes":"AQI="}}',
  '{"cmd":"set","maxPeers":3,"ref":1}',
];
const nested = (open: string, shut: string): string =>
  `{"cmd":"broadcast","data":${open.repeat(80)}1${shut.repeat(80)}}`;
const CHAT_TEXTS = [
  ...['hello all', '/to 0a0a hello', '/status', '/peers', '/quit', '/as 1', '//slash', '/accept text', '/help'],
  ...['/invite', '/leave', '/exit', '  '],
];

function runCommand(input: Input): string {
  const read = readCommandLine(input as string, 3);
  return read.type === 'command' ? ACCEPTED : read.type;
}

function runChat(input: Input): string {
  const { type } = readChatLine(input as string, 3);
  return type === 'unknown' ? type : ACCEPTED;
}

const FINGERPRINT = `a=fingerprint:sha-256 ${Array(32).fill('AB').join(':')}`;
const DESCRIPTIONS = [`v=0\r\n${FINGERPRINT}\r\na=setup:actpass\r\n`, `v=0\n${FINGERPRINT}\n${FINGERPRINT}`];

/** A description that was changed is taken for the same only when it names the same certificates. */
function runDescription(input: Input): string {
  const ends = new SdpFingerprints();
  ends.said(DESCRIPTIONS[0] as string);
  if (!ends.heard(DESCRIPTIONS[0] as string) || ends.both === undefined) throw broken('the first description');
  const before = ends.both.remote;
  const isSame = ends.heard(input as string);
  if (ends.both.remote !== before) throw broken('the fingerprints of a link');
  const fresh = new SdpFingerprints();
  fresh.said(input as string);
  fresh.heard(input as string);
  if (isSame && fresh.both?.remote !== before) throw broken('another certificate');
  return isSame ? ACCEPTED : 'another';
}

export const textTargets = (): readonly Target[] => [
  {
    name: 'client',
    entries: [parseFrame, networkOf, readProve, readAnnounce, refusalOfType, inReplyTo, errorFrame, signalFrame].map(
      ({ name }) => name,
    ),
    files: ['hub/frames.ts'],
    samples: CLIENT_TEXTS,
    odd: [asText({ type: 'announce', data: { padding: 'x'.repeat(HUB_ANNOUNCE_DATA_BYTES_MAX) } })],
    run: runClient,
  },
  { name: 'hub', entries: ['factsOf'], files: ['adapters/signaling-codec.ts'], samples: HUB_TEXTS, run: runHub },
  {
    name: 'trunk',
    entries: [parseTrunkFrame, readPairFrame, readItem, readGreeting, readWelcome].map(({ name }) => name),
    files: ['hub/federation/frames.ts', 'hub/federation/link-proof.ts'],
    samples: TRUNK_TEXTS,
    run: runTrunk,
  },
  {
    name: 'command',
    entries: ['readCommandLine'],
    files: ['runtime/cli/peer-protocol.ts', 'runtime/cli/json-data.ts', 'runtime/cli/dht-commands.ts'],
    samples: COMMAND_TEXTS,
    odd: [nested('[', ']'), nested('{"a":', '}')],
    run: runCommand,
  },
  {
    name: 'chat',
    entries: ['readChatLine'],
    files: ['runtime/cli/chat-protocol.ts'],
    samples: CHAT_TEXTS,
    run: runChat,
  },
  {
    name: 'description',
    entries: ['fingerprintsIn', 'said', 'heard', 'both'],
    files: ['adapters/sdp-fingerprints.ts'],
    samples: DESCRIPTIONS,
    run: runDescription,
  },
];
