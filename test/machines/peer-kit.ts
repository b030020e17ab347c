import { expect } from 'vitest';
import { peerMachine } from '../../machines/peer/peer.machine.ts';
import { DIAL_TIMEOUT_MS, HANDSHAKE_TIMEOUT_MS } from '../../machines/shared/limits.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import type { OfferSignal } from '../../runtime/ports/signaling.ts';
import { Coverage, fakePort, fakePorts, runUnderParent } from './harness.ts';

export const coverage = new Coverage(peerMachine);
export const LOW = `1${'0'.repeat(39)}`;
export const HIGH = `f${'0'.repeat(39)}`;
export const attempt = (n: number): string => `${n.toString(16).padStart(12, '0')}00000000`;
export const OURS = attempt(100);
export const offer = (n: number, more: Partial<OfferSignal> = {}): OfferSignal => ({
  kind: 'offer',
  attempt: attempt(n),
  sdp: `offer ${n}`,
  key: '',
  random: false,
  degree: 0,
  cap: 8,
  free: 8,
  ...more,
});
export const hello = (id: string, of: string, more: object = {}) => ({
  type: 'hello.received',
  hello: { type: 'HELLO', peerId: id, attempt: of, mark: of, random: false, cap: 4, features: [], ...more },
});
export const refusal = (of: string, code = 'FULL', more: object = {}) => ({
  type: 'signal.refusal',
  signal: { kind: 'refusal', attempt: of, code, alternatives: [], ...more },
});
export const answer = (of: string) => ({
  type: 'signal.answer',
  signal: { kind: 'answer', attempt: of, sdp: 'answer' },
});
export const candidate = (of: string) => ({
  type: 'signal.candidate',
  signal: { kind: 'candidate', attempt: of, candidate: 'c' },
});
export const close = (of: string) => ({
  type: 'signal.close',
  signal: { kind: 'close', attempt: of, reason: 'disconnected' },
});
export const CLOSED = { type: 'link.closed', error: undefined };

export interface Options {
  readonly self?: string;
  readonly remote?: string;
  readonly offer?: OfferSignal;
  readonly op?: string;
  /** People carry the signals. */
  readonly patienceMs?: number;
  readonly link?: ReturnType<typeof fakePort>;
  /** The port can restart ICE. */
  readonly restart?: boolean;
}

export function start(options: Options = {}) {
  const { self = HIGH, remote = LOW, link = fakePort() } = options;
  const identity: Identity = { peerId: self, publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) };
  const base = fakePorts({ identity });
  const capabilities = { restart: options.restart ?? false, rollback: false, media: false };
  const ports = { ...base, link: { ...base.link, capabilities } };
  const machine = peerMachine.provide({ actors: { link: link.logic } as never });
  const input = {
    ports,
    remote,
    attempt: options.offer?.attempt ?? OURS,
    mark: OURS,
    random: options.offer?.random ?? false,
    cap: 8,
    dialTimeoutMs: DIAL_TIMEOUT_MS,
    ...(options.op === undefined ? {} : { op: options.op }),
    ...(options.patienceMs === undefined ? {} : { patienceMs: options.patienceMs }),
    ...(options.offer === undefined ? {} : { offer: options.offer }),
  };
  const run = runUnderParent(machine, input, ports.clock, coverage.inspect);
  const types = () => run.take().map((report) => (report.type === 'peer.signals' ? report.signal.kind : report.type));
  const taken = () => link.last.commands.filter(({ type }) => type === 'link.take').map(({ signal }) => signal.attempt);
  return { run, link, types, taken, remote };
}
export type Peer = ReturnType<typeof start>;

/** A link that stands, dialed by us unless it begins with an offer. */
export function connect(options: Options = {}, more: object = {}): Peer {
  const peer = start(options);
  open(peer, more);
  expect(peer.run.value).toEqual({ link: { connected: { health: 'healthy', hold: 'free' } } });
  return peer;
}
export function open({ run, link, remote }: Peer, more: object = {}): void {
  link.last.tell({ type: 'link.opened' });
  run.send(hello(remote, run.context.memory.attempt, more));
  if (link.last.commands.at(-1)?.type === 'link.prove') link.last.tell({ type: 'link.proven' });
}

/** The channel is open and HELLOs fit; who says so is still to be shown. */
export function proving(options: Options = {}): Peer {
  const peer = start(options);
  peer.link.last.tell({ type: 'link.opened' });
  peer.run.send(hello(peer.remote, peer.run.context.memory.attempt, { random: options.offer?.random ?? false }));
  expect(peer.run.value).toEqual({ link: 'proving' });
  return peer;
}

/** Every way in which an attempt fails, by what brings it about. */
export const FAILURES: Record<string, (peer: Peer) => void> = {
  'no answer in time': ({ run }) => run.clock.runFor(DIAL_TIMEOUT_MS),
  'the link closed': ({ link }) => link.last.tell({ type: 'link.closed', error: 'ice failed' }),
  'the remote closed': ({ run }) => run.send(close(run.context.memory.attempt)),
  'the hub cannot deliver': ({ run }) =>
    run.send({ type: 'signal.undeliverable', attempt: run.context.memory.attempt }),
  'the hub cannot deliver something': ({ run }) => run.send({ type: 'signal.undeliverable', attempt: undefined }),
  'no HELLO in time': ({ run, link }) => {
    link.last.tell({ type: 'link.opened' });
    run.clock.runFor(HANDSHAKE_TIMEOUT_MS);
  },
  'a HELLO of another peer': (peer) => {
    peer.link.last.tell({ type: 'link.opened' });
    peer.run.send(hello(HIGH, peer.run.context.memory.attempt));
  },
  'a HELLO of another attempt': (peer) => open(peer, { attempt: attempt(7) }),
  'a HELLO of another role': (peer) => open(peer, { random: true }),
  'a farewell instead of HELLO': ({ run, link }) => {
    link.last.tell({ type: 'link.opened' });
    run.send({ type: 'link.farewell', reason: 'evicted', alternatives: [] });
  },
  'a link that closes while proving': (peer) => {
    peer.link.last.tell({ type: 'link.opened' });
    peer.run.send(hello(peer.remote, peer.run.context.memory.attempt));
    peer.link.last.tell(CLOSED);
  },
  'a link that closes while greeting': ({ link }) => {
    link.last.tell({ type: 'link.opened' });
    link.last.tell(CLOSED);
  },
};

/** States in which a peer may be given up, and how the remote hears of it. */
export const RELEASED_IN: Record<string, { readonly make: () => Peer; readonly told: 'close' | 'CLOSE' | 'nothing' }> =
  {
    dialing: { make: () => start(), told: 'close' },
    answering: { make: () => start({ offer: offer(50) }), told: 'close' },
    handshaking: {
      make: () => {
        const peer = start();
        peer.link.last.tell({ type: 'link.opened' });
        return peer;
      },
      told: 'CLOSE',
    },
    proving: { make: () => proving(), told: 'CLOSE' },
    refusing: {
      make: () => {
        const peer = proving();
        peer.link.last.tell({ type: 'link.unproven', code: 'PROOF_FAILED' });
        return peer;
      },
      told: 'nothing',
    },
    connected: { make: () => connect(), told: 'CLOSE' },
    backingOff: {
      make: () => {
        const peer = start();
        peer.run.send(refusal(OURS));
        return peer;
      },
      told: 'nothing',
    },
  };
