/**
 * The `dht.` commands of `peer`: their fields, and what carries them out. A record is called what the driver called it, in
 * replies and in `dht.changed`; `recordKey` is its key.
 */
import * as v from 'valibot';
import type { RecordKey } from '../../machines/dht/records.core.ts';
import { RECORD_NAME_BYTES_MAX, RECORD_TTL_MAX_MS, RECORD_TTL_MIN_MS } from '../../machines/shared/dht-limits.ts';
import { isPeerId } from '../../machines/shared/ids.ts';
import type { MeshEvent } from '../api.ts';
import { MeshError } from '../errors.ts';
import type { DhtAddress, DhtPutOptions } from '../ports/dht.ts';
import type { CliMesh } from './dependencies.ts';

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const id = v.pipe(
  v.string(),
  v.toLowerCase(),
  v.check((text) => isPeerId(text), 'must be 40 hex digits'),
);
const key = v.pipe(v.string(), v.minLength(1), v.maxLength(RECORD_NAME_BYTES_MAX));
const kind = v.optional(v.picklist(['open', 'mutable', 'immutable']));
const ttlMs = v.optional(whole(RECORD_TTL_MIN_MS, RECORD_TTL_MAX_MS));
const cas = v.optional(whole(0, Number.MAX_SAFE_INTEGER));
/** Reads what somebody else wrote with `kind: mutable`. */
const writer = v.optional(id);
const value = v.unknown();

export const DHT_COMMAND_SCHEMAS = {
  'dht.put': v.object({ key: v.optional(key), value, kind, ttlMs, cas }),
  'dht.get': v.object({ key, writer }),
  /** `add` to the number that is there, or `value` in place of what is there. */
  'dht.update': v.object({ key, value: v.optional(value), add: v.optional(v.number()), kind, ttlMs }),
  'dht.delete': v.object({ key, kind, cas }),
  'dht.subscribe': v.object({ key, writer }),
  'dht.unsubscribe': v.object({ key, writer }),
  'dht.stats': v.object({}),
  lookup: v.object({ id }),
} as const;

type Schemas = typeof DHT_COMMAND_SCHEMAS;
export type DhtCommand = {
  [Name in keyof Schemas]: { readonly cmd: Name } & Readonly<v.InferOutput<Schemas[Name]>>;
}[keyof Schemas];

export const isDhtCommand = (command: { readonly cmd: string }): command is DhtCommand =>
  Object.hasOwn(DHT_COMMAND_SCHEMAS, command.cmd);

const addressOf = (key: string, writer: string | undefined): DhtAddress =>
  writer === undefined ? key : { writer, salt: key };

type Given = { readonly [Name in 'kind' | 'ttlMs' | 'cas']?: DhtPutOptions[Name] | undefined };
const optionsOf = ({ kind, ttlMs, cas }: Given): DhtPutOptions => ({
  ...(kind !== undefined && { kind }),
  ...(ttlMs !== undefined && { ttlMs }),
  ...(cas !== undefined && { cas }),
});

export class PeerDht {
  readonly #mesh: CliMesh;
  /** What the driver calls the records that it subscribed to. */
  readonly #names = new Map<RecordKey, string>();

  constructor(mesh: CliMesh) {
    this.#mesh = mesh;
  }

  async execute(command: DhtCommand): Promise<unknown> {
    const { dht } = this.#mesh;
    switch (command.cmd) {
      case 'dht.put':
        return this.#put(command);
      case 'dht.get': {
        const { key, writer } = command;
        const { key: recordKey, ...found } = await dht.get(addressOf(key, writer));
        return { key, recordKey, ...found, value: found.value ?? null };
      }
      case 'dht.update':
        return this.#update(command);
      case 'dht.delete': {
        const { key, kind, cas } = command;
        const { key: recordKey, ...done } = await dht.delete(key, optionsOf({ kind, cas }));
        return { key, recordKey, ...done };
      }
      case 'dht.subscribe': {
        const { key, writer } = command;
        const address = addressOf(key, writer);
        const recordKey = dht.keyOf(address);
        // Before the first change, which may come at once.
        this.#names.set(recordKey, key);
        dht.subscribe(address);
        return { key, recordKey };
      }
      case 'dht.unsubscribe': {
        const { key, writer } = command;
        dht.unsubscribe(addressOf(key, writer));
        return { key };
      }
      case 'dht.stats':
        return dht.stats();
      case 'lookup':
        return { id: command.id, nodes: await dht.findNode(command.id) };
    }
  }

  async #put(command: Extract<DhtCommand, { readonly cmd: 'dht.put' }>): Promise<unknown> {
    const { key, value, kind } = command;
    if (key === undefined && kind !== 'immutable') {
      throw new MeshError('BAD_COMMAND', 'dht.put: key: is missing (only what never changes has none)');
    }
    const { key: recordKey, ...done } = await this.#mesh.dht.put(key, value, optionsOf(command));
    return { key: key ?? recordKey, recordKey, ...done };
  }

  async #update(command: Extract<DhtCommand, { readonly cmd: 'dht.update' }>): Promise<unknown> {
    const { key, value, add } = command;
    if ((add === undefined) === (value === undefined)) {
      throw new MeshError('BAD_COMMAND', 'dht.update: either value or add');
    }
    let written: unknown;
    const change = (before: unknown): unknown => {
      written = add === undefined ? value : (typeof before === 'number' ? before : 0) + add;
      return written;
    };
    const { key: recordKey, ...done } = await this.#mesh.dht.update(key, change, optionsOf(command));
    return { key, recordKey, ...done, value: written };
  }

  /** What a `dht.changed` line has in place of the event's own fields. */
  of({ key, name, value }: MeshEvent<'dht.changed'>): Readonly<Record<string, unknown>> {
    return { key: this.#names.get(key) ?? name ?? key, recordKey: key, value: value ?? null };
  }
}
