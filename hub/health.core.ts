/** Whether a hub is well, and whether it takes new clients: two questions that an operator's machinery asks. */
import { HEALTH_FAILURES_MAX, HEALTH_HEAP_PERCENT_MAX, HEALTH_LOOP_DELAY_MAX_MS } from '../machines/shared/limits.ts';

export interface Vitals {
  /** State of the hub's root chart. */
  readonly state: string;
  readonly connections: number;
  readonly maxConnections: number;
  /** How late the event loop was lately, in ms: the 99th percentile since the last look. */
  readonly loopDelayMs: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
  /** Actors that failed in the last minute. */
  readonly failures: number;
}

export interface Check {
  readonly name: 'listening' | 'eventLoop' | 'memory' | 'actors' | 'room';
  readonly ok: boolean;
  readonly detail: string;
}

const check = (name: Check['name'], ok: boolean, detail: string): Check => ({ name, ok, detail });
const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;

/** What must hold for a hub that should go on; a hub where one does not is to be restarted. */
export function healthOf(vitals: Vitals): readonly Check[] {
  const { state, loopDelayMs, heapUsedBytes, heapLimitBytes, failures } = vitals;
  return [
    check('listening', state === 'listening' || state === 'draining', state),
    check('eventLoop', loopDelayMs <= HEALTH_LOOP_DELAY_MAX_MS, `${Math.round(loopDelayMs)} ms late`),
    check(
      'memory',
      heapUsedBytes <= (heapLimitBytes * HEALTH_HEAP_PERCENT_MAX) / 100,
      `${megabytes(heapUsedBytes)} of ${megabytes(heapLimitBytes)}`,
    ),
    check('actors', failures < HEALTH_FAILURES_MAX, `${failures} failed in the last minute`),
  ];
}

/** What must hold for a hub that new clients should be sent to. */
export function readinessOf(vitals: Vitals): readonly Check[] {
  const { state, connections, maxConnections } = vitals;
  return [
    check('listening', state === 'listening', state),
    check('room', connections < maxConnections, `${connections} of ${maxConnections} connections`),
  ];
}
