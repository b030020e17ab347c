/**
 * Names actors by their place in the tree and decides by that name alone, so that dropping an event costs a look-up.
 * Owns: actor paths, the pattern language of `include` and `exclude`.
 */
import type { ActorRefLike } from 'xstate';

/** What XState passes as `actorRef`: an actor, of which only these fields are public enough to be relied upon. */
export type InspectedActor = ActorRefLike & {
  readonly id?: string;
  readonly _parent?: InspectedActor;
  readonly logic?: unknown;
};

/**
 * Which actors are meant. A string names any segment of the path, by the whole id (`peer:7f3a…`) or by its kind, the part
 * before the first colon (`peer`); it means that actor and everything below it. A RegExp is tested against the whole
 * path; a function is given the path.
 */
export type ActorPattern = string | RegExp | ((path: string) => boolean);

/** Deeper trees than this do not occur; the bound keeps a broken parent chain from looping. */
const DEPTH_MAX = 32;

/** Ids from the root down, joined by `/`, such as `mesh/peer:7f3a…/link`. */
export function actorPath(actor: InspectedActor): string {
  const ids: string[] = [];
  let at: InspectedActor | undefined = actor;
  while (at !== undefined && ids.length < DEPTH_MAX) {
    ids.push(at.id ?? at.sessionId);
    at = at._parent;
  }
  return ids.reverse().join('/');
}

/** One predicate for many patterns: true when any of them means the path. */
export function compilePatterns(patterns: readonly ActorPattern[]): (path: string) => boolean {
  const names = new Set<string>();
  const tests: ((path: string) => boolean)[] = [];
  for (const pattern of patterns) {
    if (typeof pattern === 'string') names.add(pattern);
    else if (typeof pattern === 'function') tests.push(pattern);
    else {
      // A sticky or global RegExp remembers where it stopped: a fresh one without these flags judges each path alike.
      const stateless = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
      tests.push((path) => stateless.test(path));
    }
  }
  return (path) =>
    path.split('/').some((id) => names.has(id) || names.has(kindOf(id))) || tests.some((test) => test(path));
}

function kindOf(id: string): string {
  const colon = id.indexOf(':');
  return colon < 0 ? id : id.slice(0, colon);
}
