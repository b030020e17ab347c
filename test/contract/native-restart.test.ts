/**
 * Goal: a link whose path is cut comes back by a restart of ICE over another path, whether or not its ends have noticed the
 * cut yet, and nothing that was sent is lost. Real WebRTC; the first path leads through UDP relays of the test, which can
 * drop everything.
 */
import { createSocket, type Socket } from 'node:dgram';
import { afterEach, expect, it } from 'vitest';
import { nativeRoamhqLinkPort } from '../../adapters/webrtc-native.node.ts';
import type { LinkSignal } from '../../runtime/ports/signaling.ts';
import { until } from './contract.ts';
import { closePair, End, type LinkHarness, patterned, same } from './link-ends.ts';

/** `candidate:foundation component udp priority address port typ …` over IPv4. */
const UDP = /^(candidate:\S+ \d+ udp \d+) (\d+\.\d+\.\d+\.\d+) (\d+) (.*)$/i;
const relays: Socket[] = [];
let isCut = false;

afterEach(() => {
  isCut = false;
  for (const relay of relays.splice(0)) relay.close();
});

/** A port that stands for `address:port`: what others send there is passed on, and the other way round. */
async function relayTo(address: string, port: number): Promise<number> {
  const relay = createSocket('udp4');
  relays.push(relay);
  let other: { readonly port: number; readonly address: string } | undefined;
  relay.on('message', (bytes, from) => {
    if (isCut) return;
    if (from.port !== port) {
      other = from;
      relay.send(bytes, port, address);
    } else if (other !== undefined) {
      relay.send(bytes, other.port, other.address);
    }
  });
  await new Promise<void>((resolve) => relay.bind(0, address, resolve));
  return relay.address().port;
}

/** The candidate as it leads through a relay; undefined when it cannot be led there. */
async function relayedCandidate(candidate: string): Promise<string | undefined> {
  const match = UDP.exec(candidate);
  if (match === null) return undefined;
  const [, head = '', address = '', port = '', tail = ''] = match;
  return `${head} ${address} ${await relayTo(address, Number(port))} ${tail}`;
}

/** Signals as they are, but candidates lead through relays, those inside of descriptions too. What cannot is not passed on. */
function throughRelays(to: End): (signal: LinkSignal) => Promise<void> {
  return async (signal) => {
    if (signal.kind === 'candidate') {
      const candidate = await relayedCandidate(signal.candidate);
      if (candidate !== undefined) to.signal({ ...signal, candidate });
      return;
    }
    const lines: string[] = [];
    for (const line of signal.sdp.split('\r\n')) {
      if (!line.startsWith('a=candidate:')) lines.push(line);
      else {
        const candidate = await relayedCandidate(line.slice('a='.length));
        if (candidate !== undefined) lines.push(`a=${candidate}`);
      }
    }
    to.signal({ ...signal, sdp: lines.join('\r\n') });
  };
}

/** Both ends of an open link whose path is cut, with frames on their way from the left that cannot arrive. */
async function cutOff(harness: LinkHarness): Promise<{ left: End; right: End; frames: Uint8Array[] }> {
  const left = new End(harness.left, true);
  const right = new End(harness.right, false);
  left.onSignal = throughRelays(right);
  right.onSignal = throughRelays(left);
  await until(harness, () => left.opens + right.opens === 2, 'both ends open');
  isCut = true;
  const frames = [1, 2, 3].map((n) => patterned(3_000, n));
  for (const frame of frames) expect(left.link.send(frame)).toBe(true);
  return { left, right, frames };
}

const lastOf = (end: End): string | undefined => end.connectivity.at(-1);

/** libwebrtc says `disconnected` after 5 s, or nothing before `failed` after 15 s: its last pair may count as writable. */
async function lostSight(harness: LinkHarness, left: End, right: End): Promise<void> {
  const isLost = (end: End): boolean => lastOf(end) === 'disconnected' || lastOf(end) === 'failed';
  await until(harness, () => isLost(left) && isLost(right), 'both ends lose sight').catch((error: unknown) => {
    throw new Error(`left: ${left.connectivity.join()}; right: ${right.connectivity.join()}`, { cause: error });
  });
}

it.each([
  { side: 'left', isNoticed: true },
  { side: 'right', isNoticed: false },
] as const)(
  'a cut path is left behind by a restart from the $side, noticed: $isNoticed',
  async ({ side, isNoticed }) => {
    const port = nativeRoamhqLinkPort();
    const harness: LinkHarness = { left: port, right: port };
    const { left, right, frames } = await cutOff(harness);
    if (isNoticed) await lostSight(harness, left, right);
    expect(right.frames).toEqual([]);
    // The new path is direct; the old one stays cut.
    left.onSignal = (signal) => right.signal(signal);
    right.onSignal = (signal) => left.signal(signal);
    (side === 'left' ? left : right).link.restart();
    await until(harness, () => lastOf(left) === 'connected' && lastOf(right) === 'connected', 'both ends are back');
    await until(harness, () => right.frames.length === frames.length, 'what was sent meanwhile');
    for (const [n, frame] of frames.entries()) expect(same(right.frames[n], frame)).toBe(true);
    await closePair(harness, { left, right });
  },
);
