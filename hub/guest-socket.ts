/**
 * A socket of a client, which tells its session by plain calls: what a WebSocket emits goes through a list of listeners, and of a
 * socket that only sits there the list and the closures on it would be the larger part.
 */
import { WebSocket } from 'ws';
import type { Session } from './session.ts';

/** What a server keeps of its sockets. */
export interface SocketHome {
  /** The socket is gone. Once each. */
  closed(socket: GuestSocket): void;
}

/** Made by `ws` for each socket that was let in; whoever let it in fills in the fields. */
export class GuestSocket extends WebSocket {
  home: SocketHome | undefined;
  address = '';
  /** Absent: it is only told why it was not let in. */
  session: Session | undefined;

  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    switch (event) {
      case 'message':
        this.session?.received(first as Buffer, second as boolean); // `ws` gives buffers unless told otherwise
        return true;
      case 'ping':
        this.session?.pinged(first as Buffer);
        return true;
      case 'pong':
        this.session?.ponged();
        return true;
      case 'close':
        this.home?.closed(this);
        return true;
      case 'error':
        return true; // `ws` closes the socket itself, with the code that says why
      default:
        return super.emit(event, first, second);
    }
  }
}
