/**
 * What the chat says over the mesh, and how it reads what others say. Whoever is in the network may send anything, so the
 * reader bounds every field and shows foreign data as text. Pure.
 */

/** A line of chat: broadcast to all, or direct to one. */
export interface ChatText {
  readonly kind: 'text';
  readonly text: string;
  readonly name?: string;
}
/** Broadcast on change and now and then: whom the sender is linked to, so that every page can draw the whole mesh. */
export interface LinkList {
  readonly kind: 'links';
  readonly links: readonly string[];
  readonly name?: string;
}
export type ChatMessage = ChatText | LinkList;

/** The topic of link lists, so that other programs of the network can leave them out. */
export const LINKS_TOPIC = 'browser-chat/links';
export const NAME_CHARS_MAX = 32;
export const TEXT_CHARS_MAX = 2_000;
/** A full set of links, one of them over the cap. */
export const LINKS_MAX = 51;

const PEER_ID = /^[0-9a-f]{40}$/;
export const isPeerId = (value: unknown): value is string => typeof value === 'string' && PEER_ID.test(value);

/** A name as it is shown: one line, no outer blanks, bounded. Empty when there is none. */
export function cleanName(value: unknown): string {
  if (typeof value !== 'string') return '';
  // Control characters and marks that turn the reading direction could make one name look like another.
  const plain = value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return [...plain].slice(0, NAME_CHARS_MAX).join('').trim();
}

/** Reads what arrived. Total: data of other programs becomes a text. */
export function readMessage(data: unknown): ChatMessage {
  if (typeof data === 'object' && data !== null && 'kind' in data) {
    const sender = 'name' in data ? cleanName(data.name) : '';
    const name = sender === '' ? {} : { name: sender };
    if (data.kind === 'text' && 'text' in data && typeof data.text === 'string') {
      return { kind: 'text', text: bounded(data.text), ...name };
    }
    if (data.kind === 'links' && 'links' in data && Array.isArray(data.links)) {
      return { kind: 'links', links: [...new Set(data.links.slice(0, LINKS_MAX).filter(isPeerId))], ...name };
    }
  }
  return { kind: 'text', text: bounded(typeof data === 'string' ? data : asText(data)) };
}

const bounded = (text: string): string => (text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text);

function asText(data: unknown): string {
  try {
    return JSON.stringify(data) ?? String(data);
  } catch {
    // Cycles and bigints have no JSON; that something came is still worth a line.
    return '[data that cannot be shown]';
  }
}

/** The first six digits tell some thousand peers apart. */
export const shortId = (id: string): string => id.slice(0, 6);

/** A hue for a peer, 0 to 359: the same on every page. */
export const hueOf = (id: string): number => Number.parseInt(id.slice(0, 6), 16) % 360 || 0;
