/**
 * Records keyed by what strangers choose, such as ids of peers. They are made without a prototype, which makes an engine
 * keep them as hash tables. A plain object gets a hidden class for each new first key, and after some 1,500 of them V8 gives
 * every object that begins as `{}` or by spreading a hidden class of its own: each one then costs half a kilobyte more, and
 * all code that touches it slows down. (Transitions of `{}`'s class are bounded by `kMaxNumberOfTransitions`.)
 */
export type Dictionary<K extends string, V> = Readonly<Record<K, V>>;

const empty = <K extends string, V>(): Record<K, V> => Object.create(null) as Record<K, V>;

export const emptyDictionary = <K extends string, V>(): Dictionary<K, V> => empty<K, V>();

/** A copy in which `key` has this value. */
export function withEntry<K extends string, V>(entries: Dictionary<K, V>, key: K, value: V): Dictionary<K, V> {
  const copy: Record<K, V> = Object.assign(empty<K, V>(), entries);
  copy[key] = value;
  return copy;
}

/** A copy without `key`. */
export function withoutEntry<K extends string, V>(entries: Dictionary<K, V>, key: K): Dictionary<K, V> {
  const copy = empty<K, V>();
  for (const each in entries) if (each !== key) copy[each] = entries[each];
  return copy;
}
