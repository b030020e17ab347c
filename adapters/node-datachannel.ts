/** `xstate-mesh/adapters/node-datachannel`: links in Node over node-datachannel. */

export { nodeDatachannelLinkPort } from './webrtc-native.node.ts';
export type { NativeLinkOptions } from './webrtc-native.ts';
