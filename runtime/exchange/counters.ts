/** What the data plane counts, by name. Names of two parts are put together only when somebody asks: each message is counted. */
export class Counters {
  readonly #plain = new Map<string, number>();
  readonly #byType = new Map<string, Map<string, { count: number }>>();

  add(name: string, by = 1): void {
    this.#plain.set(name, (this.#plain.get(name) ?? 0) + by);
  }

  /** Counts one `<name>.<type>`. */
  addType(name: string, type: string): void {
    let types = this.#byType.get(name);
    if (types === undefined) {
      types = new Map();
      this.#byType.set(name, types);
    }
    const counter = types.get(type);
    if (counter === undefined) types.set(type, { count: 1 });
    else counter.count++;
  }

  all(): Readonly<Record<string, number>> {
    const typed = [...this.#byType].flatMap(([name, types]) =>
      [...types].map(([type, { count }]): [string, number] => [`${name}.${type}`, count]),
    );
    return Object.fromEntries([...this.#plain, ...typed]);
  }
}
