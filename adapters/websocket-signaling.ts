/**
 * Signals over a hub's WebSocket. Owns one socket a connection and the order of facts; it never reconnects, times out or
 * pings by itself. The frames are translated in `signaling-codec.ts`.
 */
import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_MAX_MESSAGE_BYTES, HUB_PAYLOAD_FACTOR, SIGNALING_QUEUE_MAX } from '../machines/shared/limits.ts';
import type { SignalingConnection, SignalingFact, SignalingPort } from '../runtime/ports/signaling.ts';
import { factsOf, frameOf } from './signaling-codec.ts';

/** The part of a WebSocket that is used: the browser's, `ws`, or any other with the same shape. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}
export type SocketClass = new (url: string) => SocketLike;

export interface WebSocketSignalingOptions {
  /** Default: the platform's own `WebSocket`. */
  readonly WebSocket?: SocketClass;
  /** For hubs that ask for one; travels as `?token=`, since a browser's socket has no headers. */
  readonly token?: string;
}

/** Frames above this are not even parsed, in characters: what our own hub would refuse from its clients. */
const FRAME_CHARS_MAX = HUB_MAX_MESSAGE_BYTES * HUB_PAYLOAD_FACTOR;

/**
 * A way to the hub at `url` (`ws://` or `wss://`, any path). What goes wrong, a bad URL and a refused connection
 * included, arrives as `closed` with the cause in `reason`.
 */
export function websocketSignaling(url: string, options: WebSocketSignalingOptions = {}): SignalingPort {
  return {
    url: withoutToken(url),
    elsewhere: (other) => {
      const address = addressElsewhere(url, other);
      return address === undefined ? undefined : websocketSignaling(address, options);
    },
    connect: (peerId, onFact) => new WebSocketConnection(url, peerId, options, onFact),
  };
}

/** The URL as it may be shown: it names the port in status, logs, actor ids and inspectors, where no token belongs. */
function withoutToken(url: string): string {
  if (!url.includes('token=')) return url;
  try {
    const shown = new URL(url);
    shown.searchParams.delete('token');
    shown.hash = '';
    // As it was given: without the slash that a URL without a path gets.
    return /^\w+:\/\/[^/?#]+\?/.test(url) ? shown.href.replace(/^(\w+:\/\/[^/]+)\//, '$1') : shown.href;
  } catch {
    // Not a URL: `connect` will say so, and nothing in it is a token.
    return url;
  }
}

function addressOf(url: string, peerId: PeerId, token: string | undefined): URL {
  const address = new URL(url);
  if (address.protocol !== 'ws:' && address.protocol !== 'wss:') {
    throw new TypeError(`A hub's URL starts with ws:// or wss://, not ${address.protocol}`);
  }
  address.hash = '';
  address.searchParams.set('peerId', peerId);
  if (token !== undefined) address.searchParams.set('token', token);
  return address;
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);

/**
 * Another hub's URL as it is to be dialed, or undefined when ours may not send us there: from a safe socket to an open one, or
 * from the network into this very machine. Hubs that belong together ask for the same token.
 */
function addressElsewhere(own: string, other: string): string | undefined {
  try {
    const [from, to] = [new URL(own), new URL(other)];
    if (to.protocol !== 'wss:' && (to.protocol !== 'ws:' || from.protocol === 'wss:')) return undefined;
    if (isLoopback(to.hostname) && !isLoopback(from.hostname)) return undefined;
    const token = from.searchParams.get('token');
    if (token !== null) to.searchParams.set('token', token);
    return to.href;
  } catch {
    // Not a URL: nobody is there.
    return undefined;
  }
}

const REFUSALS = {
  401: 'The hub asks for a token (HTTP 401): add ?token=... to its URL',
  403: 'The hub does not take us (HTTP 403): it may know other origins only',
};

/** Error events differ: `ws` names the cause, browsers keep it to themselves. */
function causeOf(event: unknown): { readonly cause: string; readonly refused?: boolean } {
  const { message, error } = event as { message?: unknown; error?: { message?: unknown; code?: unknown } };
  for (const text of [message, error?.message, error?.code]) {
    if (typeof text !== 'string' || text === '') continue;
    // The words of `ws` for a handshake that a hub refused; a browser's page never learns the status.
    const status = /server response: (401|403)$/.exec(text)?.[1];
    if (status !== undefined) return { cause: REFUSALS[status as '401' | '403'], refused: true };
    return { cause: text };
  }
  return { cause: 'The connection failed' };
}

class WebSocketConnection implements SignalingConnection {
  readonly #peerId: PeerId;
  #onFact: ((fact: SignalingFact) => void) | undefined;
  #socket: SocketLike | undefined;
  #host = '';
  /** Commands of the time before the socket is open. */
  #early: string[] | undefined = [];
  #closing = false;
  #failure: ReturnType<typeof causeOf> = { cause: '' };

  constructor(url: string, peerId: PeerId, options: WebSocketSignalingOptions, onFact: (fact: SignalingFact) => void) {
    this.#peerId = peerId;
    this.#onFact = onFact;
    try {
      const address = addressOf(url, peerId, options.token);
      this.#host = address.host;
      // The platform's socket is looked up late: a page may polyfill it.
      const Socket = options.WebSocket ?? (globalThis.WebSocket as unknown as SocketClass | undefined);
      if (Socket === undefined) throw new Error('This platform has no WebSocket: pass one in');
      this.#listen(new Socket(address.href));
    } catch (error) {
      this.#end(1006, error instanceof Error ? error.message : String(error));
    }
  }

  send(command: Parameters<SignalingConnection['send']>[0]): boolean {
    if (this.#socket === undefined || this.#closing) return false;
    const text = JSON.stringify(frameOf(command, this.#peerId));
    if (this.#early !== undefined) {
      if (this.#early.length >= SIGNALING_QUEUE_MAX) return false;
      this.#early.push(text);
      return true;
    }
    return this.#sendText(text);
  }

  /**
   * Sends what is held, shakes hands and reports `closed` when the socket is gone, so that a mesh that has left holds no
   * socket any more. How long that may take is up to the caller: a hub that is dead never answers.
   */
  close(): void {
    const socket = this.#socket;
    if (socket === undefined || this.#closing) return;
    this.#closing = true;
    socket.onmessage = null;
    try {
      socket.close(1000);
    } catch {
      // A socket that cannot be closed is closed already.
      this.#end(1000, '');
    }
  }

  #listen(socket: SocketLike): void {
    this.#socket = socket;
    socket.onopen = () => {
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const text of early) this.#sendText(text);
    };
    socket.onmessage = ({ data }: { readonly data: unknown }) => this.#receive(data);
    socket.onerror = (event: unknown) => {
      this.#failure = causeOf(event);
    };
    socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) => {
      // Whatever way the socket ends after our own close, it is the end that was asked for.
      if (this.#closing) this.#end(1000, '');
      else this.#end(code, reason === '' ? this.#failure.cause : reason);
    };
  }

  #sendText(text: string): boolean {
    try {
      this.#socket?.send(text);
      return this.#socket !== undefined;
    } catch {
      // The socket is closing: its `closed` is on the way.
      return false;
    }
  }

  #receive(data: unknown): void {
    if (typeof data !== 'string') this.#tell({ type: 'ignored', why: 'binary frame' });
    else if (data.length > FRAME_CHARS_MAX) this.#tell({ type: 'ignored', why: 'frame too large' });
    else for (const fact of factsOf(data, this.#host)) this.#tell(fact);
  }

  #tell(fact: SignalingFact): void {
    this.#onFact?.(fact);
  }

  /** The last fact, once, in a later turn; the socket keeps nothing of this connection. */
  #end(code: number, reason: string): void {
    const onFact = this.#onFact;
    const socket = this.#socket;
    this.#onFact = undefined;
    this.#socket = undefined;
    this.#early = undefined;
    if (socket !== undefined) {
      socket.onopen = null;
      socket.onmessage = null;
      socket.onclose = null;
      // `ws` would throw an error that nobody listens for.
      socket.onerror = () => undefined;
    }
    if (onFact === undefined) return;
    const { cause, refused } = this.#failure;
    queueMicrotask(() => {
      if (refused) onFact({ type: 'refused', code: 'UNAUTHORIZED', message: cause });
      onFact({ type: 'closed', code, reason });
    });
  }
}
