/**
 * Turns connections away by their address alone, before anything is made for them: neither a socket nor a parser, nor a TLS handshake.
 * Owns the listeners of a server's connections; whether an address may connect is asked of `access.ts`.
 *
 * Thousands of connections a second are the cheapest attack there is, and what Node makes for one (a stream with its listeners, a
 * parser) costs several times as much as taking it from the system and giving it back.
 */
import type { Server, Socket } from 'node:net';

/** Whether this address may have one connection more. Asked once or twice for each; counting is not its business. */
export type MayConnect = (address: string) => boolean;

/** Of Node's handle of a connection, what is used here. */
interface ConnectionHandle {
  getpeername(out: { address?: string }): number;
  /** Closes without the farewell of TCP, of which the system would remember each for a minute. Absent before Node 18. */
  reset?(): number;
  close(): void;
}
type OnConnection = (this: unknown, status: number, client: ConnectionHandle | undefined) => void;

/**
 * From now on only connections that may are heard of by those who listen for them. Call it when `http` or `https` listen to the
 * server, and before it is bound.
 */
export function guardConnections(server: Server, mayConnect: MayConnect): void {
  const inner = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || !mayConnect(remoteAddress)) socket.resetAndDestroy();
    else for (const listener of inner) listener.call(server, socket);
  });
  server.on('listening', () => void guardHandle(server, mayConnect));
}

/**
 * The same one step sooner, before Node makes a socket of a connection: a third of the cost. There is no public way that knows the
 * address (`maxConnections` does not), so this looks for the private one, and where it is not as expected the public one above does
 * alone what it does anyway. True: it was found.
 */
export function guardHandle(server: Server, mayConnect: MayConnect): boolean {
  const { _handle: handle } = server as unknown as { readonly _handle?: { onconnection?: unknown } | null }; // private, hence the check
  const take = handle?.onconnection;
  if (handle === undefined || handle === null || typeof take !== 'function') return false;
  const peer: { address?: string } = {};
  const guarded: OnConnection = function (status, client) {
    if (status !== 0 || client === undefined || !isKnown(client)) return void take.call(this, status, client);
    delete peer.address;
    // Without an address it has gone already.
    if (client.getpeername(peer) === 0 && peer.address !== undefined && mayConnect(peer.address))
      return void take.call(this, status, client);
    if (client.reset === undefined || client.reset() !== 0) client.close();
  };
  handle.onconnection = guarded;
  return true;
}

const isKnown = (client: ConnectionHandle): boolean =>
  typeof client.getpeername === 'function' && typeof client.close === 'function';
