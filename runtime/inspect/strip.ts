/**
 * Turns snapshots and events into plain data that a tool may see: opaque handles (sockets, ports, buffers, functions)
 * become a word, everything is bounded. Keys and signers live in such handles, so this also keeps secrets in the process.
 */

/** Nesting, entries of one object or array, and characters of one text that are passed on. Guesses: what a person can read. */
const DEPTH_MAX = 6;
const ENTRIES_MAX = 64;
const CHARS_MAX = 2_000;

/**
 * Texts that are secrets, or handles in spite of being texts: who holds a resume token can take a peer's place at a hub,
 * and session descriptions carry the passwords of a link.
 */
const HIDDEN_KEYS: ReadonlySet<string> = new Set([
  'resume',
  'sig',
  'sdp',
  'candidate',
  'secretKey',
  'privateKey',
  'seed',
  'token',
  'authToken',
  'password',
  'credential',
]);

/** A plain copy of `value`, bounded and free of handles and cycles. Never throws. */
export function stripHandles(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > CHARS_MAX ? `${value.slice(0, CHARS_MAX)}… (${value.length} characters)` : value;
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return `[function ${value.name || 'anonymous'}]`;
    case 'symbol':
      return String(value);
    case 'object':
      return value === null ? null : stripObject(value, depth);
    default:
      return value;
  }
}

function stripObject(value: object, depth: number): unknown {
  try {
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
      return `[${nameOf(value)} ${value.byteLength} bytes]`;
    if (value instanceof Error) return stripError(value);
    if (depth >= DEPTH_MAX) return Array.isArray(value) ? `[array of ${value.length}]` : `[${nameOf(value)}]`;
    if (Array.isArray(value)) return stripList(value, depth);
    if (value instanceof Map)
      return stripEntries(
        [...value].map(([key, entry]) => [String(key), entry]),
        depth,
      );
    if (value instanceof Set) return stripList([...value], depth);
    // A port or an actor says by toJSON what may be seen of it.
    if ('toJSON' in value && typeof value.toJSON === 'function') return stripHandles(value.toJSON(), depth + 1);
    return isPlain(value) ? stripEntries(Object.entries(value), depth) : `[${nameOf(value)}]`;
  } catch (error) {
    // A getter or a toJSON of the app threw: the rest of the snapshot is still worth seeing.
    return `[unreadable: ${error instanceof Error ? error.message : String(error)}]`;
  }
}

function stripList(list: readonly unknown[], depth: number): unknown[] {
  const seen = list.slice(0, ENTRIES_MAX).map((entry) => stripHandles(entry, depth + 1));
  if (list.length > ENTRIES_MAX) seen.push(`… ${list.length - ENTRIES_MAX} more`);
  return seen;
}

function stripEntries(entries: readonly (readonly [string, unknown])[], depth: number): Record<string, unknown> {
  const seen = entries
    .slice(0, ENTRIES_MAX)
    .map(([key, entry]) => [key, isHidden(key, entry) ? hide(entry) : stripHandles(entry, depth + 1)] as const);
  const more = entries.length - seen.length;
  // fromEntries defines own properties, so that a key such as `__proto__` stays data.
  return Object.fromEntries(more > 0 ? [...seen, ['…', `${more} more`]] : seen);
}

const isHidden = (key: string, value: unknown): value is string => typeof value === 'string' && HIDDEN_KEYS.has(key);
const hide = (text: string): string => `[hidden, ${text.length} characters]`;

/** Name, message, code and cause: the stack would show paths of the machine. */
function stripError(error: Error): Record<string, unknown> {
  const code = 'code' in error ? { code: stripHandles(error.code, DEPTH_MAX) } : {};
  const cause = error.cause === undefined ? {} : { cause: String(error.cause) };
  return { name: error.name, message: error.message, ...code, ...cause };
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

const nameOf = (value: object): string => value.constructor?.name || 'object';

/** What a tool needs of an actor's snapshot; the chart itself, its nodes and its children's handles stay behind. */
export function stripSnapshot(snapshot: unknown): Record<string, unknown> {
  if (typeof snapshot !== 'object' || snapshot === null) return { status: 'active' };
  const plain: Record<string, unknown> = {};
  for (const key of ['status', 'value', 'context', 'output', 'error', 'input'] as const) {
    const field = (snapshot as Readonly<Record<string, unknown>>)[key];
    if (field !== undefined) plain[key] = stripHandles(field);
  }
  const { children } = snapshot as { readonly children?: unknown };
  if (typeof children === 'object' && children !== null) {
    plain.children = Object.fromEntries(
      Object.keys(children)
        .slice(0, ENTRIES_MAX)
        .map((id) => [id, { id }]),
    );
  }
  return plain;
}
