/**
 * Topics: who listens to which. A topic is text; its dots part it into segments. `*` in a pattern stands for any one segment,
 * `**` at its end for all that follow, one at least. There is nothing else to a pattern: what strangers name their topics is
 * compared segment by segment, and costs no more than its length.
 *
 * Every peer carries every message; a topic only says who looks at it.
 */
import { TOPIC_NAME_MAX } from '../../machines/shared/limits.ts';
import { MeshError } from '../errors.ts';

const ANY = '*';
const REST = '**';

const bad = (message: string): MeshError => new MeshError('BAD_OPTION', message);

/** The segments of a topic or pattern of ours. Throws BAD_OPTION. */
export function checkPattern(pattern: unknown): readonly string[] {
  if (typeof pattern !== 'string' || pattern.length === 0 || pattern.length > TOPIC_NAME_MAX) {
    throw bad(`A topic is text of 1 to ${TOPIC_NAME_MAX} characters.`);
  }
  const segments = pattern.split('.');
  segments.forEach((segment, at) => {
    if (segment === '') throw bad(`"${pattern}": a topic has no empty segment.`);
    if (!segment.includes(ANY) || segment === ANY) return;
    if (segment !== REST) throw bad(`"${pattern}": a star stands for a whole segment.`);
    if (at < segments.length - 1) throw bad(`"${pattern}": ** stands for the rest, so that nothing follows it.`);
  });
  return segments;
}

/** A topic of ours to publish to: no pattern. Throws BAD_OPTION. */
export function checkTopic(topic: unknown): string {
  if (isPattern(checkPattern(topic)))
    throw bad(`"${String(topic)}" is a pattern: it is listened to, not published to.`);
  // `checkPattern` lets text pass only.
  return topic as string;
}

const isPattern = (segments: readonly string[]): boolean => segments.some((text) => text === ANY || text === REST);

/** Whether the pattern stands for this topic, whoever named it. */
export function matches(pattern: readonly string[], topic: readonly string[]): boolean {
  const rest = pattern.at(-1) === REST;
  const fixed = rest ? pattern.length - 1 : pattern.length;
  if (rest ? topic.length <= fixed : topic.length !== fixed) return false;
  for (let at = 0; at < fixed; at++) if (pattern[at] !== ANY && pattern[at] !== topic[at]) return false;
  return true;
}

/** Listeners by topic or pattern. Each list is replaced when it changes: one that is being called stays as it was. */
export class Topics<Listener> {
  readonly #exact = new Map<string, readonly Listener[]>();
  readonly #wild = new Map<string, { readonly segments: readonly string[]; readonly listeners: readonly Listener[] }>();

  /** `listener` must be one of its own. Returns what ends it. Throws BAD_OPTION. */
  add(pattern: string, listener: Listener): () => void {
    const segments = checkPattern(pattern);
    const isWild = isPattern(segments);
    const listed = (): readonly Listener[] =>
      (isWild ? this.#wild.get(pattern)?.listeners : this.#exact.get(pattern)) ?? [];
    const list = (listeners: readonly Listener[]): void => {
      if (listeners.length === 0) (isWild ? this.#wild : this.#exact).delete(pattern);
      else if (isWild) this.#wild.set(pattern, { segments, listeners });
      else this.#exact.set(pattern, listeners);
    };
    list([...listed(), listener]);
    return () => list(listed().filter((other) => other !== listener));
  }

  /** Calls back for each who listens to this topic: those who named it, then those of patterns. */
  forEach(topic: string, call: (listener: Listener, pattern: string) => void): void {
    for (const listener of this.#exact.get(topic) ?? []) call(listener, topic);
    if (this.#wild.size === 0) return;
    const name = topic.split('.');
    for (const [pattern, { segments, listeners }] of [...this.#wild]) {
      if (matches(segments, name)) for (const listener of listeners) call(listener, pattern);
    }
  }

  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#wild.size === 0;
  }
}
