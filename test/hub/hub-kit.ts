/** What the hub's tests share: hubs on free ports, and clients that wait for frames instead of for time. */
import { once } from 'node:events';
import { afterEach } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { createHubActor, type HubActor, type HubOptions } from '../../hub/index.ts';
import { createIdentity, toBase64Url } from '../../runtime/identity/index.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import { hubProofText } from '../../runtime/wire/signaling-frames.ts';

export type Frame = { readonly type: string } & Readonly<Record<string, unknown>>;
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

const hubs: HubActor[] = [];
const clients: HubClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  for (const hub of hubs.splice(0)) await hub.shutdown();
});

export interface RunningHub {
  readonly hub: HubActor;
  readonly url: string;
  readonly http: string;
  readonly port: number;
}

/** A hub on a free port that ends with the test. */
export async function startHub(options: HubOptions = {}): Promise<RunningHub> {
  const hub = createHubActor({ port: 0, ...options });
  hubs.push(hub);
  const { url, http, port } = await hub.start().listening();
  return { hub, url, http, port };
}

/** A made-up peer id: `tail` in hex behind zeros. */
export const idOf = (tail: number): string => tail.toString(16).padStart(40, '0');

/** One socket. Frames are kept in order; `next` hands each out once. */
export class HubClient {
  readonly socket: WebSocket;
  readonly peerId: string;
  readonly frames: Frame[] = [];
  readonly closed: Promise<Closed>;
  #read = 0;
  #waiting: (() => void)[] = [];
  #isClosed = false;

  constructor(url: string, peerId: string, options: ClientOptions = {}) {
    this.peerId = peerId;
    this.socket = new WebSocket(`${url}/?peerId=${peerId}`, options);
    clients.push(this);
    this.socket.on('message', (data) => {
      this.frames.push(JSON.parse(String(data)) as Frame);
      this.#wake();
    });
    this.socket.on('error', () => this.#wake());
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.#isClosed = true;
        resolve({ code, reason: String(reason) });
        this.#wake();
      });
    });
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The next unread frame of that type; those before it count as read. Fails when the socket closes first. */
  async next(type: string): Promise<Frame> {
    for (;;) {
      while (this.#read < this.frames.length) {
        const frame = this.frames[this.#read++] as Frame;
        if (frame.type === type) return frame;
      }
      if (this.#isClosed)
        throw new Error(`the socket closed before a "${type}" frame; got ${JSON.stringify(this.frames)}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  send(frame: unknown): void {
    this.socket.send(typeof frame === 'string' || frame instanceof Uint8Array ? frame : JSON.stringify(frame));
  }

  /** `extra`: fields of the frame itself, such as `lists`. */
  announce(network = 'net', data: object = {}, extra: object = {}): void {
    this.send({ type: 'announce', networkName: network, data: { peerId: this.peerId, ...data }, ...extra });
  }

  /** Everything sent so far was handled when this resolves; the frames that came until then. */
  async settle(): Promise<Frame[]> {
    const from = this.frames.length;
    this.send({ type: 'ping' });
    await this.next('pong');
    return this.frames.slice(from);
  }

  of(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }
}

/** A socket that is greeted. */
export async function connect(url: string, peerId: string, options?: ClientOptions): Promise<HubClient> {
  const client = new HubClient(url, peerId, options);
  await client.next('connected');
  return client;
}

/** A socket that is announced. */
export async function join(url: string, peerId: string, network = 'net', data: object = {}): Promise<HubClient> {
  const client = await connect(url, peerId);
  client.announce(network, data);
  await client.settle();
  return client;
}

export const nonceOf = (client: HubClient): string => {
  const connected = client.frames[0] as unknown as { data: { mesh: { nonce: string } } };
  return connected.data.mesh.nonce;
};

/** The `prove` frame of `identity` for this socket. */
export async function proofOf(
  client: HubClient,
  identity: Identity,
  host = new URL(client.socket.url).host,
): Promise<Frame> {
  const text = hubProofText(host, client.peerId, nonceOf(client));
  const sig = await identity.sign(new TextEncoder().encode(text));
  return { type: 'prove', data: { key: toBase64Url(identity.publicKey), sig: toBase64Url(sig) } };
}

export async function prove(client: HubClient, identity: Identity): Promise<string> {
  client.send(await proofOf(client, identity));
  const proven = (await client.next('proven')) as unknown as { data: { resume: string } };
  return proven.data.resume;
}

export const newIdentity = (): Identity => createIdentity();

/** The next event of that name. */
export const eventOf = <T>(hub: HubActor, name: Parameters<HubActor['on']>[0]): Promise<T> =>
  new Promise((resolve) => {
    const subscription = hub.on(name, (event) => {
      subscription.unsubscribe();
      resolve(event as T);
    });
  });

export const opened = (socket: WebSocket): Promise<unknown> => once(socket, 'open');
