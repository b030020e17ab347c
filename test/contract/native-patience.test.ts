/**
 * Goal: a native link whose signals people carry outlives the failure of ICE that comes when the other side takes minutes to
 * begin; any other link ends by it. Real WebRTC; only the failure, which takes ICE 16 s, is told early.
 */
import wrtc from '@roamhq/wrtc';
import { expect, it } from 'vitest';
import { nativeLinkPort } from '../../adapters/native.ts';
import type { NativeConnectionClass } from '../../adapters/webrtc-native.ts';
import type { Link, LinkPort } from '../../runtime/ports/link.ts';
import type { LinkSignal } from '../../runtime/ports/signaling.ts';
import { LEFT, RIGHT } from './link-ends.ts';

let hasFailed = false;
let last: RTCPeerConnection | undefined;

/** A real connection that says that its ICE has failed while `hasFailed`. */
function Failing(config: RTCConfiguration): RTCPeerConnection {
  const real: RTCPeerConnection = new wrtc.RTCPeerConnection(config);
  last = real;
  return new Proxy(real, {
    get(target, name) {
      if (name === 'iceConnectionState' && hasFailed) return 'failed';
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}
const port: LinkPort = nativeLinkPort({ RTCPeerConnection: Failing as unknown as NativeConnectionClass });

interface Heard {
  readonly link: Link;
  readonly opened: Promise<void>;
  readonly closed: Promise<Error | undefined>;
  readonly told: string[];
}

/** An end whose signals go to `other` as they come. */
function end(initiator: boolean, patient: boolean, other: (signal: LinkSignal) => void): Heard {
  const told: string[] = [];
  let open: () => void = () => undefined;
  let close: (error: Error | undefined) => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const closed = new Promise<Error | undefined>((resolve) => {
    close = resolve;
  });
  const ids = initiator ? { local: LEFT, remote: RIGHT } : { local: RIGHT, remote: LEFT };
  const link = port.open(
    { ...ids, initiator, patient },
    {
      onSignal: other,
      onOpen: open,
      onFrame: () => undefined,
      onDrain: () => undefined,
      onConnectivity: (state) => void told.push(state),
      onClosed: close,
    },
  );
  return { link, opened, closed, told };
}

it.each([true, false])('an end that is patient (%s) and sees ICE fail before the link opened', async (patient) => {
  hasFailed = false;
  // The answer waits, as a text does on somebody's desk.
  const held: LinkSignal[] = [];
  const offered: LinkSignal[] = [];
  let answered: () => void = () => undefined;
  const isAnswered = new Promise<void>((resolve) => {
    answered = resolve;
  });
  let toRight = (signal: LinkSignal): void => void offered.push(signal);
  const left = end(true, true, (signal) => toRight(signal));
  const right = end(false, patient, (signal) => {
    held.push(signal);
    if (signal.kind === 'answer') answered();
  });
  toRight = (signal) => right.link.signal(signal);
  for (const signal of offered) toRight(signal);
  await isAnswered;
  hasFailed = true;
  last?.dispatchEvent(new Event('iceconnectionstatechange'));
  // Its listeners hear it in a later turn.
  await new Promise((resolve) => setImmediate(resolve));
  hasFailed = false;
  if (patient) {
    for (const signal of held) left.link.signal(signal);
    await Promise.all([left.opened, right.opened]);
    expect(right.told).not.toContain('failed');
    left.link.close();
    right.link.close();
    await Promise.all([left.closed, right.closed]);
  } else {
    expect(await right.closed).toMatchObject({ code: 'LOST' });
    left.link.close();
    await left.closed;
  }
});
