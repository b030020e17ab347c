/** `xstate-mesh/adapters/roamhq`: links in Node over @roamhq/wrtc, by simple-peer or without a wrapper. */

export { nativeRoamhqLinkPort } from './webrtc-native.node.ts';
export type { NativeLinkOptions } from './webrtc-native.ts';
export { type RoamhqLinkPortOptions, roamhqLinkPort } from './webrtc-roamhq.ts';
