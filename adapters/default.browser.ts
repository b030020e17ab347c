/** What a mesh in a browser uses unless it is told otherwise: simple-peer, the browser's own WebSocket, and its page. */
import type { EnvironmentPort } from '../runtime/ports/environment.ts';
import type { LinkPort } from '../runtime/ports/link.ts';
import type { SignalingPort } from '../runtime/ports/signaling.ts';
import { pageEnvironment } from './environment.browser.ts';
import { shareByServers } from './shared-ports.ts';
import { simplePeerLinkPort } from './webrtc-simple-peer.browser.ts';
import { websocketSignaling } from './websocket-signaling.ts';

/** One port a page for each list of servers. */
export const defaultLinkPort: (options: { readonly iceServers?: readonly RTCIceServer[] }) => LinkPort = shareByServers(
  (iceServers) => simplePeerLinkPort({ iceServers }),
);

export const defaultSignalingPort = (url: string): SignalingPort => websocketSignaling(url);

export const defaultEnvironment = (): EnvironmentPort => pageEnvironment;
