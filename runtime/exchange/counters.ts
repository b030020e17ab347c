/** What the data plane counts, by name. Names of two parts are put together only when somebody asks: each message is counted. */
type Types = Map<string, { count: number }>;

export class Counters {
  readonly #plain = new Map<string, number>();
  /** Counted for each message: found without looking for its name. */
  readonly #sent: Types = new Map();
  readonly #received: Types = new Map();
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
    const counter = types.get(type);
    if (counter === undefined) types.set(type, { count: 1 });
    else counter.count++;
  }

  #typesOf(name: string): Types {
    let types = this.#byType.get(name);
    if (types === undefined) {
      types = new Map();
      this.#byType.set(name, types);
    }
    return types;
  }

  all(): Readonly<Record<string, number>> {
    const typed = [...this.#byType].flatMap(([name, types]) =>
      [...types].map(([type, { count }]): [string, number] => [`${name}.${type}`, count]),
    );
    return Object.fromEntries([...this.#plain, ...typed]);
  }
}
