/** The WebRTC implementations that `--rtc` names. What cannot be loaded on this platform is told before any peer starts. */
import { MeshError } from '../errors.ts';
import type { LinkPort } from '../ports/link.ts';

export const RTC_NAMES = ['simple-peer', 'roamhq', 'node-datachannel', 'native'] as const;

/** The link port of that name; undefined when there is none. `native` is @roamhq/wrtc without a wrapper, like `roamhq`. */
export async function linkPort(name: string): Promise<LinkPort | undefined> {
  switch (name) {
    case 'simple-peer': {
      await loading('@roamhq/wrtc', () => import('@roamhq/wrtc'));
      const { roamhqLinkPort } = await import('../../adapters/webrtc-roamhq.ts');
      return roamhqLinkPort({ name });
    }
    case 'roamhq':
    case 'native': {
      await loading('@roamhq/wrtc', () => import('@roamhq/wrtc'));
      const { nativeRoamhqLinkPort } = await import('../../adapters/webrtc-native.node.ts');
      return nativeRoamhqLinkPort({ name });
    }
    case 'node-datachannel': {
      await loading(name, () => import('node-datachannel/polyfill'));
      const { nodeDatachannelLinkPort } = await import('../../adapters/webrtc-native.node.ts');
      return nodeDatachannelLinkPort();
    }
    default:
      return undefined;
  }
}

async function loading(what: string, load: () => Promise<unknown>): Promise<void> {
  try {
    await load();
  } catch (cause) {
    throw new MeshError('PORT_MISSING', `${what} cannot be loaded on this platform: ${String(cause)}`, { cause });
  }
}
