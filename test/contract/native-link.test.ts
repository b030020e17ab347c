/** Goal: native links keep the contract of every link port over each implementation for Node, and link to simple-peer's. */
import { describe, it } from 'vitest';
import { nativeRoamhqLinkPort, nodeDatachannelLinkPort } from '../../adapters/webrtc-native.node.ts';
import { roamhqLinkPort } from '../../adapters/webrtc-roamhq.ts';
import { type LinkHarness, linkPortContract } from './link-port.contract.ts';

/** The native threads report in turns of the event loop: a few of them stand for "nothing follows". */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

function harness(left = nativeRoamhqLinkPort(), right = left, hasLanes = true): LinkHarness {
  const dispose = (): void => {
    left.dispose?.();
    right.dispose?.();
  };
  return { left, right, settle, hasLanes, dispose };
}

const runner = { describe, it };
linkPortContract('native with @roamhq/wrtc', () => harness(), runner);
linkPortContract('native with node-datachannel', () => harness(nodeDatachannelLinkPort()), runner);
linkPortContract('native, to simple-peer', () => harness(nativeRoamhqLinkPort(), roamhqLinkPort(), false), runner);
linkPortContract('simple-peer, to native', () => harness(roamhqLinkPort(), nativeRoamhqLinkPort(), false), runner);
linkPortContract(
  'one implementation to the other',
  () => harness(nativeRoamhqLinkPort(), nodeDatachannelLinkPort()),
  runner,
);
