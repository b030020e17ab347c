/**
 * Links in browsers: simple-peer over the browser's own WebRTC. The bundled file of simple-peer is the one that needs no
 * polyfill for Buffer and process; it is loaded with the first link, so that an app without links never pays for it.
 */
import type { LinkPort } from '../runtime/ports/link.ts';
import { createSimplePeerPort, type SimplePeerClass, type SimplePeerParts } from './webrtc-simple-peer.ts';

export interface SimplePeerLinkPortOptions {
  /** STUN and TURN servers, credentials included. Default: none. */
  readonly iceServers?: readonly RTCIceServer[];
  /** A simple-peer class of your own, instead of the lazily loaded one. */
  readonly SimplePeer?: SimplePeerClass;
  /** A WebRTC implementation for platforms without one. */
  readonly wrtc?: object;
}

async function loadSimplePeer(): Promise<SimplePeerClass> {
  // @ts-expect-error The bundled file ships without types; SimplePeerClass names what is used of it.
  const module: { default: SimplePeerClass } = await import('simple-peer/simplepeer.min.js');
  return module.default;
}

/** Links over simple-peer in a browser. No prompt for a microphone or camera: data only. */
export function simplePeerLinkPort(options: SimplePeerLinkPortOptions = {}): LinkPort {
  const { iceServers, SimplePeer, wrtc } = options;
  return createSimplePeerPort({
    name: 'simple-peer',
    ...(iceServers === undefined ? {} : { iceServers }),
    load: async (): Promise<SimplePeerParts> => ({
      SimplePeer: SimplePeer ?? (await loadSimplePeer()),
      ...(wrtc === undefined ? {} : { wrtc }),
    }),
  });
}
