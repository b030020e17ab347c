/**
 * The topics that the driver of one peer asked for. Every message prints once, whoever listens; this notes which subscriptions
 * it is for, so that its line can say so.
 */
import type { CliMesh } from './dependencies.ts';

export class PeerTopics {
  readonly #mesh: CliMesh;
  readonly #subscribed = new Map<string, { unsubscribe(): void }>();
  /** Subscriptions of the message that is being told: they hear it right before it is told to all. */
  #noted: { readonly id: string; readonly topics: string[] } | undefined;

  constructor(mesh: CliMesh) {
    this.#mesh = mesh;
  }

  get names(): readonly string[] {
    return [...this.#subscribed.keys()];
  }

  /** Throws BAD_OPTION. */
  subscribe(topic: string): void {
    if (this.#subscribed.has(topic)) return;
    const listening = this.#mesh.topic(topic).subscribe(({ id }) => {
      if (this.#noted?.id === id) this.#noted.topics.push(topic);
      else this.#noted = { id, topics: [topic] };
    });
    this.#subscribed.set(topic, listening);
  }

  unsubscribe(topic: string): void {
    this.#subscribed.get(topic)?.unsubscribe();
    this.#subscribed.delete(topic);
  }

  /** What the line of this message says of its subscriptions. */
  of(id: string): { readonly subscriptions?: readonly string[] } {
    return this.#noted?.id === id ? { subscriptions: this.#noted.topics } : {};
  }
}
