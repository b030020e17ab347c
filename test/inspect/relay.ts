/** The real relay of @statelyai/inspect/server on a free port, and a client that reads from it what its page would. */
import { createServer } from 'node:net';
import { WebSocket } from 'ws';

export interface RelayedEvent {
  readonly type: '@xstate.actor' | '@xstate.event' | '@xstate.snapshot';
  readonly sessionId: string;
  readonly name?: string;
  readonly parentId?: string;
  readonly event?: { readonly type: string };
  readonly snapshot?: { readonly value?: unknown; readonly context?: unknown };
}

/** The relay cannot report the port of 0: one that is free now is used at once. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(address)));
    });
  });
}

/** Reads from the relay until closed. */
export class RelayReader {
  readonly events: RelayedEvent[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();

  constructor(port: number) {
    this.#socket = new WebSocket(`ws://localhost:${port}`);
    this.#socket.on('message', (data) => {
      this.events.push(JSON.parse(String(data)) as RelayedEvent);
      for (const check of this.#waiting) check();
    });
  }

  /** Names of the actors told of, by session id. */
  names(): Map<string, string> {
    const actors = this.events.filter(({ type }) => type === '@xstate.actor');
    return new Map(actors.map(({ sessionId, name }) => [sessionId, name ?? '']));
  }

  snapshotsOf(name: string): RelayedEvent[] {
    const names = this.names();
    return this.events.filter(({ type, sessionId }) => type === '@xstate.snapshot' && names.get(sessionId) === name);
  }

  /** Each actor with the states it was seen in: what a failed test wants to know. */
  summary(): string {
    const lines = [...this.names()].map(([session, name]) => {
      const shown = this.events.filter(({ type, sessionId }) => type === '@xstate.snapshot' && sessionId === session);
      return `${name}: ${shown.map(({ snapshot }) => JSON.stringify(snapshot?.value ?? null)).join(' ')}`;
    });
    return `${this.events.length} events\n${lines.join('\n')}`;
  }

  /** Resolves once `holds`, looked at after each event. The test's own time limit ends a vain wait. */
  until(holds: (reader: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!holds(this)) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}
