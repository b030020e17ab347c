/**
 * What every way to exchange signals must do, as a suite that any adapter can be run against. It needs nothing but a
 * test runner's `describe` and `it`, and a hub (or whatever stands for one) behind the port.
 */
import type {
  PeerAd,
  PeerSignal,
  Presence,
  SignalingCommand,
  SignalingConnection,
  SignalingFact,
  SignalingPort,
} from '../../runtime/ports/signaling.ts';
import { type ContractRunner, check, until, type Waiting } from './contract.ts';

export interface SignalingHarness extends Waiting {
  readonly port: SignalingPort;
  /** Makes everything behind the port go away at once, as a hub that crashes does. */
  breakDown(): void | Promise<void>;
  /** Id and key of the suite's n-th peer, for ports that know them from signatures. Default: made up. */
  who?(n: number): { readonly id: string; readonly key: string };
  /** The port itself proves who a peer is. Default false. */
  readonly proves?: boolean;
  /** People carry its signals, and word of a peer comes with a text alone. Default false. */
  readonly manual?: boolean;
  /** Connections that the other side still holds: 0 is good. */
  leaks?(): number;
  dispose?(): void | Promise<void>;
}

const KEY = 'A'.repeat(43);
const presence = (harness: SignalingHarness, n: number): Presence => ({
  v: 1,
  key: harness.who?.(n).key ?? KEY,
  free: n,
  degree: 8 - n,
});
const idOf = (harness: SignalingHarness, n: number): string => harness.who?.(n).id ?? id(n);
const id = (n: number): string => n.toString(16).padStart(2, '0').repeat(20);
const ad = (n: number): PeerAd => ({ id: id(n), key: KEY, free: n, degree: 1 });
const ATTEMPT = '0190a1b2c3d4e5f60718';
const NETWORK = 'contract';

type FactOf<Type extends SignalingFact['type']> = Extract<SignalingFact, { type: Type }>;

/** One connection with everything that it reported. */
class Client {
  readonly facts: SignalingFact[] = [];
  readonly connection: SignalingConnection;
  readonly peerId: string;
  readonly #harness: SignalingHarness;
  synchronous = 0;
  #busy = true;

  constructor(harness: SignalingHarness, peerId: string) {
    this.#harness = harness;
    this.peerId = peerId;
    this.connection = harness.port.connect(peerId, (fact) => {
      if (this.#busy) this.synchronous++;
      this.facts.push(fact);
    });
    this.#busy = false;
  }

  send(command: SignalingCommand): boolean {
    this.#busy = true;
    const taken = this.connection.send(command);
    this.#busy = false;
    return taken;
  }

  close(): void {
    this.#busy = true;
    this.connection.close();
    this.#busy = false;
  }

  all<Type extends SignalingFact['type']>(type: Type): FactOf<Type>[] {
    return this.facts.filter((fact): fact is FactOf<Type> => fact.type === type);
  }

  async first<Type extends SignalingFact['type']>(
    type: Type,
    matches: (fact: FactOf<Type>) => boolean = () => true,
  ): Promise<FactOf<Type>> {
    const find = () => this.all(type).find(matches);
    await until(
      this.#harness,
      () => find() !== undefined || this.all('closed').length > 0,
      `${type} for ${this.peerId}`,
    );
    const fact = find();
    check(fact !== undefined, `closed before ${type}: ${JSON.stringify(this.facts.at(-1))}`);
    return fact;
  }

  async end(): Promise<FactOf<'closed'>> {
    this.close();
    const closed = await this.first('closed');
    await this.#harness.settle?.();
    this.checkEnd();
    return closed;
  }

  checkEnd(): void {
    check(this.all('closed').length === 1, `closed ${this.all('closed').length} times instead of once`);
    check(this.facts.at(-1)?.type === 'closed', `${this.facts.at(-1)?.type} came after closed`);
    check(this.synchronous === 0, `${this.synchronous} facts came within a call to the port`);
    check(!this.connection.send({ type: 'ping' }), 'a closed connection takes no commands');
  }
}

async function join(harness: SignalingHarness, n: number, network = NETWORK): Promise<Client> {
  const client = new Client(harness, idOf(harness, n));
  await client.first('welcome');
  check(
    client.send({ type: 'announce', network, presence: presence(harness, n) }),
    'an open connection takes commands',
  );
  return client;
}

/** Two announced peers that know of each other. */
async function joinTwo(harness: SignalingHarness): Promise<readonly [Client, Client]> {
  const one = await join(harness, 1);
  const two = await join(harness, 2);
  await one.first('peer', (fact) => fact.id === two.peerId);
  await two.first('peer', (fact) => fact.id === one.peerId);
  return [one, two];
}

const SIGNALS: Readonly<Record<string, PeerSignal>> = {
  offer: {
    kind: 'offer',
    attempt: ATTEMPT,
    sdp: 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n',
    key: KEY,
    random: true,
    degree: 3,
    cap: 8,
    free: 4,
    op: '0123456789abcdef',
    beacon: id(1),
  },
  'a plain offer': {
    kind: 'offer',
    attempt: ATTEMPT,
    sdp: 'ü'.repeat(4_000),
    key: KEY,
    random: false,
    degree: 0,
    cap: 2,
    free: 2,
  },
  answer: { kind: 'answer', attempt: ATTEMPT, sdp: 'v=0\r\n' },
  candidate: {
    kind: 'candidate',
    attempt: ATTEMPT,
    candidate: 'candidate:1 1 udp 2122260223 192.0.2.1 50000 typ host',
    sdpMid: '0',
    sdpMLineIndex: 0,
    usernameFragment: 'abcd',
  },
  'a candidate with nulls': {
    kind: 'candidate',
    attempt: ATTEMPT,
    candidate: 'candidate:2 1 udp 1 192.0.2.1 50001 typ host',
    sdpMid: null,
    sdpMLineIndex: null,
    usernameFragment: null,
  },
  refusal: { kind: 'refusal', attempt: ATTEMPT, code: 'FULL', alternatives: [ad(1), ad(2), ad(3), ad(4)] },
  'a refusal with a splice': {
    kind: 'refusal',
    attempt: ATTEMPT,
    code: 'SPLICE',
    alternatives: [],
    op: 'fedcba9876543210',
    via: [ad(5), ad(6)],
    random: true,
  },
  close: { kind: 'close', attempt: ATTEMPT, reason: 'handedOver' },
  'a close of an operation': { kind: 'close', attempt: ATTEMPT, reason: 'declined', op: '0123456789abcdef' },
};

/** The same plain data, whatever the order of its fields. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}

type Case = (harness: SignalingHarness) => Promise<void>;

const cases: Record<string, Case> = {
  'welcomes first, and closes once, last, when asked': async (harness) => {
    const client = new Client(harness, idOf(harness, 1));
    check(client.facts.length === 0, 'nothing is reported before connect has returned');
    await client.first('welcome');
    check(client.facts[0]?.type === 'welcome', 'welcome comes first');
    const closed = await client.end();
    check(closed.code === 1000, `an orderly close has code 1000, not ${closed.code}`);
    client.close();
    await harness.settle?.();
    client.checkEnd();
  },
  'closes before it was open': async (harness) => {
    const client = new Client(harness, idOf(harness, 1));
    await client.end();
  },
  'introduces peers of a network to each other, with their presence': async (harness) => {
    const [one, two] = await joinTwo(harness);
    const fact = await one.first('peer', (peer) => peer.id === two.peerId);
    check(fact.network === NETWORK && !fact.isHub, 'a plain peer of the network');
    check(fact.proven === (harness.proves ?? false), `proven: ${fact.proven}`);
    check(canonical(fact.presence) === canonical(presence(harness, 2)), `its presence: ${canonical(fact.presence)}`);
    await one.end();
    await two.end();
  },
  'keeps networks apart': async (harness) => {
    const one = await join(harness, 1, 'red');
    const two = await join(harness, 2, 'blue');
    const three = await join(harness, 3, 'red');
    await three.first('peer', (fact) => fact.id === one.peerId);
    two.send({ type: 'discover', network: 'blue' });
    await two.first('discovered');
    check(two.all('peer').length === 0, 'nobody of the other network');
    for (const client of [one, two, three]) await client.end();
  },
  'answers discover with the peers and then their count': async (harness) => {
    const [one, two] = await joinTwo(harness);
    const before = one.all('peer').length;
    check(one.send({ type: 'discover', network: NETWORK }), 'taken');
    const done = await one.first('discovered');
    check(done.network === NETWORK && done.count === 1, `one other peer, not ${done.count}`);
    check(done.networkSize === 2, `two peers in the network, not ${done.networkSize}`);
    check(one.all('peer').length === before + 1, 'the peer was named again');
    check(one.facts.indexOf(done) > one.facts.lastIndexOf(one.all('peer').at(-1) as SignalingFact), 'peers come first');
    await one.end();
    await two.end();
  },
  'takes what a peer says of itself with discover, and lets others know unless it is to be quiet': async (harness) => {
    if (harness.manual === true) return;
    const [one, two] = await joinTwo(harness);
    await until(harness, () => one.all('peer').length === 1, 'the introduction');
    const degreesHeard = (): (number | undefined)[] => one.all('peer').map((fact) => fact.presence?.degree);
    const discover = { type: 'discover', network: NETWORK } as const;
    two.send({ ...discover, presence: { ...presence(harness, 2), degree: 5 }, quiet: true });
    await two.first('discovered');
    one.send(discover);
    await one.first('discovered');
    check(degreesHeard().length === 2 && degreesHeard()[1] === 5, `told when asked, not before: ${degreesHeard()}`);
    two.send({ ...discover, presence: { ...presence(harness, 2), degree: 6 } });
    await until(harness, () => degreesHeard()[2] === 6, 'what is not quiet');
    await one.end();
    await two.end();
  },
  'tells those who knew a peer that it is gone, on goodbye and on close': async (harness) => {
    const [one, two] = await joinTwo(harness);
    const three = await join(harness, 3);
    await one.first('peer', (fact) => fact.id === three.peerId);
    two.send({ type: 'goodbye', network: NETWORK });
    const gone = await one.first('gone', (fact) => fact.id === two.peerId);
    check(gone.network === NETWORK, 'in that network');
    check(two.all('closed').length === 0, 'a goodbye leaves the connection open');
    two.send({ type: 'announce', network: NETWORK, presence: presence(harness, 2) });
    await until(harness, () => one.all('peer').filter((fact) => fact.id === two.peerId).length === 2, 'back again');
    two.send({ type: 'goodbye' });
    await until(harness, () => one.all('gone').filter((fact) => fact.id === two.peerId).length === 2, 'gone again');
    await three.end();
    await one.first('gone', (fact) => fact.id === three.peerId);
    await one.end();
    await two.end();
  },
  'carries a goodbye that was sent just before close': async (harness) => {
    const [one, two] = await joinTwo(harness);
    two.send({ type: 'goodbye' });
    two.close();
    await one.first('gone', (fact) => fact.id === two.peerId);
    await two.end();
    await one.end();
  },
  'carries every kind of signal unchanged, in order, with its sender': async (harness) => {
    const [one, two] = await joinTwo(harness);
    const sent = Object.entries(SIGNALS);
    for (const [, signal] of sent) one.send({ type: 'signal', network: NETWORK, to: two.peerId, signal });
    await until(harness, () => two.all('signal').length + one.all('refused').length >= sent.length, 'all signals');
    check(one.all('refused').length === 0, `refused: ${JSON.stringify(one.all('refused')[0])}`);
    for (const [i, [name, signal]] of sent.entries()) {
      const fact = two.all('signal')[i];
      check(fact?.from === one.peerId && fact.network === NETWORK, `${name}: sender and network`);
      check(canonical(fact.signal) === canonical(signal), `${name} unchanged: ${canonical(fact.signal)}`);
    }
    await one.end();
    await two.end();
  },
  'says when a signal cannot be delivered, and stays open': async (harness) => {
    const one = await join(harness, 1);
    one.send({ type: 'signal', network: NETWORK, to: id(99), signal: SIGNALS['answer'] as PeerSignal });
    const refused = await one.first('refused');
    check(refused.inReplyTo?.targetPeerId === id(99), 'names the target');
    check(refused.inReplyTo.attempt === ATTEMPT, 'names the attempt');
    one.send({ type: 'ping' });
    await one.first('pong');
    await one.end();
  },
  'answers a ping': async (harness) => {
    const client = new Client(harness, idOf(harness, 1));
    await client.first('welcome');
    client.send({ type: 'ping' });
    await client.first('pong');
    await client.end();
  },
  'reports closed once, with a reason, when the other side breaks down': async (harness) => {
    const [one, two] = await joinTwo(harness);
    await harness.breakDown();
    for (const client of [one, two]) {
      const closed = await client.first('closed');
      check(closed.code !== 1000 || closed.reason !== '', 'says what happened');
      await harness.settle?.();
      client.checkEnd();
    }
  },
  'reports closed, with a reason, when nobody answers at all': async (harness) => {
    await harness.breakDown();
    const client = new Client(harness, idOf(harness, 1));
    const closed = await client.first('closed');
    check(closed.code === 1006 && closed.reason !== '', `says what happened: ${JSON.stringify(closed)}`);
    await harness.settle?.();
    check(client.all('welcome').length === 0, 'no welcome');
    client.checkEnd();
  },
  'leaves nothing behind': async (harness) => {
    const [one, two] = await joinTwo(harness);
    await one.end();
    await two.end();
    await until(harness, () => (harness.leaks?.() ?? 0) === 0, 'the other side freed both connections');
  },
};

/** Runs the suite against what `makeHarness` makes, anew for each case. `without`: titles of cases that have no meaning for the port. */
export function signalingPortContract(
  name: string,
  makeHarness: () => SignalingHarness | Promise<SignalingHarness>,
  { describe, it }: ContractRunner,
  { without = [] }: { readonly without?: readonly string[] } = {},
): void {
  const unknown = without.filter((title) => !Object.hasOwn(cases, title));
  check(unknown.length === 0, `no such case: ${unknown[0]}`);
  describe(`signaling port contract: ${name}`, () => {
    for (const [title, run] of Object.entries(cases)) {
      if (without.includes(title)) continue;
      it(title, async () => {
        const harness = await makeHarness();
        try {
          await run(harness);
        } finally {
          await harness.dispose?.();
        }
      });
    }
  });
}
