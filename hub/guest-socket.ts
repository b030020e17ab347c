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

/** The part of a socket that cuts bytes into frames. All of it is private to `ws`: each use checks that it is as expected. */
interface FrameReader {
  _allowSynchronousEvents?: unknown;
  _buffers?: unknown;
  _bufferedBytes?: unknown;
  _opcode?: unknown;
}
const CLOSE_FRAME = 0x08;
const readerOf = (socket: WebSocket): FrameReader =>
  (socket as unknown as { readonly _receiver?: FrameReader | null })._receiver ?? {}; // private, and perhaps not there

/**
 * From now on one frame of this socket is read in a turn of the event loop: a packet holds ten thousand small ones, which even if they are
 * thrown away are read in ten milliseconds. `ws` has this as an option of a server (`allowSynchronousEvents`), where all sockets would pay
 * for it; for one there is only the field behind that option. True: it was as expected; else a packet is read at once.
 */
export function readByTurns(socket: WebSocket): boolean {
  const reader = readerOf(socket);
  if (typeof reader._allowSynchronousEvents !== 'boolean') return false;
  reader._allowSynchronousEvents = false;
  return true;
}

/** Reads no more of it, nor of what has come already: that would be cut into frames that nobody hears. True: there was a way to forget it. */
export function readNoMore(socket: WebSocket): boolean {
  socket.pause();
  const reader = readerOf(socket);
  const { _buffers, _bufferedBytes, _opcode } = reader;
  if (!Array.isArray(_buffers) || typeof _bufferedBytes !== 'number' || typeof _opcode !== 'number') return false;
  reader._buffers = [];
  reader._bufferedBytes = 0;
  reader._opcode = CLOSE_FRAME; // what comes after one is ignored
  return true;
}
