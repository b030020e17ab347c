/** One message of every type with fields that are easy to find in a hex dump; shared by the tests of the wire. */
import type { Envelope, Message } from '../../runtime/wire/messages.ts';

export const PEER_A = '0a'.repeat(20);
export const PEER_B = '0b'.repeat(20);
export const OP = '00112233445566ff';
export const ATTEMPT = '018c0000000000000007';
export const MARK = '018c0000000000000006';
export const MESSAGE_ID = 'f0'.repeat(16);
/** 32 bytes of 0xab. */
export const KEY = 'q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s';
export const AD = { id: PEER_A, key: KEY, free: 3, degree: 5 } as const;

export const SIGNATURE = { key: new Uint8Array(32).fill(0xab), sig: new Uint8Array(64).fill(0xcd) } as const;

export const ENVELOPE: Envelope = {
  id: MESSAGE_ID,
  network: 'demo',
  source: PEER_A,
  seq: 7,
  kind: 'direct',
  to: PEER_B,
  hopsMax: 10,
  sentAtMs: 1_700_000_000_000,
  ttlMs: 120_000,
  topic: 'news',
  payload: new Uint8Array([0xa2, 0x68, 0x69]),
};

export const SAMPLES: { readonly [Type in Message['type']]: Extract<Message, { type: Type }> } = {
  HELLO: {
    type: 'HELLO',
    peerId: PEER_A,
    attempt: ATTEMPT,
    mark: MARK,
    random: true,
    cap: 8,
    features: ['dht'],
    resume: MARK,
  },
  PROOF: { type: 'PROOF', key: new Uint8Array(32).fill(0xab), sig: new Uint8Array(64).fill(0xcd) },
  CLOSE: { type: 'CLOSE', reason: 'evicted', alternatives: [AD] },
  PING: { type: 'PING', stampMs: 1_700_000_000_000.5 },
  PONG: { type: 'PONG', stampMs: 1_700_000_000_000 },
  ACK: { type: 'ACK', received: 300, sent: 7 },
  NEIGHBOURS: { type: 'NEIGHBOURS', seq: 300, peers: [AD] },
  BEACON: { type: 'BEACON', root: PEER_A, seq: 7, hops: 3, signature: SIGNATURE },
  SHUFFLE: { type: 'SHUFFLE', reply: true, entries: [{ ...AD, radius: 12, ageS: 90 }] },
  RELAY: { type: 'RELAY', to: PEER_B, from: PEER_A, hops: 2, attempt: ATTEMPT, signal: new Uint8Array([0x7b, 0x7d]) },
  UNROUTED: { type: 'UNROUTED', to: PEER_B, from: PEER_A, attempt: ATTEMPT },
  LOCK: { type: 'LOCK', op: OP, kind: 'triangle', dropped: PEER_A, other: PEER_B },
  LOCKED: { type: 'LOCKED', op: OP },
  LOCK_REFUSED: { type: 'LOCK_REFUSED', op: OP },
  UNLOCK: { type: 'UNLOCK', op: OP },
  DIAL: { type: 'DIAL', op: OP, target: AD, random: true },
  DIALED: { type: 'DIALED', op: OP },
  GOSSIP: { type: 'GOSSIP', hops: 2, envelope: new Uint8Array([0x90]) },
  DIRECT: {
    type: 'DIRECT',
    walk: 2,
    hops: 3,
    left: 60,
    visited: ['0a0b0c0d', 'ffffffff'],
    envelope: new Uint8Array([0x90]),
  },
  ASTRAY: { type: 'ASTRAY', id: MESSAGE_ID, walk: 2, left: 59, visited: ['0a0b0c0d'] },
  RECEIPT: { type: 'RECEIPT', id: MESSAGE_ID, from: PEER_B, hops: 3, signature: SIGNATURE },
  IHAVE: {
    type: 'IHAVE',
    repair: false,
    entries: [
      { id: MESSAGE_ID, tree: '', hops: 3 },
      { id: MESSAGE_ID, tree: PEER_B, hops: 4 },
    ],
  },
  GRAFT: { type: 'GRAFT', tree: PEER_A, id: MESSAGE_ID },
  PRUNE: { type: 'PRUNE', tree: '' },
  WANT: { type: 'WANT', ids: [MESSAGE_ID, MESSAGE_ID] },
  CONFIRM: { type: 'CONFIRM', id: MESSAGE_ID, all: true, entries: [SIGNATURE, SIGNATURE] },
  TELL: { type: 'TELL', payload: new Uint8Array([0xa2, 0x68, 0x69]) },
  REMIND: { type: 'REMIND', id: MESSAGE_ID, tree: PEER_B, hops: 3, round: 2, wide: true },
  DIGEST: { type: 'DIGEST', answer: true, since: 300, until: 365, spans: [{ at: 301, count: 2, sum: 0xdeadbeef }] },
  DHT_ASK: {
    type: 'DHT_ASK',
    id: OP,
    path: 2,
    verb: 'store',
    target: PEER_B,
    exact: true,
    detours: 4,
    way: [PEER_A],
    body: new Uint8Array([0x91, 0x07]),
  },
  DHT_ANSWER: {
    type: 'DHT_ANSWER',
    id: OP,
    path: 2,
    verb: 'value',
    outcome: 'done',
    by: PEER_B,
    hops: 3,
    way: [PEER_A],
    nodes: [PEER_B, PEER_A],
    body: new Uint8Array([0x91, 0x07]),
  },
};
