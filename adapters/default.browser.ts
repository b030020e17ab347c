/** What a mesh in a browser uses unless it is told otherwise: simple-peer and the browser's own WebSocket. */
import type { LinkPort } from '../runtime/ports/link.ts';
import type { SignalingPort } from '../runtime/ports/signaling.ts';
import { shareByServers } from './shared-ports.ts';
import { simplePeerLinkPort } from './webrtc-simple-peer.browser.ts';
import { websocketSignaling } from './websocket-signaling.ts';

/** One port a page for each list of servers. */
export const defaultLinkPort: (options: { readonly iceServers?: readonly RTCIceServer[] }) => LinkPort = shareByServers(
  (iceServers) => simplePeerLinkPort({ iceServers }),
);

export const defaultSignalingPort = (url: string): SignalingPort => websocketSignaling(url);
