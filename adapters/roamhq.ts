/** `xstate-mesh/adapters/roamhq`: links in Node. */
export { type RoamhqLinkPortOptions, roamhqLinkPort } from './webrtc-roamhq.ts';
