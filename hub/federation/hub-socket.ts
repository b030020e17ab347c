/**
 * One socket to another hub, dialed by us: proves our id, announces us as a hub, checks who answers, and becomes a trunk.
 * An actor port of the bootstrap chart: it neither waits nor retries by itself.
 */
import { type RawData, WebSocket } from 'ws';
import { type CallbackActorLogic, fromCallback } from 'xstate';
import { HUB_CLOSE_TIMEOUT_MS } from '../../machines/shared/limits.ts';
import { isObject, type JsonObject, parseFrame } from '../frames.ts';
import type { HubWorld } from '../world.ts';
import type { BootstrapEvent, HubSocketCommand, HubSocketInput, Trunk } from './federation.events.ts';
import type { Federation } from './federation.ts';
import { TRUNK_BUFFER_BYTES, TRUNK_FRAME_BYTES_MAX } from './limits.ts';
import { macOf, problemOfWelcome, readWelcome } from './link-proof.ts';

export interface HubSocketParts {
  readonly federation: Federation;
  readonly dial: HubWorld['dial'];
  /** For hubs that let in nobody without it. */
  readonly authToken: string | undefined;
  /** What `announce` tells of us besides. */
  describe(): { readonly host: string; readonly port: number };
  /** Largest frame that we read. */
  readonly maxPayload: number;
}

const utf8 = new TextEncoder();

/** The actor port `hubSocket` of the bootstrap chart. */
export function createHubSocketLogic(parts: HubSocketParts): CallbackActorLogic<HubSocketCommand, HubSocketInput> {
  return fromCallback<HubSocketCommand, HubSocketInput>(({ input, sendBack, receive }) => {
    const socket = new HubSocket(parts, input.url, sendBack as (event: BootstrapEvent) => void);
    receive(() => socket.close('closed'));
    socket.open();
    return () => socket.close('closed');
  });
}

class HubSocket {
  readonly #parts: HubSocketParts;
  readonly #url: string;
  readonly #tell: (event: BootstrapEvent) => void;
  #socket: WebSocket | undefined;
  #trunk: Trunk | undefined;
  #nonce = '';
  #why: string | undefined;

  constructor(parts: HubSocketParts, url: string, tell: (event: BootstrapEvent) => void) {
    this.#parts = parts;
    this.#url = url;
    this.#tell = tell;
  }

  open(): void {
    const { federation, dial, authToken, maxPayload } = this.#parts;
    const address = new URL(this.#url);
    address.searchParams.set('peerId', federation.hubId);
    const options = {
      maxPayload: Math.max(maxPayload, TRUNK_FRAME_BYTES_MAX),
      perMessageDeflate: false,
      // Not in the published types yet: how long a close may take.
      closeTimeout: HUB_CLOSE_TIMEOUT_MS,
      headers: authToken === undefined ? {} : { Authorization: `Bearer ${authToken}` },
    };
    const socket = dial(address, options);
    this.#socket = socket;
    socket.on('message', (data) => this.#receive(data));
    socket.on('error', (error) => {
      this.#why ??= error.message || ('code' in error ? String(error.code) : 'failed');
    });
    socket.on('close', (code, reason) => this.#closed(this.#why ?? (String(reason) || `closed with ${code}`)));
  }

  close(why: string): void {
    this.#why ??= why;
    const trunk = this.#trunk;
    this.#trunk = undefined;
    if (trunk !== undefined) this.#parts.federation.trunks.remove(trunk);
    const socket = this.#socket;
    if (socket === undefined) return;
    if (socket.readyState === WebSocket.OPEN) socket.close(1000, why);
    else if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
  }

  #closed(reason: string): void {
    const trunk = this.#trunk;
    this.#trunk = undefined;
    if (trunk !== undefined) this.#parts.federation.trunks.remove(trunk);
    this.#tell(reason === 'retired' ? { type: 'trunk.retired' } : { type: 'trunk.closed', reason });
  }

  #receive(data: RawData): void {
    const text = String(data);
    if (this.#trunk !== undefined) return this.#parts.federation.trunks.receive(this.#trunk, text);
    const frame = parseFrame(text);
    if (frame?.type === 'connected') this.#prove(frame.data);
    else if (frame?.type === 'proven') this.#announce();
    else if (frame?.type === 'hub-linked') this.#linked(frame.data);
    else if (frame?.type === 'error') {
      const { code, error } = frame as unknown as JsonObject; // an error frame carries both, or we show what it has
      this.close(`${String(code ?? 'refused')}: ${String(error)}`.slice(0, 120));
    }
  }

  #prove(data: unknown): void {
    const mesh = isObject(data) && isObject(data['mesh']) ? data['mesh'] : undefined;
    const nonce = mesh?.['nonce'];
    if (typeof nonce !== 'string') return this.close('it is no hub that links with others by proof');
    this.#nonce = nonce;
    const { federation } = this.#parts;
    const { identity, toBase64Url } = federation.parts;
    const signed = identity.sign(utf8.encode(federation.proofText(new URL(this.#url).host, nonce)));
    Promise.resolve(signed).then(
      (sig) => this.#send({ type: 'prove', data: { key: toBase64Url(identity.publicKey), sig: toBase64Url(sig) } }),
      (error: unknown) => this.close(`our signer failed: ${String(error)}`.slice(0, 120)),
    );
  }

  #announce(): void {
    const { federation, describe } = this.#parts;
    const { token, namespace, random, toBase64Url } = federation.parts;
    const theirs = this.#nonce;
    this.#nonce = toBase64Url(random.bytes(24));
    const mac = token === undefined ? {} : { mac: macOf(token, 'dials', federation.hubId, theirs) };
    const data = {
      peerId: federation.hubId,
      isHub: true,
      ...describe(),
      capabilities: ['signaling', 'relay'],
      timestamp: federation.nowMs(),
      hub: { v: 1, nonce: this.#nonce, ...mac },
    };
    this.#send({ type: 'announce', networkName: namespace, data });
  }

  #linked(data: unknown): void {
    const { federation } = this.#parts;
    const welcome = readWelcome(data);
    if (welcome === undefined) return this.close('its answer cannot be read');
    const { token } = federation.parts;
    const told = { host: new URL(this.#url).host, dialer: federation.hubId, nonce: this.#nonce, token };
    const problem = problemOfWelcome(welcome, told, federation.parts);
    if (problem !== undefined) return this.close(problem);
    if (welcome.hubId === federation.hubId) {
      this.#tell({ type: 'trunk.isOwn' });
      return this.close('it is this hub itself');
    }
    const trunk: Trunk = {
      kind: 'socket',
      hubId: welcome.hubId,
      send: (text) => this.#sendText(text),
      close: (reason) => this.close(reason),
    };
    this.#trunk = trunk;
    this.#tell({ type: 'trunk.opened', hubId: welcome.hubId });
    federation.trunks.add(trunk);
  }

  #send(frame: object): void {
    this.#sendText(JSON.stringify(frame));
  }

  #sendText(text: string): void {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send(text);
    // It does not read: what it missed is sent again over a fresh socket.
    if (socket.bufferedAmount > TRUNK_BUFFER_BYTES) this.close('it reads too slowly');
  }
}
