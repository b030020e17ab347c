/**
 * The environment of a page or a worker: freezing and waking, the network that goes and comes back or becomes another.
 * A hidden page whose timers are slow still takes frames in and answers them, so that slow timers alone say nothing.
 */
import { Observable, share } from 'rxjs';
import type { EnvironmentChange, EnvironmentPort } from '../runtime/ports/environment.ts';
import { Beat, realTime, type Time } from './environment-beat.ts';

/** What is watched; parts that a browser or a worker lacks are absent. */
export interface PageSurroundings {
  /** `resume` (thawed), `visibilitychange`. */
  readonly document?: (EventTarget & { readonly visibilityState: string }) | undefined;
  /** `online`, `offline`, `pageshow` (back from the cache of pages). */
  readonly window?: EventTarget | undefined;
  /** Network Information API. `type` tells Wi-Fi from cellular; not on every platform. Its other changes are estimates. */
  readonly connection?: (EventTarget & { readonly type?: string }) | undefined;
  readonly time?: Time;
}

const surroundings = (): PageSurroundings => {
  // The types of the DOM know neither a worker without a document nor `navigator.connection`.
  const { document, navigator, addEventListener } = globalThis as typeof globalThis & {
    readonly navigator?: { readonly connection?: EventTarget & { readonly type?: string } };
  };
  return {
    document,
    // Whatever can listen is an EventTarget: the global of a page or a worker, and in no case Node's.
    window: typeof addEventListener === 'function' ? (globalThis as unknown as EventTarget) : undefined,
    connection: navigator?.connection,
  };
};

type Tell = (change: EnvironmentChange) => void;

/** Listens until the returned function is called. */
function listen(target: EventTarget | undefined, types: readonly string[], heard: (event: Event) => void): () => void {
  for (const type of types) target?.addEventListener(type, heard);
  return () => {
    for (const type of types) target?.removeEventListener(type, heard);
  };
}

function watchRunning({ document, window, time = realTime }: PageSurroundings, tell: Tell): () => void {
  // What a hidden page misses is told when it is seen again, unless it ran in between.
  const beat = new Beat(() => {
    const awayMs = beat.awayMs();
    if (awayMs > 0 && document?.visibilityState !== 'hidden') tell({ type: 'woke', awayMs });
  }, time);
  const seen = (event: Event): void => {
    // The cast: only `pageshow` has the field.
    const isThawed = event.type === 'resume' || (event as PageTransitionEvent).persisted === true;
    if (!isThawed && document?.visibilityState === 'hidden') return;
    const awayMs = beat.awayMs();
    if (isThawed || awayMs > 0) tell({ type: 'woke', awayMs });
  };
  const stops = [
    listen(document, ['resume', 'visibilitychange'], seen),
    listen(window, ['pageshow'], seen),
    () => beat.stop(),
  ];
  return () => stops.forEach((stop) => void stop());
}

function watchNetwork({ window, connection }: PageSurroundings, tell: Tell): () => void {
  let before = connection?.type;
  const changed = (): void => {
    const now = connection?.type;
    if (now === before) return;
    before = now;
    // Without any network there is nothing to ask; what comes next tells.
    if (now !== 'none') tell({ type: 'network', cut: true });
  };
  const stops = [
    listen(window, ['online'], () => tell({ type: 'network', cut: true })),
    listen(connection, ['change'], changed),
  ];
  return () => stops.forEach((stop) => void stop());
}

export function browserEnvironment(of?: PageSurroundings): EnvironmentPort {
  const changes = new Observable<EnvironmentChange>((subscriber) => {
    const watched = of ?? surroundings();
    const tell: Tell = (change) => subscriber.next(change);
    const stops = [watchRunning(watched, tell), watchNetwork(watched, tell)];
    return () => stops.forEach((stop) => void stop());
  });
  return { changes: changes.pipe(share()) };
}

/** The one of this page. */
export const pageEnvironment: EnvironmentPort = browserEnvironment();
