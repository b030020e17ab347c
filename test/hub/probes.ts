/**
 * Numbered signals beside those of a mesh, over the mesh's own signaling sessions, so that it is known of each what became of
 * it. A ping goes behind each one: its pong says that the hub took the signal in. After that it has to arrive, or its sender
 * has to be told. Nothing of it reaches the mesh.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type {
  PeerSignal,
  SignalingCommand,
  SignalingConnection,
  SignalingFact,
  SignalingPort,
} from '../../runtime/ports/signaling.ts';

/** Attempts of meshes begin with the time: this one would be in the year 10889. */
const MARK = 'ffff';

export interface ProbeFigures {
  readonly sent: number;
  /** The hub answered the ping behind it. */
  readonly taken: number;
  readonly received: number;
  /** Taken, and their sender heard that they went nowhere. */
  readonly refused: number;
  readonly lost: number;
  readonly doubled: number;
}

export class Probes {
  readonly #network: string;
  readonly #taken = new Set<number>();
  readonly #received = new Map<number, number>();
  readonly #refused = new Set<number>();
  readonly #connections = new Map<PeerId, ProbedConnection>();
  #sent = 0;

  constructor(network: string) {
    this.#network = network;
  }

  /** The port with probes on its sessions. */
  on(port: SignalingPort): SignalingPort {
    const { elsewhere } = port;
    return {
      ...port,
      connect: (peerId, onFact) => new ProbedConnection(this, port, peerId, onFact),
      ...(elsewhere === undefined
        ? {}
        : {
            elsewhere: (url) => {
              const other = elsewhere(url);
              return other === undefined ? undefined : this.on(other);
            },
          }),
    };
  }

  /** One probe from a random client to another one. */
  send(): void {
    const ids = [...this.#connections.keys()];
    const from = Math.floor(Math.random() * ids.length);
    const to = (from + 1 + Math.floor(Math.random() * (ids.length - 1))) % ids.length;
    if (ids.length < 2) return;
    const attempt = `${MARK}${(this.#sent++).toString(16).padStart(16, '0')}`;
    const signal: PeerSignal = { kind: 'candidate', attempt, candidate: 'probe' };
    const probe = { type: 'signal', network: this.#network, to: ids[to] as PeerId, signal } as const;
    this.#connections.get(ids[from] as PeerId)?.probe(probe, attempt);
  }

  figures(): ProbeFigures {
    const answered = (n: number): boolean => this.#received.has(n) || this.#refused.has(n);
    return {
      sent: this.#sent,
      taken: this.#taken.size,
      received: this.#received.size,
      refused: this.#refused.size,
      lost: [...this.#taken].filter((n) => !answered(n)).length,
      doubled: [...this.#received.values()].filter((times) => times > 1).length,
    };
  }

  opened(peerId: PeerId, connection: ProbedConnection): void {
    this.#connections.set(peerId, connection);
  }
  closed(peerId: PeerId, connection: ProbedConnection): void {
    if (this.#connections.get(peerId) === connection) this.#connections.delete(peerId);
  }
  taken(attempt: string): void {
    this.#taken.add(numberOf(attempt));
  }
  received(attempt: string): void {
    const n = numberOf(attempt);
    this.#received.set(n, (this.#received.get(n) ?? 0) + 1);
  }
  refused(attempt: string): void {
    this.#refused.add(numberOf(attempt));
  }
}

const numberOf = (attempt: string): number => Number.parseInt(attempt.slice(MARK.length), 16);
const isProbe = (attempt: string | undefined): attempt is string => attempt?.startsWith(MARK) === true;

class ProbedConnection implements SignalingConnection {
  readonly #probes: Probes;
  readonly #peerId: PeerId;
  readonly #inner: SignalingConnection;
  /** Pings under way, in order: the probe before it, or undefined for one of the mesh. */
  readonly #pings: (string | undefined)[] = [];

  constructor(probes: Probes, port: SignalingPort, peerId: PeerId, onFact: (fact: SignalingFact) => void) {
    this.#probes = probes;
    this.#peerId = peerId;
    this.#inner = port.connect(peerId, (fact) => {
      if (!this.#takes(fact)) onFact(fact);
    });
  }

  probe(command: SignalingCommand, attempt: string): void {
    if (!this.#inner.send(command)) return;
    if (this.#inner.send({ type: 'ping' })) this.#pings.push(attempt);
  }

  send(command: SignalingCommand): boolean {
    const isSent = this.#inner.send(command);
    if (isSent && command.type === 'ping') this.#pings.push(undefined);
    return isSent;
  }

  close(): void {
    this.#probes.closed(this.#peerId, this);
    this.#inner.close();
  }

  /** Whether the fact is about a probe. */
  #takes(fact: SignalingFact): boolean {
    if (fact.type === 'discovered') this.#probes.opened(this.#peerId, this);
    if (fact.type === 'closed' || fact.type === 'draining') this.#probes.closed(this.#peerId, this);
    if (fact.type === 'pong') {
      const attempt = this.#pings.shift();
      if (attempt === undefined) return false;
      this.#probes.taken(attempt);
      return true;
    }
    if (fact.type === 'signal' && isProbe(fact.signal.attempt)) {
      this.#probes.received(fact.signal.attempt);
      return true;
    }
    if (fact.type === 'refused' && isProbe(fact.inReplyTo?.attempt)) {
      this.#probes.refused(fact.inReplyTo.attempt);
      return true;
    }
    return false;
  }
}
