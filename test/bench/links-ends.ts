/** What the bench of links measures: bare connections, and the adapters' links, that signal each other by plain calls. */
import { nativeRoamhqLinkPort, nodeDatachannelLinkPort } from '../../adapters/webrtc-native.node.ts';
import { roamhqLinkPort } from '../../adapters/webrtc-roamhq.ts';
import type { Link, LinkPort } from '../../runtime/ports/link.ts';

export function portOf(implementation: string): LinkPort {
  if (implementation === 'node-datachannel') return nodeDatachannelLinkPort();
  return implementation === 'simple-peer' ? roamhqLinkPort() : nativeRoamhqLinkPort();
}

/** The RTCPeerConnection below an implementation. */
export async function bareClass(implementation: string): Promise<typeof RTCPeerConnection> {
  if (implementation !== 'node-datachannel') return (await import('@roamhq/wrtc')).default.RTCPeerConnection;
  const { RTCPeerConnection: bare } = await import('node-datachannel/polyfill');
  // Its class says it is the DOM's, and lacks some of what nobody uses here.
  return bare as unknown as typeof RTCPeerConnection;
}

export interface BarePair {
  readonly channels: readonly [RTCDataChannel, RTCDataChannel];
  close(): void;
}

/** Two connections with one open channel. */
export async function openBare(Bare: typeof RTCPeerConnection): Promise<BarePair> {
  const [a, b] = [new Bare({ iceServers: [] }), new Bare({ iceServers: [] })];
  const channelOf = (end: RTCPeerConnection): RTCDataChannel => {
    const channel = end.createDataChannel('bench', { negotiated: true, id: 0 });
    channel.binaryType = 'arraybuffer';
    return channel;
  };
  // A candidate that comes after the close is of no use to anybody.
  const pass = (to: RTCPeerConnection) => (event: RTCPeerConnectionIceEvent) =>
    void (event.candidate && to.addIceCandidate(event.candidate).catch(() => undefined));
  a.onicecandidate = pass(b);
  b.onicecandidate = pass(a);
  const from = channelOf(a);
  const offer = await a.createOffer();
  // The other end first: candidates flow as soon as a description is local.
  await b.setRemoteDescription(offer);
  await a.setLocalDescription(offer);
  const to = channelOf(b);
  const answer = await b.createAnswer();
  await a.setRemoteDescription(answer);
  await b.setLocalDescription(answer);
  await Promise.all(
    [from, to].map(
      (channel) =>
        new Promise<void>((resolve) => {
          if (channel.readyState === 'open') resolve();
          else channel.addEventListener('open', () => resolve());
        }),
    ),
  );
  const close = (): void => {
    a.close();
    b.close();
  };
  return { channels: [from, to], close };
}

export interface LinkPair {
  readonly left: Link;
  readonly right: Link;
  /** Resolves when both ends have closed. */
  close(): Promise<void>;
}

/** Two links of one port that stand. */
export async function openLinks(port: LinkPort, onFrame: (side: 'left' | 'right') => void): Promise<LinkPair> {
  const ends: { left?: Link; right?: Link } = {};
  const closings: Promise<void>[] = [];
  const openings: Promise<void>[] = [];
  const open = (side: 'left' | 'right', other: 'left' | 'right'): Link => {
    let opened: () => void = () => undefined;
    let failed: (error: Error) => void = () => undefined;
    let closed: () => void = () => undefined;
    openings.push(
      new Promise((resolve, reject) => {
        opened = resolve;
        failed = reject;
      }),
    );
    closings.push(
      new Promise((resolve) => {
        closed = resolve;
      }),
    );
    const ids = side === 'left' ? ['11', 'ee'] : ['ee', '11'];
    const [local = '', remote = ''] = ids.map((two) => two.repeat(20));
    return port.open(
      { local, remote, initiator: side === 'left' },
      {
        onSignal: (signal) => ends[other]?.signal(signal),
        onOpen: () => opened(),
        onFrame: () => onFrame(side),
        onDrain: () => undefined,
        onConnectivity: () => undefined,
        onClosed: (error) => {
          failed(error ?? new Error('Closed before it opened'));
          closed();
        },
      },
    );
  };
  ends.left = open('left', 'right');
  ends.right = open('right', 'left');
  const { left, right } = ends;
  await Promise.all(openings);
  return {
    left,
    right,
    close: async () => {
      left.close();
      await Promise.all(closings);
    },
  };
}
