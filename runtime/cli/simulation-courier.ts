/**
 * Carries what the parts of a simulation swap between their threads. Each waits for all others at each swap: none reads
 * messages while it runs, so a shared counter says when they are there. Owns no order: the parts take in by number.
 */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import type { Courier, Parcel } from '../simulation/part.ts';

/** What one thread needs to reach the others. Goes to it when it is started. */
export interface CourierInput {
  readonly part: number;
  readonly parts: number;
  /** One Int32 a part: swaps that it has posted. */
  readonly posted: SharedArrayBuffer;
  readonly ports: readonly { readonly part: number; readonly port: MessagePort }[];
}

/** Looks at the counter before the thread is put to sleep: mostly the others are nearly there. */
const LOOKS = 2_000;

export class ThreadCourier implements Courier {
  readonly part: number;
  readonly parts: number;
  readonly #posted: Int32Array;
  readonly #ports: CourierInput['ports'];
  #swaps = 0;

  constructor({ part, parts, posted, ports }: CourierInput) {
    this.part = part;
    this.parts = parts;
    this.#posted = new Int32Array(posted);
    this.#ports = ports;
  }

  swap(parcels: ReadonlyMap<number, Parcel>): ReadonlyMap<number, Parcel> {
    for (const { part, port } of this.#ports) {
      const parcel = parcels.get(part) as Parcel;
      port.postMessage(parcel, [parcel.heads.buffer as ArrayBuffer, parcel.bytes.buffer as ArrayBuffer]);
    }
    Atomics.store(this.#posted, this.part, ++this.#swaps);
    Atomics.notify(this.#posted, this.part);
    const came = new Map<number, Parcel>();
    for (const { part, port } of this.#ports) {
      this.#await(part);
      came.set(part, (receiveMessageOnPort(port) as { message: Parcel }).message);
    }
    return came;
  }

  #await(part: number): void {
    for (let look = 0; look < LOOKS; look++) if (Atomics.load(this.#posted, part) >= this.#swaps) return;
    for (;;) {
      const seen = Atomics.load(this.#posted, part);
      if (seen >= this.#swaps) return;
      Atomics.wait(this.#posted, part, seen);
    }
  }
}
