/**
 * The app's listeners. They hear the events of MeshEvents by name, by prefix (`peer.*`) or all (`*`); one that throws harms
 * nothing but itself and is reported as an `error` event.
 */
import type { MeshEmitted } from '../../machines/mesh/mesh.events.ts';
import type { EventOf, MeshEvent, MeshEventPattern } from '../api.ts';
import { MeshError, type MeshErrorCode } from '../errors.ts';
import type { DeliveredMessage } from '../ports/exchange.ts';
import type { LoggerPort } from '../ports/logger.ts';
import { Topics } from './topics.ts';

/** `unknown`: an async function fits a listener that returns nothing. */
type Handler = (event: MeshEvent) => unknown;

export class Listeners {
  /** Each list is replaced when it changes: one that is being called stays as it was. */
  readonly #handlers = new Map<string, readonly Handler[]>();
  readonly #topics = new Topics<Handler>();
  readonly #logger: LoggerPort;

  constructor(logger: LoggerPort) {
    this.#logger = logger;
  }

  add<P extends MeshEventPattern>(pattern: P, handler: (event: EventOf<P>) => void): { unsubscribe(): void } {
    // A wrapper of its own, so that the same function may listen twice.
    const own: Handler = (event) => handler(event as EventOf<P>);
    this.#handlers.set(pattern, [...(this.#handlers.get(pattern) ?? []), own]);
    return {
      unsubscribe: () => {
        const others = (this.#handlers.get(pattern) ?? []).filter((listed) => listed !== own);
        if (others.length > 0) this.#handlers.set(pattern, others);
        else this.#handlers.delete(pattern);
      },
    };
  }

  /** Hears the messages of a topic, or of all that a pattern stands for. Throws BAD_OPTION. */
  addTopic(pattern: string, handler: (event: MeshEvent<'message'>) => void): { unsubscribe(): void } {
    const own: Handler = (event) => handler(event as MeshEvent<'message'>);
    return { unsubscribe: this.#topics.add(pattern, own) };
  }

  /** Whoever subscribed to its topic hears a message first, then who listens to all of them. */
  messages(messages: readonly DeliveredMessage[]): void {
    for (const message of messages) {
      if (this.#handlers.size === 0 && this.#topics.isEmpty) return;
      if (message.kind === 'link') {
        this.dispatch({ type: 'told', from: message.from, data: message.data });
        continue;
      }
      const event: MeshEvent = { type: 'message', ...message };
      if (message.topic !== undefined) {
        this.#topics.forEach(message.topic, (handler, pattern) => this.#hand(handler, pattern, event));
      }
      this.#call('message', event);
      this.#call('*', event);
    }
  }

  /** Turns what the chart emitted into the app's events. */
  emitted(event: MeshEmitted): void {
    switch (event.type) {
      case 'inbox':
        return this.messages(event.messages);
      case 'failed': {
        const { code, message, remote, cause } = event;
        const where = remote === undefined ? {} : { peerId: remote };
        return this.error(new MeshError(code as MeshErrorCode, message, { cause, ...where }));
      }
      default:
        this.dispatch(event);
    }
  }

  error(error: MeshError): void {
    this.#logger.log('error', error.message, { code: error.code });
    this.dispatch({ type: 'error', error });
  }

  dispatch(event: MeshEvent): void {
    if (this.#handlers.size === 0) return;
    const dot = event.type.indexOf('.');
    this.#call(event.type, event);
    if (dot > 0) this.#call(`${event.type.slice(0, dot)}.*`, event);
    this.#call('*', event);
  }

  #call(pattern: string, event: MeshEvent): void {
    const handlers = this.#handlers.get(pattern);
    if (handlers === undefined) return;
    for (const handler of handlers) this.#hand(handler, pattern, event);
  }

  #hand(handler: Handler, pattern: string, event: MeshEvent): void {
    try {
      const result = handler(event);
      // An async listener that rejects would end the process as an unhandled rejection.
      if (result instanceof Promise) result.catch((cause: unknown) => this.#threw(pattern, event, cause));
    } catch (cause) {
      this.#threw(pattern, event, cause);
    }
  }

  #threw(pattern: string, event: MeshEvent, cause: unknown): void {
    this.thrown(`The listener for "${pattern}" threw`, cause, event.type === 'error');
  }

  /** A listener threw. A listener for errors that throws is only logged, else it would hear itself for ever. */
  thrown(what: string, cause: unknown, onlyLog = false): void {
    const error = new MeshError(
      'LISTENER_THREW',
      `${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
    if (onlyLog) this.#logger.log('error', error.message, { code: error.code });
    else this.error(error);
  }
}
