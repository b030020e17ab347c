/**
 * Copies of frames that wait for an engine. Those of large frames are used again: made anew for each, they are what a link at
 * full speed lives through most, and the collector looks through all of the heap for them. Owns the spare ones of the process.
 */
import { FRAME_BYTES_MAX } from '../machines/shared/limits.ts';

/** Smaller frames get memory of their own size: in place of it a large piece would be wasted. */
const LARGE_BYTES = FRAME_BYTES_MAX / 2;
/** A megabyte. */
const SPARE_MAX = 64;
const spare: Uint8Array[] = [];

/** The bytes of a frame, which the caller may change then. */
export function copyFrame(frame: Uint8Array): Uint8Array {
  // A Buffer's `slice` is a view.
  if (frame.byteLength < LARGE_BYTES) return new Uint8Array(frame);
  const copy = (spare.pop() ?? new Uint8Array(FRAME_BYTES_MAX)).subarray(0, frame.byteLength);
  copy.set(frame);
  return copy;
}

/** Nobody looks at this copy any more: an engine has read it, or its link is gone. */
export function giveBack(copy: Uint8Array): void {
  if (copy.buffer.byteLength === FRAME_BYTES_MAX && spare.length < SPARE_MAX) spare.push(new Uint8Array(copy.buffer));
}
