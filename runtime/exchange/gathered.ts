/** Messages that will share the next frame of one lane of a link. */
import { FRAME_BYTES_MAX, MESSAGES_PER_FRAME_MAX } from '../../machines/shared/limits.ts';
import { encodeFrame } from '../wire/codec.ts';

export class Gathered {
  #parts: Uint8Array[] = [];
  #bytes = 0;

  get count(): number {
    return this.#parts.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoomFor(part: Uint8Array): boolean {
    // One byte of each frame is the version.
    return this.#parts.length < MESSAGES_PER_FRAME_MAX && 1 + this.#bytes + part.length <= FRAME_BYTES_MAX;
  }

  add(part: Uint8Array): void {
    this.#parts.push(part);
    this.#bytes += part.length;
  }

  /** The frame of them all. Undefined when there are none. */
  take(): Uint8Array | undefined {
    if (this.#parts.length === 0) return undefined;
    const frame = encodeFrame(this.#parts);
    this.clear();
    return frame;
  }

  clear(): void {
    this.#parts = [];
    this.#bytes = 0;
  }
}
