/**
 * The JSON text frames between a client and a hub of the Pigeon family, with our additions. Types only for what travels;
 * the hub validates what clients send, the WebSocket adapter what hubs send.
 */

/** Error codes of a hub's `error` frame. */
export type HubErrorCode =
  | 'BAD_FRAME'
  | 'FRAME_TOO_LARGE'
  | 'UNKNOWN_TYPE'
  | 'NOT_ROUTED'
  | 'BAD_PEER_ID'
  | 'PEER_ID_MISMATCH'
  | 'ID_IN_USE'
  | 'PROOF_REQUIRED'
  | 'PROOF_FAILED'
  | 'NOT_ANNOUNCED'
  | 'TOO_MANY_NETWORKS'
  | 'WRONG_NETWORK'
  | 'UNKNOWN_TARGET'
  | 'RATE_LIMITED'
  | 'TOO_MANY_CONNECTIONS'
  | 'UNAUTHORIZED'
  | 'SLOW_READER'
  | 'DRAINING';

/** WebSocket close code that tells a socket its id was taken over by a prover. */
export const CLOSE_REPLACED = 4001;

/** First line of the bytes that a peer signs for a hub; then host as dialed, peer id and nonce, each behind a newline, UTF-8. */
export const HUB_PROOF_LABEL = 'xstate-mesh/hub/1';

/** The bytes a peer signs to prove its id to a hub, as text. */
export const hubProofText = (host: string, peerId: string, nonce: string): string =>
  `${HUB_PROOF_LABEL}\n${host}\n${peerId}\n${nonce}`;

/** Client to hub. A `fromPeerId` is ignored: the hub stamps the socket's own id. */
export interface ClientFrame {
  readonly type: string;
  readonly data?: unknown;
  readonly networkName?: string;
  readonly targetPeerId?: string;
  readonly maxPeers?: number;
  /** Of an announcement: the client reads `peers-discovered` and `peers-disconnected` too. */
  readonly lists?: true;
}

/**
 * Hub to client. `peers-discovered` {peers: […]} stands for so many `peer-discovered`, `peers-disconnected` {peers: […]} for so many
 * `peer-disconnected`; at most HUB_PEERS_LISTED_MAX each, and only to clients that announced `lists`.
 */
export interface HubFrame {
  readonly type: string;
  readonly data?: unknown;
  readonly networkName?: string;
  readonly fromPeerId?: string;
  readonly targetPeerId?: string;
  readonly timestamp?: number;
  readonly code?: HubErrorCode;
  readonly error?: string;
  readonly inReplyTo?: { readonly type?: string; readonly targetPeerId?: string; readonly attempt?: string };
  readonly retryAfterMs?: number;
}
