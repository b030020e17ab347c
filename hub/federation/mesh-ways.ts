/**
 * Ways to other hubs over the mesh of hubs. Each is a hub that has answered a direct message of ours, or sent us one; it
 * ends when a message finds no way or no receipt. What is sent goes in batches, a few at a time; losses are the business
 * of the streams above.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type { Trunk } from './federation.events.ts';
import {
  MESH_DIRECT_TIMEOUT_MS,
  MESH_DIRECTS_MAX,
  MESH_PROBE_MS,
  TRUNK_BATCH_BYTES,
  TRUNK_BUFFER_BYTES,
} from './limits.ts';
import type { Trunks } from './trunks.ts';

/** The part of a mesh that is used. */
export interface DirectSender {
  direct(to: PeerId, data: unknown, options: { readonly timeoutMs: number }): Promise<unknown>;
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

export class MeshWays {
  readonly #trunks: Trunks;
  readonly #mesh: DirectSender;
  readonly #nowMs: () => number;
  readonly #probedMs = new Map<PeerId, number>();
  readonly #ways = new Map<PeerId, MeshTrunk>();
  #isOver = false;
  /** Hubs whose link with us stands. */
  readonly linked = new Set<PeerId>();

  constructor(trunks: Trunks, mesh: DirectSender, nowMs: () => number) {
    this.#trunks = trunks;
    this.#mesh = mesh;
    this.#nowMs = nowMs;
  }

  /** Asks hubs that no way over the mesh leads to yet. */
  tick(): void {
    if (this.linked.size === 0) return;
    const nowMs = this.#nowMs();
    for (const hub of this.#probedMs.keys()) if (this.#trunks.graph.get(hub) === undefined) this.#probedMs.delete(hub);
    for (const { hubId } of this.#trunks.graph.others) {
      if (this.#ways.has(hubId) || nowMs - (this.#probedMs.get(hubId) ?? 0) < MESH_PROBE_MS) continue;
      this.#probedMs.set(hubId, nowMs);
      this.probe(hubId);
    }
  }

  probe(hub: PeerId): void {
    this.#mesh.direct(hub, [], { timeoutMs: MESH_DIRECT_TIMEOUT_MS }).then(
      () => void this.#open(hub),
      () => undefined, // no way yet: the next probe asks again
    );
  }

  /** A direct message of another hub. */
  receive(from: PeerId, data: unknown): void {
    if (!Array.isArray(data)) return;
    const trunk = this.#open(from);
    if (trunk === undefined) return;
    for (const text of data) if (typeof text === 'string') this.#trunks.receive(trunk, text);
  }

  end(): void {
    this.#isOver = true;
    for (const way of [...this.#ways.values()]) this.#close(way);
  }

  #open(hub: PeerId): MeshTrunk | undefined {
    if (this.#isOver || this.#trunks.graph.hasLeft(hub)) return undefined;
    const known = this.#ways.get(hub);
    if (known !== undefined) return known;
    const way = new MeshTrunk(hub, this.#mesh, () => this.#close(way));
    this.#ways.set(hub, way);
    this.#trunks.add(way);
    return way;
  }

  #close(way: MeshTrunk): void {
    if (this.#ways.get(way.hubId) === way) this.#ways.delete(way.hubId);
    way.end();
    this.#trunks.remove(way);
  }
}

class MeshTrunk implements Trunk {
  readonly kind = 'mesh';
  readonly hubId: PeerId;
  readonly #mesh: DirectSender;
  readonly #fail: () => void;
  #queue: string[] = [];
  #bytes = 0;
  #underWay = 0;
  #isOver = false;

  constructor(hubId: PeerId, mesh: DirectSender, fail: () => void) {
    this.hubId = hubId;
    this.#mesh = mesh;
    this.#fail = fail;
  }

  send(text: string): void {
    if (this.#isOver || this.#bytes > TRUNK_BUFFER_BYTES) return;
    this.#queue.push(text);
    this.#bytes += text.length;
    this.#pump();
  }

  close(): void {
    this.#fail();
  }

  end(): void {
    this.#isOver = true;
    this.#queue = [];
  }

  #pump(): void {
    while (!this.#isOver && this.#underWay < MESH_DIRECTS_MAX && this.#queue.length > 0) {
      let count = 0;
      let bytes = 0;
      while (count < this.#queue.length && (count === 0 || bytes < TRUNK_BATCH_BYTES)) {
        bytes += (this.#queue[count] as string).length;
        count++;
      }
      const batch = this.#queue.splice(0, count);
      this.#bytes -= bytes;
      this.#underWay++;
      this.#mesh.direct(this.hubId, batch, { timeoutMs: MESH_DIRECT_TIMEOUT_MS }).then(
        () => this.#done(),
        (error: unknown) => {
          this.#underWay--;
          // A full queue is no dead end: the stream sends again what was dropped.
          if (codeOf(error) === 'QUEUE_FULL') this.#pump();
          else this.#fail();
        },
      );
    }
  }

  #done(): void {
    this.#underWay--;
    this.#pump();
  }
}
