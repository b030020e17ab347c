/** What the data plane counts, by name. Names of two parts are put together only when somebody asks: each message is counted. */
import { MESSAGE_TYPES } from '../wire/messages.ts';

type Types = Record<string, number>;

/** A field for each type of message from the start: counting one is a load and a store. */
const NONE: Types = Object.fromEntries(Object.keys(MESSAGE_TYPES).map((type) => [type, 0]));

export class Counters {
  readonly #plain = new Map<string, number>();
  /** Counted for each message: found without looking for its name. */
  readonly #sent: Types = { ...NONE };
  readonly #received: Types = { ...NONE };
  readonly #byType = new Map<string, Types>([
    ['sent', this.#sent],
    ['received', this.#received],
  ]);

  add(name: string, by = 1): void {
    this.#plain.set(name, (this.#plain.get(name) ?? 0) + by);
  }

  /** Counts one `<name>.<type>`. */
  addType(name: string, type: string): void {
    const types = name === 'received' ? this.#received : name === 'sent' ? this.#sent : this.#typesOf(name);
    types[type] = (types[type] ?? 0) + 1;
  }

  #typesOf(name: string): Types {
    let types = this.#byType.get(name);
    if (types === undefined) {
      types = {};
      this.#byType.set(name, types);
    }
    return types;
  }

  all(): Readonly<Record<string, number>> {
    const typed = [...this.#byType].flatMap(([name, types]) =>
      Object.entries(types)
        .filter(([, count]) => count > 0)
        .map(([type, count]): [string, number] => [`${name}.${type}`, count]),
    );
    return Object.fromEntries([...this.#plain, ...typed]);
  }
}
