/** Goal: simple-peer over @roamhq/wrtc keeps the contract of every link port: real WebRTC, in Node, over loopback. */
import { describe, it } from 'vitest';
import { roamhqLinkPort } from '../../adapters/webrtc-roamhq.ts';
import { linkPortContract } from './link-port.contract.ts';

linkPortContract(
  'simple-peer with @roamhq/wrtc',
  () => {
    const port = roamhqLinkPort();
    // The native threads report in turns of the event loop: a few of them stand for "nothing follows".
    const settle = async () => {
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    return { left: port, right: port, settle, dispose: () => port.dispose?.() };
  },
  { describe, it },
);
