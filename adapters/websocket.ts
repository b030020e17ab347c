/** `xstate-mesh/adapters/websocket`: hubs over a WebSocket; pass `WebSocket` where the platform has none. */
export {
  type SocketClass,
  type SocketLike,
  type WebSocketSignalingOptions,
  websocketSignaling,
} from './websocket-signaling.ts';
