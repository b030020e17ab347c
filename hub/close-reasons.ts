/** Every way a hub closes a session, as its client sees it: the close frame, and the error frame before it. */
import { HUB_ANNOUNCE_TIMEOUT_MS, HUB_RETRY_AFTER_MS } from '../machines/shared/limits.ts';
import { CLOSE_REPLACED } from '../runtime/wire/signaling-frames.ts';
import type { CloseReason } from './hub.events.ts';

export const DRAINING: CloseReason = {
  status: 1000,
  reason: 'Server shutting down',
  end: 'draining',
  code: 'DRAINING',
  message: 'This hub is shutting down; links between peers stand.',
  retryAfterMs: HUB_RETRY_AFTER_MS,
};
export const REPLACED: CloseReason = {
  status: CLOSE_REPLACED,
  reason: 'Replaced by a proven connection',
  end: 'replaced',
  code: 'ID_IN_USE',
  message: 'Another connection proved this peer id.',
};
export const HELD: CloseReason = {
  status: 1008,
  reason: 'Peer already connected',
  end: 'refused',
  code: 'ID_IN_USE',
  message: 'Another connection holds this peer id; only a proof of its key replaces it.',
};
export const NOT_ANNOUNCED: CloseReason = {
  status: 1008,
  reason: 'No announcement',
  end: 'timedOut',
  code: 'NOT_ANNOUNCED',
  message: `A socket announces within ${HUB_ANNOUNCE_TIMEOUT_MS} ms.`,
};
export const NOT_PROVEN: CloseReason = {
  status: 1008,
  reason: 'No proof',
  end: 'timedOut',
  code: 'PROOF_REQUIRED',
  message: `The peer id is to be proven within ${HUB_ANNOUNCE_TIMEOUT_MS} ms.`,
};
export const SLOW: CloseReason = {
  status: 1013,
  reason: 'Reading too slowly',
  end: 'slow',
  code: 'SLOW_READER',
  message: 'More frames wait for this socket than a hub keeps.',
};

export const PROOF_FAILED: CloseReason = { status: 1008, reason: 'Proof failed', end: 'refused' };
export const FLOOD: CloseReason = {
  status: 1008,
  reason: 'Rate limit exceeded',
  end: 'refused',
  code: 'RATE_LIMITED',
  message: 'This socket went on sending above the rate limit.',
  isDeaf: true,
};
export const IDLE: CloseReason = { status: 1008, reason: 'Peer timed out', end: 'timedOut' };
export const DEAD: CloseReason = { status: 1001, reason: 'No answer to pings', end: 'timedOut' };

/** The socket of another hub, closed for a reason of the hubs' own. */
export const unlinked = (reason: string): CloseReason => ({
  status: 1000,
  reason: reason.slice(0, 100),
  end: 'closed',
});
