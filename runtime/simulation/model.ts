/**
 * The typed model of a simulated network and its faults: what can go wrong, by how much, in plain data. Every figure is a
 * choice of a scenario, printed with its result, so that a run can be repeated and its knobs be read off.
 */
import type { SeededRandom } from './random-streams.ts';

/** A distribution of delays in ms. `lognormal` has a long tail, as paths through the Internet do. */
export type Delay =
  | { readonly kind: 'fixed'; readonly ms: number }
  | { readonly kind: 'uniform'; readonly minMs: number; readonly maxMs: number }
  | { readonly kind: 'lognormal'; readonly medianMs: number; readonly sigma: number; readonly maxMs: number };

/** How links and hubs behave when nothing is wrong. */
export interface NetworkModel {
  /** One way between two peers. Each peer draws half of it once (its access line), and a pair has the sum of its two ends. */
  readonly latency: Delay;
  /** Added to each frame, 0 to this many ms. Frames of one link keep their order. */
  readonly jitterMs: number;
  /** One way between a peer and a hub; each peer draws it once. */
  readonly hubLatency: Delay;
  /** From the offer to an open channel: signaling, ICE, DTLS and SCTP; a round trip after the answer is the least. Drawn for each link. */
  readonly setup: Delay;
  /**
   * ICE candidates that each end of a link gives out as signals of their own, 1 to 32. Measured on one interface with IPv4 and
   * IPv6: node-datachannel 2; @roamhq/wrtc 4 over TCP, where a link takes long. A browser has its own addresses in its
   * description, and gives out what STUN servers tell of each.
   */
  readonly candidates: number;
  /** Links can restart ICE, as browsers' can. False: they are dialed afresh and resume, as with simple-peer and node-datachannel. */
  readonly restart: boolean;
  /** Bytes per ms over one link; 0 = no bound. 1,250 are 10 Mbit/s. Fills `bufferedBytes`. */
  readonly bytesPerMs: number;
}

/** What goes wrong, as probabilities from 0 to 1 and times in ms. All zero: a perfect network. */
export interface FaultModel {
  /** Packet loss below the link's own reliability: SCTP sends again, so it costs time and holds up what is behind. */
  readonly packetLoss: number;
  /** First retransmission after this long, doubled with each further loss, at most 5 times. RFC 9260 starts at 1 s, browsers go down to 200 ms. */
  readonly retransmitMs: number;
  /** Frames lost above the link's reliability: a buffer overran, a process was too busy. */
  readonly frameLoss: number;
  /** Signals that a hub or a proxy loses, delivers twice, or delays by up to `signalDelayMs` so that later ones overtake them. */
  readonly signalLoss: number;
  readonly signalDuplication: number;
  readonly signalReordering: number;
  readonly signalDelayMs: number;
  /** Dials whose candidates never find each other: they cost the dialer its whole time-out. */
  readonly dialFailure: number;
  /** Share of pairs that can never connect, each way: symmetric NATs without a TURN server. */
  readonly natPairs: number;
  /** Peer clocks are off by up to this many ms, either way. */
  readonly clockSkewMs: number;
  /** Connections that one tab may have made and not yet collected. Chromium refuses the 501st. */
  readonly connectionsMax: number;
  /** A closed connection counts against `connectionsMax` for this long: until it is collected as garbage. */
  readonly collectMs: number;
}

export const PERFECT_FAULTS: FaultModel = {
  packetLoss: 0,
  retransmitMs: 200,
  frameLoss: 0,
  signalLoss: 0,
  signalDuplication: 0,
  signalReordering: 0,
  signalDelayMs: 1_000,
  dialFailure: 0,
  natPairs: 0,
  clockSkewMs: 0,
  connectionsMax: 500,
  collectMs: 10_000,
};

/** 10 to 50 ms between peers, 150 to 350 ms to set a link up, a browser's candidates: what the figures are measured with. */
export const DEFAULT_NETWORK: NetworkModel = {
  latency: { kind: 'uniform', minMs: 10, maxMs: 50 },
  jitterMs: 0,
  hubLatency: { kind: 'uniform', minMs: 10, maxMs: 50 },
  setup: { kind: 'uniform', minMs: 150, maxMs: 350 },
  candidates: 2,
  restart: true,
  bytesPerMs: 0,
};

/** How a peer's process gets its timers. */
export type TimerMode =
  | 'running'
  /** A background tab: timers fire on whole seconds only. */
  | 'perSecond'
  /** A background tab under intensive throttling: timers fire on whole minutes only. Messages still arrive. */
  | 'perMinute';

/** What may be counted in `faults`. */
export type FaultName =
  | 'packetsLost'
  | 'framesLost'
  | 'signalsLost'
  | 'signalsDuplicated'
  | 'signalsReordered'
  | 'dialsFailed'
  | 'natBlocked'
  | 'connectionsRefused'
  | 'crashes'
  | 'leaves'
  | 'joins'
  | 'sleeps'
  | 'freezes'
  | 'moves'
  | 'partitions'
  | 'heals'
  | 'hubKills'
  | 'hubRestarts'
  | 'adversaryFrames'
  | 'adversarySignals'
  /** Channels that opened for a peer with somebody else than it dialed or answered. */
  | 'channelsMisled';

/** One delay of a distribution, in ms with a resolution of 1/8 ms. */
export function drawDelay(delay: Delay, random: SeededRandom): number {
  switch (delay.kind) {
    case 'fixed':
      return delay.ms;
    case 'uniform':
      return eighths(delay.minMs + random.next() * (delay.maxMs - delay.minMs));
    case 'lognormal': {
      // Box and Muller (1958); 1 - next() is never 0.
      const normal = Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
      return eighths(Math.min(delay.maxMs, delay.medianMs * Math.exp(delay.sigma * normal)));
    }
  }
}

/** What no delay of a distribution is below, ms. */
export function leastDelay(delay: Delay): number {
  if (delay.kind === 'lognormal') return 0;
  return delay.kind === 'fixed' ? delay.ms : eighths(delay.minMs);
}

/** Sums of eighths are exact in binary, so that the order of additions never changes an instant. */
const eighths = (ms: number): number => Math.round(ms * 8) / 8;

/** Extra ms that lost packets cost one frame: each loss waits for a retransmission timer that doubles. */
export function retransmissionMs(faults: FaultModel, random: SeededRandom): { ms: number; losses: number } {
  let ms = 0;
  let losses = 0;
  while (losses < 5 && random.next() < faults.packetLoss) ms += faults.retransmitMs * 2 ** losses++;
  return { ms, losses };
}
