/** Links in Node: simple-peer over @roamhq/wrtc. Both are loaded with the first link. */
import type { LinkPort } from '../runtime/ports/link.ts';
import { loadRoamhqEngine } from './roamhq-engine.ts';
import { createSimplePeerPort, type SimplePeerClass } from './webrtc-simple-peer.ts';

export interface RoamhqLinkPortOptions {
  /** STUN and TURN servers, credentials included. Default: none. */
  readonly iceServers?: readonly RTCIceServer[];
  /** Shown as `adapter` in the status. Default `roamhq`. */
  readonly name?: string;
}

/** Links over simple-peer and @roamhq/wrtc, for Node. */
export function roamhqLinkPort(options: RoamhqLinkPortOptions = {}): LinkPort {
  const { iceServers, name = 'roamhq' } = options;
  return createSimplePeerPort({
    name,
    ...(iceServers === undefined ? {} : { iceServers }),
    load: async () => {
      const [simplePeer, wrtc] = await Promise.all([import('simple-peer'), loadRoamhqEngine()]);
      // The published types describe a stream; SimplePeerClass is the part of it that is used.
      return { SimplePeer: simplePeer.default as unknown as SimplePeerClass, wrtc };
    },
  });
}
