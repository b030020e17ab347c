/**
 * What a person wants to hear of a peer's hubs: that one is away, once, and that it is back, once. A mesh reports every
 * vain attempt; programs read them all, people do not.
 */
import type { MeshEvent } from '../api.ts';
import { printable } from './chat-protocol.ts';

/** `quiet`: the event is about a hub and no news. `other`: it is not about a hub. */
export type HubNewsText = { readonly kind: 'news'; readonly text: string } | { readonly kind: 'quiet' | 'other' };

const QUIET: HubNewsText = { kind: 'quiet' };
const news = (text: string): HubNewsText => ({ kind: 'news', text: printable(text) });

/** The memory of one peer: which of its hubs are known to be away. Its size is bounded by the number of hubs. */
export class HubNews {
  readonly #away = new Set<string>();

  /** Takes every event of the peer; `urls` are its hubs. */
  take(event: MeshEvent, urls: readonly string[]): HubNewsText {
    switch (event.type) {
      case 'hub.connected':
        if (event.at !== undefined) return news(`* hub ${event.at} is there in place of ${event.url}`);
        return news(`* hub ${event.url} is ${this.#away.delete(event.url) ? 'back' : 'there'}`);
      case 'hub.disconnected':
        this.#away.add(event.url);
        return news(`* hub ${event.url} is gone (${event.reason}); trying again`);
      case 'status.changed':
        return this.#takeStatus(event, urls);
      default:
        return { kind: 'other' };
    }
  }

  #takeStatus({ code, message }: MeshEvent<'status.changed'>, urls: readonly string[]): HubNewsText {
    if (code !== 'HUB_UNREACHABLE' && code !== 'HUB_REFUSED') return { kind: 'other' };
    const before = code === 'HUB_REFUSED' ? ' refused a frame: ' : ': ';
    const url = urls.find((candidate) => message.startsWith(`${candidate}${before}`));
    if (url === undefined) return { kind: 'other' };
    if (this.#away.has(url)) return QUIET;
    // These end the session at once: its end is the news, and tells the reason.
    if (code === 'HUB_REFUSED')
      return /^(?:PROOF_FAILED|UNAUTHORIZED): /.test(message.slice(url.length + before.length))
        ? QUIET
        : { kind: 'other' };
    this.#away.add(url);
    return news(`* hub ${url} cannot be reached (${message.slice(url.length + 2)}); trying again`);
  }
}
