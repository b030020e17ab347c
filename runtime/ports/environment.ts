/**
 * The surroundings of a mesh as far as they decide whether its links can still work: whether its page or process ran, and
 * which network it has. Adapters watch them; the exchange asks its links, and the hubs are asked or dialed anew.
 */
import type { Observable } from 'rxjs';

export type EnvironmentChange =
  /** The page or the process did not run for about this long: others may have given us up, and their words wait for us. */
  | { readonly type: 'woke'; readonly awayMs: number }
  /** Our network changed. `cut`: what we had is gone or was gone, so that no link and no socket can be trusted. */
  | { readonly type: 'network'; readonly cut: boolean };

export interface EnvironmentPort {
  /** Hot, never ends and never fails; nothing is watched while nobody listens. */
  readonly changes: Observable<EnvironmentChange>;
}
