/** `xstate-mesh/adapters/native`: links over the platform's own RTCPeerConnection, or one that is passed in. */

export { LinkError, type LinkErrorCode } from '../runtime/ports/link.ts';
export { type NativeLinkPortOptions, nativeLinkPort } from './webrtc-native.browser.ts';
export {
  createNativePort,
  type NativeChannel,
  type NativeConnection,
  type NativeConnectionClass,
  type NativeDescription,
  type NativeEvent,
  type NativeLinkOptions,
  type NativeParts,
  type NativePortOptions,
  type NativeTraits,
} from './webrtc-native.ts';
