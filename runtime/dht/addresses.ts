/** What an app calls a record, as a key and as the beginning of a record. Says clearly what is wrong with an address. */
import type { RecordKey, RecordKind } from '../../machines/dht/records.core.ts';
import { RECORD_NAME_BYTES_MAX, RECORD_SALT_BYTES_MAX } from '../../machines/shared/dht-limits.ts';
import { isPeerId, type PeerId } from '../../machines/shared/ids.ts';
import { MeshError } from '../errors.ts';
import type { DhtAddress } from '../ports/dht.ts';
import { mutableKey, openKey, type RecordDraft } from './records.ts';

type Version = Omit<Extract<RecordDraft, { kind: 'open' }>, 'kind' | 'name'>;

export interface Place {
  readonly key: RecordKey;
  readonly name?: string;
  /** A version of the record in this place. Throws BAD_OPTION where there is none that we could write. */
  draft(version: Version): RecordDraft;
}

const bad = (message: string): MeshError => new MeshError('BAD_OPTION', message);
const utf8 = new TextEncoder();

function textOf(what: string, text: unknown, bytesMax: number, isNeeded: boolean): string {
  if (typeof text !== 'string' || /\p{Surrogate}/u.test(text) || (isNeeded && text === '')) {
    throw bad(`The ${what} of a record of the DHT is text.`);
  }
  if (utf8.encode(text).length > bytesMax) throw bad(`The ${what} of a record has at most ${bytesMax} bytes.`);
  return text;
}

function readOnly(key: RecordKey, why: string): Place {
  return {
    key,
    draft: () => {
      throw bad(why);
    },
  };
}

function openPlace(network: string, name: unknown): Place {
  const checked = textOf('name', name, RECORD_NAME_BYTES_MAX, true);
  const draft = (version: Version): RecordDraft => ({ kind: 'open', name: checked, ...version });
  return { key: openKey(network, checked), name: checked, draft };
}

function mutablePlace(writer: PeerId, self: PeerId, text: unknown): Place {
  const salt = utf8.encode(textOf('salt', text, RECORD_SALT_BYTES_MAX, false));
  const key = mutableKey(writer, salt);
  if (writer !== self) return readOnly(key, 'Only its writer can change this record.');
  return { key, draft: (version) => ({ kind: 'mutable', salt, ...version }) };
}

/** Throws MeshError BAD_OPTION. */
export function addressOf(address: DhtAddress, kind: RecordKind | undefined, self: PeerId, network: string): Place {
  if (kind !== undefined && kind !== 'open' && kind !== 'mutable' && kind !== 'immutable') {
    throw bad(`kind is open, mutable or immutable, not ${String(kind)}.`);
  }
  if (typeof address === 'string') {
    if (kind === 'mutable') return mutablePlace(self, self, address);
    if (!isPeerId(address)) return openPlace(network, address);
    return readOnly(address, 'A name of 40 hex digits would be taken for a key: choose another, or write {name}.');
  }
  if (typeof address !== 'object' || address === null) throw bad('A record is known by a name, a key, or its writer.');
  if ('name' in address) return openPlace(network, address.name);
  if ('key' in address && isPeerId(address.key))
    return readOnly(address.key, 'Write to a record by its name, not its key.');
  if ('writer' in address && isPeerId(address.writer)) return mutablePlace(address.writer, self, address.salt ?? '');
  throw bad('A record is known by a name, a key of 40 hex digits, or its writer’s peer id.');
}
