/** Native links in a browser: its own RTCPeerConnection, or one that is passed in. */
import { LinkError, type LinkPort } from '../runtime/ports/link.ts';
import {
  createNativePort,
  type NativeConnectionClass,
  type NativeLinkOptions,
  type NativeParts,
  type NativeTraits,
} from './webrtc-native.ts';

/**
 * Chromium's own addresses come 1 to 7 ms after the description, on a busy machine too; those that servers tell come later, and
 * one by one. A link takes some hundred ms to set up.
 */
const BROWSER: NativeTraits = { capabilities: { restart: true, rollback: true, media: true }, gathersWithinMs: 15 };

export interface NativeLinkPortOptions extends NativeLinkOptions {
  /** An implementation for platforms without one of their own. Default: the global one. */
  readonly RTCPeerConnection?: NativeConnectionClass;
  /** What that implementation can do. Default: everything a browser can. */
  readonly traits?: NativeTraits;
}

/** Links over the platform's own RTCPeerConnection. No prompt for a microphone or camera: data only. */
export function nativeLinkPort(options: NativeLinkPortOptions = {}): LinkPort {
  const { RTCPeerConnection: given, traits = BROWSER, ...rest } = options;
  const load = (): NativeParts => {
    // The DOM's type says more than is used.
    const own = (globalThis as { RTCPeerConnection?: unknown }).RTCPeerConnection as NativeConnectionClass | undefined;
    const RTCPeerConnection = given ?? own;
    if (RTCPeerConnection === undefined) {
      throw new LinkError('UNAVAILABLE', 'This platform has no RTCPeerConnection: pass one in');
    }
    return { RTCPeerConnection };
  };
  return createNativePort({ name: 'native', ...rest, traits, load });
}
