/** Bounds of what is told to a neighbour alone. Marked as in `limits.ts`. */
import { FRAME_BYTES_MAX, LINK_QUEUE_BYTES_MAX } from './limits.ts';

/** Of a frame: the version, and a TELL's own head with the longest length. */
export const TELL_HEAD_BYTES_MAX = 5;
/** Application data of one TELL, which travels in one frame. 16,000 bytes of binary data fit. */
export const TELL_BYTES_MAX = FRAME_BYTES_MAX - 1 - TELL_HEAD_BYTES_MAX;
/** What waits for a full link may be told up to here: half of its queue, so that the other half is left to what all are to hear. */
export const TELL_QUEUE_BYTES_MAX = LINK_QUEUE_BYTES_MAX / 2;
/** What waits for a neighbour that has not admitted our link yet: some ms, or as long as its signer takes. Each costs 64 bytes on top. */
export const UNHEARD_BYTES_MAX = TELL_QUEUE_BYTES_MAX;
/** Begins the name of the feature; the network whose peers are told follows, as this many bytes of its SHA-256 in hex. */
export const TELL_FEATURE = 'tell';
export const TELL_NETWORK_BYTES = 4;
