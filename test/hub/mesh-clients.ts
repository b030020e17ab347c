/** Clients of hubs that are whole meshes, and what they went through while hubs went and came. */
import type { MeshActor } from '../../runtime/create-mesh.ts';
import { must } from '../integration/fleet.ts';

/** Longest wait for one step. */
const STEP_MS = 60_000;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when it holds, asked again each 20 ms: what is asked has no event of its own. */
export async function when(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endsAtMs = performance.now() + STEP_MS;
  while (!(await holds())) {
    must(performance.now() < endsAtMs, `${what}: not within ${STEP_MS} ms`);
    await sleep(20);
  }
}

/** One mesh, and what it went through. */
export class MeshClient {
  readonly mesh: MeshActor;
  /** How often it left each state of a link, by reason. */
  readonly ended: Record<string, number> = {};
  readonly got = new Set<string>();
  doubled = 0;
  awayMs = 0;
  moves = 0;
  /** Own broadcasts. */
  said = 0;
  #awaySinceMs: number | undefined = performance.now();

  constructor(mesh: MeshActor) {
    this.mesh = mesh;
    mesh.on('hub.connected', ({ at }) => {
      if (at !== undefined) this.moves++;
      this.awayMs = Math.max(this.awayMs, this.awayNow());
      this.#awaySinceMs = undefined;
    });
    mesh.on('hub.disconnected', () => {
      this.#awaySinceMs ??= performance.now();
    });
    mesh.on('peer.disconnected', ({ reason }) => {
      this.ended[reason] = (this.ended[reason] ?? 0) + 1;
    });
    mesh.on('message', ({ id }) => {
      if (this.got.has(id)) this.doubled++;
      this.got.add(id);
    });
  }

  say(n: number): void {
    this.said++;
    void this.mesh.broadcast({ n });
  }
  awayNow(): number {
    return this.#awaySinceMs === undefined ? 0 : performance.now() - this.#awaySinceMs;
  }
  get isOpen(): boolean {
    return this.#awaySinceMs === undefined;
  }
  /** From here on the time away counts: the start is no restart. */
  forgive(): void {
    this.awayMs = 0;
    this.moves = 0;
  }
  links(): readonly string[] {
    return this.mesh.status().links.flatMap(({ peerId, state }) => (state.startsWith('connected') ? [peerId] : []));
  }
}

export function endedOf(clients: readonly MeshClient[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { ended } of clients)
    for (const [reason, n] of Object.entries(ended)) sum[reason] = (sum[reason] ?? 0) + n;
  return sum;
}
