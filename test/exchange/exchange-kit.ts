/** Exchanges that are joined by links of the test: frames go through the clock, buffers are what the test says. */
import type { ExchangeFact } from '../../machines/mesh/mesh.events.ts';
import { createExchange, type ExchangeOptions, type RunningExchange } from '../../runtime/exchange/exchange.ts';
import type { ChannelFact, DeliveryReceipt, Inlet, SpreadMessage, ToldMessage } from '../../runtime/ports/exchange.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import type { Link, LinkLane } from '../../runtime/ports/link.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { streams } from '../../runtime/simulation/random-streams.ts';
import { decodeFrame, encodeFrame, encodeMessage } from '../../runtime/wire/codec.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { fakePorts } from '../machines/harness.ts';

export const ATTEMPT = `${'0'.repeat(19)}1`;
export const OLDER = '0'.repeat(20);
export const REMOTE = 'b'.repeat(40);
export const THIRD = 'c'.repeat(40);

const UPKEEP: ReadonlySet<Message['type']> = new Set(['BEACON', 'GRAFT', 'PRUNE', 'IHAVE', 'WANT', 'DIGEST']);

/** A link whose send buffer the test fills and drains. */
export class TestLink implements Link {
  readonly sent: Uint8Array[] = [];
  readonly fingerprints = { local: 'ours', remote: 'theirs' };
  bufferedBytes = 0;
  /** Bytes that stay in the buffer with each frame: a remote that does not read. */
  keeps = false;
  onFrame: (frame: Uint8Array) => void = () => undefined;
  readonly lanes: 1 | 2;
  /** The lane of each frame sent. */
  readonly taken: LinkLane[] = [];
  constructor(lanes: 1 | 2 = 1) {
    this.lanes = lanes;
  }
  readonly signal = (): undefined => undefined;
  readonly close = (): undefined => undefined;
  readonly restart = (): undefined => undefined;
  send(frame: Uint8Array, lane: LinkLane = 'control'): boolean {
    this.sent.push(frame);
    this.taken.push(lane);
    if (this.keeps) this.bufferedBytes += frame.length;
    this.onFrame(frame);
    return true;
  }
  /** What was sent since the last call, decoded, without the beacons and trees of its upkeep. */
  take(): Message[] {
    return this.sent.splice(0).flatMap((frame) => {
      const decoded = decodeFrame(frame);
      if (!decoded.ok) throw new Error(decoded.error.why);
      return decoded.value.messages.filter(({ type }) => !UPKEEP.has(type));
    });
  }
}

export const frameOf = (...messages: Message[]): Uint8Array => encodeFrame(messages.map(encodeMessage));

/** Takes frames by the names of the channel that they come on, as a test has them. */
export interface TestExchange extends RunningExchange {
  receive(remote: string, attempt: string, frame: Uint8Array): void;
}

export function createTestExchange(options: ExchangeOptions): TestExchange {
  const exchange = createExchange(options);
  const inlets = new Map<string, Inlet>();
  const noting =
    (attach: RunningExchange['attach']): RunningExchange['attach'] =>
    (remote, attempt, ...rest) => {
      const inlet = attach(remote, attempt, ...rest);
      inlets.set(`${remote} ${attempt}`, inlet);
      return inlet;
    };
  return Object.assign(exchange, {
    attach: noting(exchange.attach),
    attachHeir: noting(exchange.attachHeir),
    receive(remote: string, attempt: string, frame: Uint8Array): void {
      const inlet = inlets.get(`${remote} ${attempt}`);
      if (inlet === undefined) throw new Error(`There was no channel ${attempt} of ${remote}`);
      inlet.receive(frame);
    },
  });
}

export interface Node {
  readonly id: string;
  readonly exchange: TestExchange;
  readonly facts: ExchangeFact[];
  readonly inbox: SpreadMessage[];
  /** What neighbours told it alone. */
  readonly told: ToldMessage[];
  readonly links: Map<string, TestLink>;
}

/** `identity`: who it is, in a network whose messages are signed. Without one nothing is signed. */
export function makeNode(clock: HeapClock, name: string, maxPeers = 8, identity?: Identity): Node {
  const random = streams(`exchange ${name}`).fork('peer');
  const ports = fakePorts({ clock, random, signing: identity !== undefined });
  const id = identity?.peerId ?? name.charCodeAt(0).toString(16).padStart(40, '0');
  const facts: ExchangeFact[] = [];
  const inbox: SpreadMessage[] = [];
  const told: ToldMessage[] = [];
  const exchange = createTestExchange({
    ports: {
      ...ports,
      identity: identity ?? { peerId: id, publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) },
    },
    network: 'n',
    maxPeers,
    report: (fact) => {
      if (fact.type !== 'inbox') return void facts.push(fact);
      for (const message of fact.messages) {
        if (message.kind === 'link') told.push(message);
        else inbox.push(message);
      }
    },
  });
  return { id, exchange, facts, inbox, told, links: new Map() };
}

/** Joins two nodes by an admitted link of 10 ms. */
export function join(clock: HeapClock, a: Node, b: Node): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const link = new TestLink();
    link.onFrame = (frame) => void clock.setTimeout(() => to.exchange.receive(from.id, ATTEMPT, frame.slice()), 10);
    from.links.set(to.id, link);
    from.exchange.attach(to.id, ATTEMPT, link, () => undefined);
    from.exchange.admit(to.id, ATTEMPT);
  }
}

/** A row of nodes, each linked to the next. */
export function row(names: string): { clock: HeapClock; nodes: Node[] } {
  const clock = new HeapClock(1_000_000);
  const nodes = [...names].map((name) => makeNode(clock, name));
  for (let i = 1; i < nodes.length; i++) join(clock, nodes[i - 1] as Node, nodes[i] as Node);
  return { clock, nodes };
}

/** One exchange with one attached link that the test speaks for. */
export function single(options: { readonly admitted?: boolean } = {}) {
  const clock = new HeapClock(1_000_000);
  const node = makeNode(clock, 'a');
  const link = new TestLink();
  const told: ChannelFact[] = [];
  node.exchange.attach(REMOTE, ATTEMPT, link, (fact) => told.push(fact));
  if (options.admitted !== false) node.exchange.admit(REMOTE, ATTEMPT);
  // What every link begins with.
  link.sent.length = 0;
  const receive = (...messages: Message[]) => node.exchange.receive(REMOTE, ATTEMPT, frameOf(...messages));
  const types = () => node.facts.map(({ type }) => type);
  const count = (name: string) => node.exchange.counters()[name] ?? 0;
  return { clock, node, exchange: node.exchange, link, told, receive, types, count };
}

/** The end of a direct message, written down. */
export function settled() {
  const receipts: DeliveryReceipt[] = [];
  const errors: { code?: string; message: string }[] = [];
  return {
    receipts,
    errors,
    done: (receipt: DeliveryReceipt) => void receipts.push(receipt),
    failed: (error: Error) => void errors.push(error),
  };
}
