/** What a mesh in a browser uses unless it is told otherwise: its own RTCPeerConnection and WebSocket, and its page. */
import type { EnvironmentPort } from '../runtime/ports/environment.ts';
import type { LinkPort } from '../runtime/ports/link.ts';
import type { SignalingPort } from '../runtime/ports/signaling.ts';
import { pageEnvironment } from './environment.browser.ts';
import { shareByServers } from './shared-ports.ts';
import { nativeLinkPort } from './webrtc-native.browser.ts';
import { websocketSignaling } from './websocket-signaling.ts';

/** One port a page for each list of servers. */
export const defaultLinkPort: (options: { readonly iceServers?: readonly RTCIceServer[] }) => LinkPort = shareByServers(
  (iceServers) => nativeLinkPort({ iceServers }),
);

export const defaultSignalingPort = (url: string): SignalingPort => websocketSignaling(url);

export const defaultEnvironment = (): EnvironmentPort => pageEnvironment;
