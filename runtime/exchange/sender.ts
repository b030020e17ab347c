/** Messages on their way to neighbours that no session keeps: encoded once however many get them, and counted by type. */
import type { MeshClock } from '../ports/clock.ts';
import type { MeshPorts } from '../ports/mesh-ports.ts';
import { encodeMessage } from '../wire/codec.ts';
import type { Message } from '../wire/messages.ts';
import type { Counters } from './counters.ts';
import type { LinkEntry } from './link-entry.ts';

export class Sender {
  readonly #clock: MeshClock;
  readonly #counters: Counters;
  readonly #logger: MeshPorts['logger'];
  #last: { readonly message: Message; readonly part: Uint8Array } | undefined;

  constructor({ clock, logger }: Pick<MeshPorts, 'clock' | 'logger'>, counters: Counters) {
    this.#clock = clock;
    this.#counters = counters;
    this.#logger = logger;
  }

  /**
   * False when the link did not take it. Total: charts and timers send by it, and a value that a stranger slipped in must cost its
   * message, not the data plane.
   */
  send(entry: LinkEntry, message: Message): boolean {
    if (entry.isStuck && message.type !== 'CLOSE') {
      this.#counters.add('dropped.full');
      return false;
    }
    let part = this.#last?.message === message ? this.#last.part : undefined;
    try {
      part ??= encodeMessage(message);
    } catch (error) {
      this.#counters.add('dropped.unsendable');
      this.#logger.log('error', error instanceof Error ? error.message : String(error), { to: entry.remote });
      return false;
    }
    this.#last = { message, part };
    this.#counters.addType('sent', message.type);
    const nowMs = this.#clock.now();
    // A farewell closes the link: what was said before it comes first.
    return message.type === 'CLOSE' ? entry.pushLast(part, nowMs) : entry.push(part, nowMs);
  }
}
