/**
 * The texts that people hand to each other in place of a hub: an invitation, and signals. Each is base64url of a MessagePack
 * array and its writer's signature. Owns their bytes and what a stranger's text must be before anything of it is believed:
 * reading is total, lengths are checked before anything is built.
 *
 * invitation: [1, 1, network, key, issuedMs, lifetimeMs, nonce, free, degree, uses, [hub, …]]
 * signals:    [1, 2, network, key, issuedMs, lifetimeMs, nonce, free, degree, to, number, farewell, [signal, …]]
 *
 * Elements that follow these are of later versions and ignored. The signature is over INVITATION_LABEL and the array.
 */
import { fromHex, isPeerId, type PeerId } from '../../machines/shared/ids.ts';
import {
  INVITATION_CHARS_MAX,
  INVITATION_HUB_CHARS_MAX,
  INVITATION_HUBS_MAX,
  INVITATION_LIFETIME_MAX_MS,
  INVITATION_USES_MAX,
  LINK_SIGNALS_MAX,
  MAX_PEERS_MAX,
  NEIGHBOURS_MAX,
  NETWORK_NAME_MAX,
} from '../../machines/shared/limits.ts';
import { MeshError, type MeshErrorCode } from '../errors.ts';
import { fromBase64Url, PUBLIC_KEY_BYTES, peerIdOf, SIGNATURE_BYTES, toBase64Url, verify } from '../identity/index.ts';
import type { Identity } from '../ports/identity.ts';
import type { PeerSignal, Presence } from '../ports/signaling.ts';
import { encoder } from './checks.ts';
import { Cursor } from './msgpack-cursor.ts';
import { decodeSignal, encodeSignal } from './peer-signals.ts';

/** What is signed begins with this, so that no other signature of a key passes for a text's. */
export const INVITATION_LABEL = 'xstate-mesh/invitation/1\n';
const VERSION = 1;
const KINDS = { invitation: 1, signals: 2 } as const;
const NONCE_BYTES = 12;
const NUMBER_BYTES = 8;
const PEER_ID_BYTES = 20;
/** Elements of each kind's array. */
const ELEMENTS = { 1: 11, 2: 13 } as const;

interface Common {
  readonly network: string;
  /** Who wrote it: the id of `key`. */
  readonly from: PeerId;
  /** Its public key, base64url. */
  readonly key: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
  /** Names the invitation, on every text that belongs to it. 24 hex digits. */
  readonly nonce: string;
  readonly presence: Presence;
}

/** What an invitation says. */
export interface Invitation extends Common {
  readonly kind: 'invitation';
  /** Peers that it lets in. */
  readonly uses: number;
  /** Hubs where the network may be met as well: a hint. */
  readonly hubs: readonly string[];
}

/** Signals from one peer to another. */
export interface SignalsText extends Common {
  readonly kind: 'signals';
  readonly to: PeerId;
  /** Differs for each text of its writer, so that none counts twice. 16 hex digits. */
  readonly number: string;
  /** The writer has left, or means to. */
  readonly farewell: boolean;
  readonly signals: readonly PeerSignal[];
}

/** What the writer decides; the rest comes from its identity. */
type Written<T extends Common> = Omit<T, 'from' | 'key' | 'presence'> & {
  readonly free: number;
  readonly degree: number;
};

const utf8 = new TextEncoder();
const label = utf8.encode(INVITATION_LABEL);

/** The text of an invitation or of signals, signed. Throws TOO_LARGE; rejects with what the signer threw. */
export async function writeInvitationText(
  content: Written<Invitation> | Written<SignalsText>,
  identity: Identity,
): Promise<string> {
  const { network, issuedMs, expiresMs, nonce, free, degree } = content;
  const common = [network, identity.publicKey, issuedMs, expiresMs - issuedMs, fromHex(nonce), free, degree];
  const own =
    content.kind === 'invitation'
      ? [content.uses, content.hubs]
      : [fromHex(content.to), fromHex(content.number), content.farewell ? 1 : 0, content.signals.map(encodeSignal)];
  const bytes = encoder.encode([VERSION, KINDS[content.kind], ...common, ...own]);
  if (((bytes.length + SIGNATURE_BYTES) * 4) / 3 + 1 > INVITATION_CHARS_MAX) {
    throw new MeshError('TOO_LARGE', `A text to hand over has at most ${INVITATION_CHARS_MAX} characters.`);
  }
  const signature = await identity.sign(join(label, bytes));
  return toBase64Url(join(bytes, signature));
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

// ---- reading ---------------------------------------------------------------------------------------------------------

const damaged = (why: string): MeshError =>
  new MeshError('BAD_INVITATION', `This is no invitation, or it was not copied as a whole: ${why}.`);

/** What people paste: with line breaks, or as the `#invite=` link that it came in. */
const bare = (pasted: string): string => {
  const text = pasted.replace(/\s+/g, '');
  const at = text.lastIndexOf('invite=');
  return at < 0 ? text : text.slice(at + 'invite='.length);
};

/**
 * What a text says, once its form and its signature hold. It says nothing about whether the text is still good, or for us.
 * Throws BAD_INVITATION, BAD_SIGNATURE.
 */
export function readInvitationText(pasted: string): Invitation | SignalsText {
  if (typeof pasted !== 'string') throw damaged('it is not text');
  if (pasted.length > INVITATION_CHARS_MAX * 2) throw damaged('it is too long');
  const text = bare(pasted);
  if (text.length > INVITATION_CHARS_MAX) throw damaged('it is too long');
  const bytes = fromBase64Url(text);
  if (bytes === undefined || bytes.length <= SIGNATURE_BYTES) throw damaged('it is not in base64url');
  const body = bytes.subarray(0, -SIGNATURE_BYTES);
  const content = readBody(body);
  const key = fromBase64Url(content.key);
  if (key === undefined || !verify(key, join(label, body), bytes.subarray(-SIGNATURE_BYTES))) {
    throw new MeshError('BAD_SIGNATURE', 'This text was altered, or was not written by the peer that it names.');
  }
  return content;
}

/** What an invitation says, to be shown before it is accepted. Throws BAD_INVITATION, BAD_SIGNATURE. */
export function readInvitation(text: string): Invitation {
  const content = readInvitationText(text);
  if (content.kind === 'invitation') return content;
  throw new MeshError('BAD_INVITATION', 'This text answers an invitation and is none itself.');
}

/** An error of the exchange of texts, for adapters. */
export const invitationError = (code: MeshErrorCode, message: string, peerId?: PeerId): MeshError =>
  new MeshError(code, message, peerId === undefined ? {} : { peerId });

/** Whether a text is for this reader, here and now. Throws WRONG_NETWORK, EXPIRED, BAD_INVITATION. */
export function checkInvitationText(
  content: Invitation | SignalsText,
  reader: { readonly peerId: PeerId; readonly network: string; readonly nowMs: number },
): void {
  const { network, from, expiresMs } = content;
  if (network !== reader.network) {
    throw invitationError('WRONG_NETWORK', `This text is for network "${network}", not for "${reader.network}".`, from);
  }
  if (from === reader.peerId) {
    throw invitationError('BAD_INVITATION', 'This text is your own: it is for the other peer to accept.', from);
  }
  if (content.kind === 'signals' && content.to !== reader.peerId) {
    throw invitationError('BAD_INVITATION', 'This text is for another peer.', from);
  }
  if (expiresMs <= reader.nowMs) {
    const agoS = Math.ceil((reader.nowMs - expiresMs) / 1_000);
    throw invitationError('EXPIRED', `This text was good until ${agoS} s ago by this clock: ask for a new one.`, from);
  }
}

function readBody(body: Uint8Array): Invitation | SignalsText {
  const cursor = new Cursor();
  cursor.reset(body, 0);
  const elements = cursor.array();
  const version = cursor.integer(0, 255);
  if (!cursor.ok) throw damaged('its bytes have no form');
  if (version !== VERSION) throw damaged(`it is of version ${version}, which this program does not know`);
  const kind = cursor.integer(1, 2);
  if (!cursor.ok || elements < ELEMENTS[kind as 1 | 2]) throw damaged('its bytes have no form');
  const common = readCommon(cursor);
  const content = kind === KINDS.invitation ? readOffer(cursor, common) : readSignals(cursor, common);
  for (let left = elements - ELEMENTS[kind as 1 | 2]; left > 0 && cursor.ok; left--) cursor.skip();
  if (!cursor.ok || cursor.at !== body.length) throw damaged('its bytes have no form');
  return content;
}

function readCommon(cursor: Cursor): Common {
  const network = cursor.text(1, NETWORK_NAME_MAX);
  const publicKey = cursor.binary(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES);
  const issuedMs = cursor.integer(0, Number.MAX_SAFE_INTEGER - INVITATION_LIFETIME_MAX_MS);
  const lifetimeMs = cursor.integer(1, INVITATION_LIFETIME_MAX_MS);
  const nonce = cursor.hex(NONCE_BYTES);
  const free = cursor.integer(0, MAX_PEERS_MAX);
  const degree = cursor.integer(0, NEIGHBOURS_MAX);
  if (!cursor.ok) throw damaged('its bytes have no form');
  const key = toBase64Url(publicKey);
  const presence = { v: 1, key, free, degree } as const;
  return { network, from: peerIdOf(publicKey), key, issuedMs, expiresMs: issuedMs + lifetimeMs, nonce, presence };
}

function readOffer(cursor: Cursor, common: Common): Invitation {
  const uses = cursor.integer(1, INVITATION_USES_MAX);
  const hubs: string[] = [];
  for (let left = bounded(cursor, INVITATION_HUBS_MAX); left > 0 && cursor.ok; left--) {
    hubs.push(cursor.text(1, INVITATION_HUB_CHARS_MAX));
  }
  return { kind: 'invitation', ...common, uses, hubs };
}

function readSignals(cursor: Cursor, common: Common): SignalsText {
  const to = cursor.hex(PEER_ID_BYTES);
  const number = cursor.hex(NUMBER_BYTES);
  const farewell = cursor.integer(0, 1) === 1;
  const signals: PeerSignal[] = [];
  for (let left = bounded(cursor, LINK_SIGNALS_MAX); left > 0 && cursor.ok; left--) {
    const signal = decodeSignal(cursor.binary(1, INVITATION_CHARS_MAX));
    // A kind of signal that is to come is no reason to lose the others.
    if (signal !== undefined) signals.push(signal);
  }
  if (!isPeerId(to)) throw damaged('its bytes have no form');
  return { kind: 'signals', ...common, to, number, farewell, signals };
}

/** The length of the list that begins here. */
function bounded(cursor: Cursor, max: number): number {
  const count = cursor.array();
  if (count > max) cursor.ok = false;
  return cursor.ok ? count : 0;
}
