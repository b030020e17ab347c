/**
 * Records of one network: makes ours, checks those of others. Owns what a key is the hash of and what a signature is about,
 * each behind a label of its own, so that no hash or signature passes for another's. Which of two records stands is decided
 * in `machines/dht/records.core.ts`, what is kept in `holdings.ts`.
 *
 * A record is bound to its network: the name is part of what is signed, and of an open record's key.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import {
  type DhtRecord,
  type RecordForm,
  type RecordKey,
  type RecordRefusal,
  refusedShape,
  refusedTime,
} from '../../machines/dht/records.core.ts';
import { RECORD_KEY_BYTES, RECORD_TTL_DEFAULT_MS, TOMBSTONE_TTL_MS } from '../../machines/shared/dht-limits.ts';
import { fromHex, type PeerId, toHex } from '../../machines/shared/ids.ts';
import { MeshError } from '../errors.ts';
import { verifyClaim } from '../identity/index.ts';
import type { Identity } from '../ports/identity.ts';
import { recordClaim } from '../wire/record.ts';

/** A line feed ends each, and versions it: another way to hash or sign is another label. */
export const RECORD_LABEL = 'xstate-mesh/record/1\n';
const IMMUTABLE_LABEL = 'xstate-mesh/key/immutable/1\n';
const MUTABLE_LABEL = 'xstate-mesh/key/mutable/1\n';
const OPEN_LABEL = 'xstate-mesh/key/open/1\n';

const utf8 = new TextEncoder();

function keyOf(label: string, ...parts: readonly Uint8Array[]): RecordKey {
  const hash = sha256.create().update(utf8.encode(label));
  for (const part of parts) hash.update(part);
  return toHex(hash.digest().subarray(0, RECORD_KEY_BYTES));
}

/** The key of a value that never changes: whoever has the key knows the value when it sees it. */
export const immutableKey = (value: Uint8Array, form: RecordForm = 'value'): RecordKey =>
  keyOf(IMMUTABLE_LABEL, utf8.encode(`${form}\n`), value);

/** The key of what `writer` alone may write. Its id is the hash of its public key, and stands for it. */
export const mutableKey = (writer: PeerId, salt: Uint8Array): RecordKey => keyOf(MUTABLE_LABEL, fromHex(writer), salt);

/** The key of a name that every member of the network may write. The length keeps network and name apart. */
export const openKey = (network: string, name: string): RecordKey =>
  keyOf(OPEN_LABEL, utf8.encode(`${utf8.encode(network).length}\n${network}${name}`));

interface Life {
  /** From RECORD_TTL_MIN_MS to RECORD_TTL_MAX_MS. Default RECORD_TTL_DEFAULT_MS; a deletion always lives TOMBSTONE_TTL_MS. */
  readonly ttlMs?: number;
}
interface Content {
  /** Encoded. Left out: the record is deleted. */
  readonly value?: Uint8Array | undefined;
  readonly form?: 'value' | 'manifest';
  /** One more than that of the version which it follows. */
  readonly seq: number;
}

/** What the maker of a record decides; all else follows from it. */
export type RecordDraft =
  | ({ readonly kind: 'immutable'; readonly value: Uint8Array; readonly form?: RecordForm } & Life)
  | ({ readonly kind: 'mutable'; readonly salt: Uint8Array } & Content & Life)
  | ({ readonly kind: 'open'; readonly name: string } & Content & Life);

export interface RecordsOptions {
  readonly identity: Identity;
  readonly network: string;
  /** Whether this network signs. */
  readonly signing: boolean;
}

export class Records {
  readonly #identity: Identity;
  readonly #network: string;
  readonly #label: Uint8Array;
  readonly signing: boolean;

  constructor({ identity, network, signing }: RecordsOptions) {
    this.#identity = identity;
    this.#network = network;
    this.#label = utf8.encode(`${RECORD_LABEL}${network}\n`);
    this.signing = signing;
  }

  /**
   * A record of ours, signed where the network signs; a promise when the signer is asynchronous. Throws BAD_OPTION for a
   * draft that can be no record and TOO_LARGE for a value above one record; throws, or rejects with, what the signer threw.
   */
  make(draft: RecordDraft, nowMs: number): DhtRecord | Promise<DhtRecord> {
    const record = this.#unsigned(draft, Math.floor(nowMs));
    const refused = refusedShape(record);
    if (refused === 'VALUE_TOO_LARGE') throw new MeshError('TOO_LARGE', 'One record does not hold so large a value.');
    if (refused !== undefined) throw new MeshError('BAD_OPTION', `This can be no record of the DHT: ${refused}.`);
    if (!this.signing) return record;
    const key = this.#identity.publicKey;
    const sig = this.#identity.sign(recordClaim(this.#label, record));
    const signed = (sig: Uint8Array): DhtRecord => ({ ...record, signature: { key, sig } });
    return sig instanceof Uint8Array ? signed(sig) : sig.then(signed);
  }

  #unsigned(draft: RecordDraft, writtenAtMs: number): DhtRecord {
    const { form = 'value', value, ttlMs = RECORD_TTL_DEFAULT_MS } = draft;
    const fields = { writer: this.#identity.peerId, writtenAtMs, form };
    if (draft.kind === 'immutable') {
      const { value } = draft;
      return { kind: 'immutable', key: immutableKey(value, form), value, ttlMs, ...fields };
    }
    const { seq } = draft;
    const version =
      value === undefined
        ? { ...fields, seq, tombstone: true, value: new Uint8Array(0), ttlMs: TOMBSTONE_TTL_MS }
        : { ...fields, seq, tombstone: false, value, ttlMs };
    if (draft.kind === 'open') {
      const { name } = draft;
      return { kind: 'open', key: openKey(this.#network, name), name, ...version };
    }
    const { salt } = draft;
    return { kind: 'mutable', key: mutableKey(this.#identity.peerId, salt), salt, ...version };
  }

  /**
   * Why a record is none of this network's, or not for now; undefined for one that may be held, passed on and read. Holders
   * ask before they store, readers again. A promise where signatures are checked beside the thread.
   */
  check(record: DhtRecord, nowMs: number): RecordRefusal | undefined | Promise<RecordRefusal | undefined> {
    const refused = refusedShape(record) ?? refusedTime(record, nowMs);
    if (refused !== undefined) return refused;
    if (this.#keyOf(record) !== record.key) return 'BAD_KEY';
    const { signature, writer } = record;
    if (this.signing !== (signature !== undefined)) return 'UNSIGNED';
    if (signature === undefined) return undefined;
    const message = recordClaim(this.#label, record);
    const claim = { peerId: writer, publicKey: signature.key, message, signature: signature.sig };
    const finding = (holds: boolean): RecordRefusal | undefined => (holds ? undefined : 'BAD_SIGNATURE');
    try {
      const holds = this.#identity.verify === undefined ? verifyClaim(claim) : this.#identity.verify(claim);
      return typeof holds === 'boolean' ? finding(holds) : holds.then(finding, () => 'BAD_SIGNATURE');
    } catch {
      // A verifier of the app's own that throws has not found the signature to hold.
      return 'BAD_SIGNATURE';
    }
  }

  #keyOf(record: DhtRecord): RecordKey {
    switch (record.kind) {
      case 'immutable':
        return immutableKey(record.value, record.form);
      case 'mutable':
        return mutableKey(record.writer, record.salt);
      case 'open':
        return openKey(this.#network, record.name);
    }
  }
}
