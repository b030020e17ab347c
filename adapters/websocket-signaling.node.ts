/** Signals over a hub's WebSocket in Node, whose versions before 22 have none of their own: `ws` it is. */
import { WebSocket } from 'ws';
import { DRAIN_TIMEOUT_MS, HUB_MAX_MESSAGE_BYTES, HUB_PAYLOAD_FACTOR } from '../machines/shared/limits.ts';
import type { SignalingPort } from '../runtime/ports/signaling.ts';
import { type SocketClass, type WebSocketSignalingOptions, websocketSignaling } from './websocket-signaling.ts';

/** Not a literal in the call: the published types do not know `closeTimeout` yet. */
const SOCKET_OPTIONS = {
  maxPayload: HUB_MAX_MESSAGE_BYTES * HUB_PAYLOAD_FACTOR * 2,
  perMessageDeflate: false,
  closeTimeout: DRAIN_TIMEOUT_MS,
};

/**
 * A hub that sends frames beyond twice what is parsed at all is hostile: the socket closes with 1009 instead of filling
 * memory. One that never answers a close is cut after a drain; the 30 s of `ws` would hold a process that has left.
 */
class BoundedWebSocket extends WebSocket {
  constructor(url: string) {
    super(url, SOCKET_OPTIONS);
  }
}

/** `websocketSignaling` with `ws` as the default socket. */
export function nodeWebsocketSignaling(url: string, options: WebSocketSignalingOptions = {}): SignalingPort {
  // `ws` types its handlers by its own event classes, which are what SocketLike names.
  return websocketSignaling(url, { WebSocket: BoundedWebSocket as unknown as SocketClass, ...options });
}
