/**
 * The server of a hub as an actor port: HTTP, upgrades, sockets. Owns who may open a socket (origin, token, limits) and
 * the sockets' events; what frames mean is the switchboard's business. Stopped with its root, it cuts everything.
 */
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { type CallbackActorLogic, fromCallback } from 'xstate';
import { isPeerId, type PeerId } from '../machines/shared/ids.ts';
import {
  HUB_CLOSE_TIMEOUT_MS,
  HUB_PAYLOAD_FACTOR,
  HUB_REFUSALS_MAX,
  HUB_RETRY_AFTER_MS,
} from '../machines/shared/limits.ts';
import { MeshError } from '../runtime/errors.ts';
import type { MeshClock } from '../runtime/ports/clock.ts';
import type { Access } from './access.ts';
import {
  clientAddress,
  hostOfProof,
  isLoopback,
  isOriginAllowed,
  type Rejection,
  readQuery,
  tokenOf,
  type UpgradeQuery,
} from './admission.core.ts';
import { bind } from './bind.ts';
import { TRUNK_FRAME_BYTES_MAX } from './federation/limits.ts';
import { errorFrame } from './frames.ts';
import { guardConnections } from './gate.ts';
import { GuestSocket, type SocketHome } from './guest-socket.ts';
import { answerHttp, type HttpSources } from './http-routes.ts';
import type { HubMachineEvent, ServerCommand } from './hub.events.ts';
import type { ServerInput } from './hub.machine.ts';
import type { HubSettings } from './options.ts';
import { Pace } from './pace.ts';
import type { Switchboard } from './switchboard.ts';
import { throttle } from './throttle.ts';

/** A request whose headers do not come within this time is cut: sockets that never speak must not pile up. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Node looks for them each 30 s by default. */
const HEADERS_CHECK_MS = 5_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** A socket that is let in costs some 0.4 ms, and a crowd of them may come in one turn of the event loop. */
const UPGRADES_PER_TURN = 1;
/** Plain HTTP connections beside the sockets: health checks must get through when the hub is full. */
const SPARE_CONNECTIONS = 512;

export interface ServerParts {
  readonly settings: HubSettings;
  readonly board: Switchboard;
  readonly access: Access;
  readonly clock: MeshClock;
  readonly hubId: PeerId;
  readonly http: HttpSources;
}

/** The actor port `server` of the hub's root. */
export function createServerLogic(parts: ServerParts): CallbackActorLogic<ServerCommand, ServerInput> {
  return fromCallback<ServerCommand, ServerInput>(({ sendBack, receive }) => {
    const server = new HubServer(parts, sendBack as (event: HubMachineEvent) => void);
    receive((command) => {
      if (command.type === 'server.drain') server.drain();
      else server.cut();
    });
    server.listen();
    return () => {
      parts.board.halt();
      server.drain();
      server.cut();
    };
  });
}

interface Guest {
  readonly peerId: PeerId | undefined;
  readonly address: string;
  readonly host: string | undefined;
  readonly isNear: boolean;
}

class HubServer implements SocketHome {
  readonly #parts: ServerParts;
  readonly #sendBack: (event: HubMachineEvent) => void;
  readonly #upgrader: WebSocketServer;
  readonly #sockets = new Set<GuestSocket>();
  /** Of sockets that are only told why they were not let in: when they are cut. */
  readonly #rejected = new Map<GuestSocket, unknown>();
  /** Upgrades that wait for their turn, and refused ones on their way out: neither http nor ws knows them. */
  readonly #rawSockets = new Set<Duplex>();
  readonly #pace = new Pace(UPGRADES_PER_TURN);
  #openServers = 0;
  #servers: readonly Server[] = [];
  #isDraining = false;

  constructor(parts: ServerParts, sendBack: (event: HubMachineEvent) => void) {
    this.#parts = parts;
    this.#sendBack = sendBack;
    const { maxMessageBytes, federation } = parts.settings;
    const bytesMax = maxMessageBytes * HUB_PAYLOAD_FACTOR;
    this.#upgrader = new WebSocketServer({
      noServer: true,
      WebSocket: GuestSocket,
      // Other hubs’ frames are larger than those of clients.
      maxPayload: federation === undefined ? bytesMax : Math.max(bytesMax, TRUNK_FRAME_BYTES_MAX),
      perMessageDeflate: false,
      autoPong: false, // pings are charged first
      clientTracking: false,
    });
  }

  listen(): void {
    const { settings, hubId } = this.#parts;
    bind(() => this.#createServer(), settings.host, settings.port).then(
      ({ servers, port, urlHost }) => {
        this.#servers = servers;
        this.#openServers = servers.length;
        if (this.#isDraining) return this.#closeServers();
        for (const server of servers) server.on('error', (error) => this.#serverFailed(error));
        const tls = settings.tls === undefined ? '' : 's';
        const address = { url: `ws${tls}://${urlHost}:${port}`, http: `http${tls}://${urlHost}:${port}`, hubId, port };
        this.#sendBack({ type: 'server.listening', address });
      },
      (error: MeshError) => {
        if (this.#isDraining) this.#sendBack({ type: 'server.closed' });
        else this.#sendBack({ type: 'server.failed', error });
      },
    );
  }

  /** No new connections; `server.closed` when the last one is gone. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    // While it is still binding, the bound servers are closed as soon as they are there.
    if (this.#servers.length > 0) this.#closeServers();
  }

  /** Ends every connection at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.terminate();
    for (const server of this.#servers) server.closeAllConnections();
    for (const socket of this.#rawSockets) socket.destroy();
  }

  #closeServers(): void {
    this.#openServers = this.#servers.length;
    for (const server of this.#servers) {
      server.close(() => {
        this.#openServers--;
        this.#tellWhenClosed();
      });
      server.closeIdleConnections();
    }
  }

  /** A server may say it is closed before its last WebSocket does: both have to. */
  #tellWhenClosed(): void {
    if (this.#isDraining && this.#openServers === 0 && this.#sockets.size === 0)
      this.#sendBack({ type: 'server.closed' });
  }

  #createServer(): Server {
    const { settings, http, access } = this.#parts;
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      if (this.#isDraining) response.setHeader('Connection', 'close');
      answerHttp(request, response, settings, http, access);
    };
    const { tls } = settings;
    const patience = { connectionsCheckingInterval: HEADERS_CHECK_MS, handshakeTimeout: HEADERS_TIMEOUT_MS };
    // Sockets set it themselves; for connections that become none it is a call to the system more.
    const options = { ...patience, noDelay: false };
    const server =
      tls === undefined ? createServer(options, listener) : createTlsServer({ ...readPair(tls), ...options }, listener);
    // One for all: a closure for each would stay as long as its connection. An address that was asked for is kept by the socket.
    function gone(this: Socket): void {
      access.gone(this.remoteAddress ?? '');
    }
    server.on('connection', (socket: Socket) => {
      access.connect(socket.remoteAddress ?? '');
      socket.on('close', gone);
    });
    guardConnections(server, (address) => access.mayConnect(address));
    // Clients that speak no TLS, or trust another one: their socket ends, which is all there is to say.
    server.on('tlsClientError', ignoreError);
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    server.maxConnections = settings.maxConnections + HUB_REFUSALS_MAX + SPARE_CONNECTIONS;
    server.on('upgrade', (request, socket, head) => this.#comes(request, socket, head));
    return server;
  }

  #serverFailed(error: Error): void {
    const failure = new MeshError('ACTOR_FAILED', `The server failed: ${error.message}`, { cause: error });
    this.#sendBack({ type: 'fact.reported', fact: { type: 'error', error: failure } });
  }

  #comes(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Until ws takes over nobody else listens, and an unheard error event would end the process.
    socket.on('error', ignoreError);
    this.#rawSockets.add(socket);
    this.#pace.run(() => {
      this.#rawSockets.delete(socket);
      if (!socket.destroyed) this.#upgrade(request, socket, head);
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { settings, board } = this.#parts;
    if (this.#isDraining) return this.#refuseUpgrade(socket, 503, 'DRAINING', 'This hub is shutting down.');
    const query = readQuery(request.url);
    if (query === undefined)
      return this.#refuseUpgrade(socket, 400, 'BAD_FRAME', 'The target of this request is no path.');
    if (!isOriginAllowed(request.headers.origin, settings.origins)) {
      return this.#refuseUpgrade(socket, 403, 'UNAUTHORIZED', 'This origin may not use this hub.');
    }
    if (!this.#mayEnter(request, query)) {
      return this.#refuseUpgrade(
        socket,
        401,
        'UNAUTHORIZED',
        'This hub wants a token: Authorization: Bearer …, ?token=… or, once, ?ticket=…',
      );
    }
    const guest = this.#guestOf(request, query.peerId);
    const rejection = this.#rejectionOf(guest);
    if (rejection !== undefined && this.#rejected.size >= HUB_REFUSALS_MAX) {
      return this.#refuseUpgrade(socket, 503, rejection.code, rejection.message);
    }
    this.#upgrader.handleUpgrade(request, socket, head, (client) => {
      const webSocket = client as GuestSocket; // the class that the upgrader was given
      socket.off('error', ignoreError);
      this.#sockets.add(webSocket);
      webSocket.home = this;
      webSocket.address = guest.address;
      if (rejection !== undefined || guest.peerId === undefined) this.#reject(webSocket, guest, rejection);
      else this.#admit(webSocket, socket, guest.peerId, guest, board);
    });
  }

  closed(socket: GuestSocket): void {
    this.#sockets.delete(socket);
    const { session, address } = socket;
    const { access, board, clock } = this.#parts;
    if (session === undefined) {
      clock.clearTimeout(this.#rejected.get(socket));
      this.#rejected.delete(socket);
    } else {
      access.left(address);
      if (session.end === 'refused') access.refused(address);
      board.closed(session);
    }
    this.#tellWhenClosed();
  }

  #refuseUpgrade(socket: Duplex, status: number, code: string, error: string): void {
    this.#rawSockets.add(socket);
    socket.once('close', () => this.#rawSockets.delete(socket));
    // Whoever does not read the answer is cut all the same.
    const timer = this.#parts.clock.setTimeout(() => socket.destroy(), HUB_CLOSE_TIMEOUT_MS);
    socket.once('close', () => this.#parts.clock.clearTimeout(timer));
    socket.once('finish', () => socket.destroy());
    const body = JSON.stringify({ code, error });
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
  }

  #guestOf(request: IncomingMessage, peerId: string | undefined): Guest {
    const { settings } = this.#parts;
    const { headers, socket } = request;
    const remote = socket.remoteAddress ?? '';
    const forwardedHost = settings.trustProxy ? headerText(headers['x-forwarded-host']) : undefined;
    const dialed = {
      host: forwardedHost ?? headers.host,
      remoteAddress: remote,
      localAddress: () => socket.localAddress ?? '', // a system call, and an object that the socket keeps
    };
    return {
      peerId: isPeerId(peerId) ? peerId : undefined,
      address: clientAddress(remote, headerText(headers['x-forwarded-for']), settings.trustProxy),
      host: hostOfProof(dialed, settings.publicHosts),
      // A proxy that nobody told us of: whoever comes through it is not near.
      isNear: isLoopback(remote) && headers['x-forwarded-for'] === undefined,
    };
  }

  #rejectionOf(guest: Guest): Rejection | undefined {
    const { settings, board, access } = this.#parts;
    if (guest.peerId === undefined) {
      const message = 'Open the socket with ?peerId= and 40 lower-case hex digits.';
      return { code: 'BAD_PEER_ID', reason: 'Invalid peerId format', message };
    }
    const retryAfterMs = HUB_RETRY_AFTER_MS;
    if (board.sessions.size >= settings.maxConnections) {
      const message = `This hub holds at most ${settings.maxConnections} connections.`;
      return { code: 'TOO_MANY_CONNECTIONS', reason: 'Maximum connections reached', message, retryAfterMs };
    }
    if (access.isIdHasty(guest.peerId, guest.address)) {
      const message = `At most ${settings.perIdRate} connections under one peer id in 10 s.`;
      return { code: 'RATE_LIMITED', reason: 'Too many connections of this peer', message, retryAfterMs };
    }
    if (access.isAddressFull(guest.address)) {
      const message = `This hub holds at most ${settings.perIpMax} connections of one address.`;
      return { code: 'TOO_MANY_CONNECTIONS', reason: 'Too many connections', message, retryAfterMs };
    }
    return undefined;
  }

  #admit(socket: GuestSocket, wire: Duplex, peerId: PeerId, guest: Guest, board: Switchboard): void {
    const { access } = this.#parts;
    access.enter(guest.address);
    const session = board.open(socket, peerId, guest.host, guest.isNear, wire);
    const budget = access.budgetOf(guest.address);
    if (budget !== undefined) throttle(socket, wire, budget, this.#parts.clock, () => session.trunk !== undefined);
    socket.session = session;
    this.#sendBack({ type: 'socket.opened', session });
  }

  /** Says why in a frame, closes, and cuts a client that does not close in turn. */
  #reject(socket: GuestSocket, guest: Guest, rejection: Rejection | undefined): void {
    const { clock, board, access } = this.#parts;
    const { code, reason, message, retryAfterMs } = rejection ?? { code: 'BAD_PEER_ID', reason: '', message: '' };
    access.refused(guest.address);
    board.counters.sessionsRefused++;
    const refusal = { code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    socket.send(errorFrame(refusal, undefined, board.nowMs()));
    socket.close(1008, reason);
    this.#rejected.set(
      socket,
      clock.setTimeout(() => socket.terminate(), HUB_CLOSE_TIMEOUT_MS),
    );
    const fact = { type: 'session.refused', peerId: guest.peerId ?? null, code, message } as const;
    this.#sendBack({ type: 'fact.reported', fact });
  }

  #mayEnter(request: IncomingMessage, query: UpgradeQuery): boolean {
    const { access } = this.#parts;
    if (access.isTokenRight(tokenOf(request.headers.authorization, query))) return true;
    return access.isTicketGood(query.ticket, isPeerId(query.peerId) ? query.peerId : undefined);
  }
}

/** Certificate and key as they are now. Throws BAD_OPTION when they cannot be read. */
function readPair({ certFile, keyFile }: NonNullable<HubSettings['tls']>): { cert: Buffer; key: Buffer } {
  try {
    return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
  } catch (cause) {
    throw new MeshError('BAD_OPTION', `Certificate and key cannot be read: ${String(cause)}`, { cause });
  }
}
const headerText = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value.join(',') : value;

/** A socket's errors end in its `close`, which is heard; the error itself says nothing more. */
function ignoreError(): void {
  return;
}
