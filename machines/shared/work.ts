/**
 * How a core with many effects speaks to its chart. A core function gets a `Work`, changes its `context` by replacing it
 * and appends effects; the chart's action then carries them out in order. So decisions stay plain functions that a test
 * can call, and the chart stays a picture.
 */
import type { EventObject } from 'xstate';

export type Effect<Spawn, Sent extends EventObject, Emitted extends EventObject> =
  | { readonly do: 'spawn'; readonly spawn: Spawn }
  | { readonly do: 'send'; readonly to: string; readonly event: Sent }
  | { readonly do: 'stop'; readonly id: string }
  | { readonly do: 'emit'; readonly event: Emitted }
  /** To this chart itself, after this step. */
  | { readonly do: 'raise'; readonly event: EventObject };

export interface Work<Context, Spawn, Sent extends EventObject, Emitted extends EventObject> {
  context: Context;
  readonly effects: Effect<Spawn, Sent, Emitted>[];
}
