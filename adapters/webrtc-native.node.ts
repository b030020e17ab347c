/**
 * Native links in Node: over @roamhq/wrtc, or over node-datachannel. Each is loaded with the first link, so that a missing
 * binary is a link's error and costs nobody else anything.
 */
import type { LinkPort } from '../runtime/ports/link.ts';
import { loadRoamhqEngine } from './roamhq-engine.ts';
import {
  createNativePort,
  type NativeConnectionClass,
  type NativeLinkOptions,
  type NativeParts,
  type NativeTraits,
} from './webrtc-native.ts';

/** Its UDP candidates come within a millisecond, those over TCP after a tenth of a second. */
const ROAMHQ: NativeTraits = {
  capabilities: { restart: true, rollback: true, media: true },
  gathersWithinMs: 3,
  statesLag: true,
};
const NODE_DATACHANNEL: NativeTraits = {
  capabilities: { restart: false, rollback: false, media: false },
  offererSpeaksFirst: true,
};

async function loadRoamhq(): Promise<NativeParts> {
  const { RTCPeerConnection } = await loadRoamhqEngine();
  // Its types are the DOM's, which say more than is used.
  return { RTCPeerConnection: RTCPeerConnection as unknown as NativeConnectionClass };
}

/**
 * What SCTP takes at once, for every connection of the process, instead of a megabyte. A control frame waits behind it: it
 * took 7 to 16 ms where it had taken 30 to 120 ms, and bulk went at 83 MB/s instead of 54. Over a path of 100 ms it is 5 MB/s.
 */
const SCTP_SEND_BYTES = 524_288;

async function loadNodeDatachannel(): Promise<NativeParts> {
  const [{ setSctpSettings }, { RTCPeerConnection }] = await Promise.all([
    import('node-datachannel'),
    import('node-datachannel/polyfill'),
  ]);
  setSctpSettings({ sendBufferSize: SCTP_SEND_BYTES });
  // Its types are the DOM's, which say more than is used.
  return { RTCPeerConnection: RTCPeerConnection as unknown as NativeConnectionClass };
}

/** Links over @roamhq/wrtc (libwebrtc) without a wrapper. It restarts ICE and carries media. */
export function nativeRoamhqLinkPort(options: NativeLinkOptions = {}): LinkPort {
  return createNativePort({ name: 'native', ...options, traits: ROAMHQ, load: loadRoamhq });
}

/** Links over node-datachannel (libdatachannel). It restarts no ICE: a lost link is dialed afresh. */
export function nodeDatachannelLinkPort(options: NativeLinkOptions = {}): LinkPort {
  return createNativePort({
    name: 'node-datachannel',
    ...options,
    traits: NODE_DATACHANNEL,
    load: loadNodeDatachannel,
  });
}
