/** `xstate-mesh/adapters/simple-peer`: links in browsers, or with a WebRTC implementation passed in. */

export { type SimplePeerLinkPortOptions, simplePeerLinkPort } from './webrtc-simple-peer.browser.ts';
export {
  createSimplePeerPort,
  type SimplePeerClass,
  type SimplePeerInstance,
  type SimplePeerParts,
  type SimplePeerPortOptions,
} from './webrtc-simple-peer.ts';
