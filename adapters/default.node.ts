/** What a mesh in Node uses unless it is told otherwise: @roamhq/wrtc, hubs over `ws`, and this process. */
import type { EnvironmentPort } from '../runtime/ports/environment.ts';
import type { LinkPort } from '../runtime/ports/link.ts';
import type { SignalingPort } from '../runtime/ports/signaling.ts';
import { processEnvironment } from './environment.node.ts';
import { shareByServers } from './shared-ports.ts';
import { nativeRoamhqLinkPort } from './webrtc-native.node.ts';
import { nodeWebsocketSignaling } from './websocket-signaling.node.ts';

/** One port a process for each list of servers. */
export const defaultLinkPort: (options: { readonly iceServers?: readonly RTCIceServer[] }) => LinkPort = shareByServers(
  (iceServers) => nativeRoamhqLinkPort({ iceServers }),
);

export const defaultSignalingPort = (url: string): SignalingPort => nodeWebsocketSignaling(url);

export const defaultEnvironment = (): EnvironmentPort => processEnvironment;
