/**
 * Peers that mind their own business while a hub is attacked: each relays numbered signals to the others, and a ledger says
 * of every signal whether it came, to whom and under whose name. Half of them have proven their id.
 */
import { type ClientOptions, WebSocket } from 'ws';
import { createIdentity, toBase64Url } from '../../../runtime/identity/index.ts';
import type { Identity } from '../../../runtime/ports/identity.ts';
import { hubProofText } from '../../../runtime/wire/signaling-frames.ts';

export const NETWORK = 'siege';
const SDP = 'x'.repeat(500);

/** What attackers would have the hub pass on: signals, and the end of somebody who is there. */
const RELAYED = new Set(['offer', 'answer', 'ice-candidate', 'peer-disconnected']);

type Frame = { readonly type: string; readonly fromPeerId?: string; readonly targetPeerId?: string } & Readonly<
  Record<string, unknown>
>;

/** One peer with one socket. */
export class Bystander {
  readonly identity: Identity;
  readonly peerId: string;
  /** What the hub said that it should not have said to one who keeps to the rules. */
  readonly complaints: string[] = [];
  readonly #socket: WebSocket;
  readonly #waiting: { readonly type: string; resolve(frame: Frame): void; reject(error: Error): void }[] = [];
  #onSignal: (frame: Frame) => void = () => undefined;
  #isLeaving = false;

  private constructor(url: string, identity: Identity, options: ClientOptions) {
    this.identity = identity;
    this.peerId = identity.peerId;
    this.#socket = new WebSocket(`${url}/?peerId=${this.peerId}`, { perMessageDeflate: false, ...options });
    this.#socket.on('message', (bytes) => this.#heard(JSON.parse(String(bytes)) as Frame));
    this.#socket.on('error', () => undefined); // its close follows, and is what counts
    this.#socket.on('close', (code, reason) => {
      if (!this.#isLeaving) this.complaints.push(`closed: ${code} ${reason}`);
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`closed: ${code} ${reason}`));
    });
  }

  /** Opens, proves the id where wanted, announces; resolves when the hub has taken all of it. Rejects when it is refused. */
  static async join(
    url: string,
    identity: Identity,
    isProving: boolean,
    options: ClientOptions = {},
  ): Promise<Bystander> {
    const peer = new Bystander(url, identity, options);
    const connected = (await peer.#next('connected')) as unknown as { data: { mesh: { nonce: string } } };
    if (isProving) {
      const text = hubProofText(new URL(url).host, peer.peerId, connected.data.mesh.nonce);
      const sig = toBase64Url(await identity.sign(new TextEncoder().encode(text)));
      const proven = peer.#next('proven');
      peer.send({ type: 'prove', data: { key: toBase64Url(identity.publicKey), sig } });
      await proven;
    }
    peer.send({ type: 'announce', networkName: NETWORK, data: { peerId: peer.peerId } });
    await peer.settle();
    return peer;
  }

  #heard(frame: Frame): void {
    if (RELAYED.has(frame.type)) this.#onSignal(frame);
    else if (frame.type === 'error') this.complaints.push(`error: ${String(frame['code'])}`);
    const at = this.#waiting.findIndex(({ type }) => type === frame.type);
    if (at >= 0) this.#waiting.splice(at, 1)[0]?.resolve(frame);
  }

  #next(type: string): Promise<Frame> {
    return new Promise((resolve, reject) => this.#waiting.push({ type, resolve, reject }));
  }

  hear(onSignal: (frame: Frame) => void): void {
    this.#onSignal = onSignal;
  }
  send(frame: object): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }
  /** All that was sent so far was handled, and all that was sent to it before has come. */
  async settle(): Promise<void> {
    const pong = this.#next('pong');
    this.send({ type: 'ping' });
    await pong;
  }
  leave(): void {
    this.#isLeaving = true;
    this.#socket.terminate();
  }
}

export interface Outcome {
  readonly sent: number;
  /** Never came. */
  readonly lost: number;
  /** Came to another peer, twice, or under another name than its sender's. */
  readonly false: number;
  /** Errors and closes that bystanders got, and what failed when one of them came back. */
  readonly complaints: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
}

interface Sent {
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
}

/** The crowd and its ledger. */
export class Bystanders {
  readonly #url: string;
  readonly #peers: readonly Bystander[];
  readonly #underWay = new Map<number, Sent>();
  readonly #identity = createIdentity();
  #returner: Bystander | undefined;
  #latencies: number[] = [];
  #false = 0;
  #sent = 0;

  private constructor(url: string, peers: readonly Bystander[]) {
    this.#url = url;
    this.#peers = peers;
    for (const peer of peers) peer.hear((frame) => this.#arrived(peer, frame));
  }

  static async start(url: string, count: number): Promise<Bystanders> {
    const peers: Bystander[] = [];
    for (let i = 0; i < count; i++) peers.push(await Bystander.join(url, createIdentity(), i % 2 === 0));
    const crowd = new Bystanders(url, peers);
    await crowd.#comeBack();
    return crowd;
  }

  /** Whom attackers know: the crowd, and the one who comes and goes, who is last. */
  get ids(): string[] {
    return [...this.#peers.map(({ peerId }) => peerId), this.#identity.peerId];
  }

  #arrived(at: Bystander, frame: Frame): void {
    const { n, peerId } = (frame['data'] ?? {}) as { n?: number; peerId?: string };
    if (frame.type === 'peer-disconnected') {
      if (this.#peers.some((peer) => peer.peerId === peerId)) this.#false++;
      return;
    }
    const isOurs = [...this.ids, 'system'].some((id) => id === frame.fromPeerId);
    // A stranger in the network may say what it likes, in its own name and to whom it names.
    if (!isOurs && frame.targetPeerId === at.peerId) return;
    const sent = n === undefined ? undefined : this.#underWay.get(n);
    if (sent === undefined || sent.to !== at.peerId || sent.from !== frame.fromPeerId) {
      this.#false++;
      return;
    }
    this.#latencies.push(performance.now() - sent.atMs);
    this.#underWay.delete(n as number); // found by it
  }

  #sendOne(): void {
    const count = this.#peers.length;
    const from = this.#peers[this.#sent % count] as Bystander;
    const to = this.#peers[(this.#sent + 1 + (Math.floor(this.#sent / count) % (count - 1))) % count] as Bystander;
    const n = this.#sent++;
    this.#underWay.set(n, { from: from.peerId, to: to.peerId, atMs: performance.now() });
    from.send({ type: 'offer', networkName: NETWORK, targetPeerId: to.peerId, data: { n, sdp: SDP } });
  }

  /** The one who comes and goes: its id is free for a moment, and it takes it back from whoever sits on it. */
  async #comeBack(): Promise<string[]> {
    const former = this.#returner;
    former?.leave();
    try {
      this.#returner = await Bystander.join(this.#url, this.#identity, true);
    } catch (error) {
      this.#returner = undefined;
      return [`could not come back: ${error instanceof Error ? error.message : String(error)}`];
    }
    return former?.complaints ?? [];
  }

  /** `count` signals at `perSecond`, `returns` comings and goings among them; resolves when each is accounted for. */
  async relay(count: number, perSecond: number, returns = 3): Promise<Outcome> {
    this.#latencies = [];
    this.#false = 0;
    this.#underWay.clear();
    const failed: string[] = [];
    // One after the other: two at a time would take the id from each other.
    let comings = Promise.resolve();
    const until = this.#sent + count;
    const startMs = performance.now();
    await new Promise<void>((resolve) => {
      const first = this.#sent;
      let returned = 0;
      const timer = setInterval(() => {
        const due = Math.min(until, first + Math.ceil(((performance.now() - startMs) * perSecond) / 1_000));
        while (this.#sent < due) this.#sendOne();
        if (returned < returns && this.#sent - first >= (count * (returned + 1)) / (returns + 1)) {
          returned++;
          comings = comings.then(async () => void failed.push(...(await this.#comeBack())));
        }
        if (this.#sent < until) return;
        clearInterval(timer);
        resolve();
      }, 1);
    });
    await comings;
    // First each sender's are taken in by the hub, then each receiver's have come.
    for (let i = 0; i < 2; i++) await Promise.allSettled(this.#peers.map((peer) => peer.settle()));
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      sent: count,
      lost: this.#underWay.size,
      false: this.#false,
      complaints: [...failed, ...this.#peers.flatMap((peer) => peer.complaints.splice(0))],
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  }

  end(): void {
    for (const peer of this.#peers) peer.leave();
    this.#returner?.leave();
  }
}
