/**
 * What the chat says over the mesh, and how it reads what others say. Whoever is in the network may send anything, so the
 * reader bounds every field and shows foreign data as text. Pure.
 */

/** A line of chat. It travels as a plain string, so that the peers of a terminal read it as they read each other. */
export interface ChatText {
  readonly kind: 'text';
  readonly text: string;
}
/**
 * Broadcast on change and now and then: the sender's name and whom it is linked to, so that every page can draw the whole
 * mesh.
 */
export interface LinkList {
  readonly kind: 'links';
  readonly name: string;
  readonly links: readonly string[];
  /** The last word: the sender leaves. */
  readonly leaving?: true;
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
export function readMessage(data: unknown, topic?: string): ChatMessage {
  if (topic === LINKS_TOPIC) return readLinks(data);
  return { kind: 'text', text: bounded(typeof data === 'string' ? data : asText(data)) };
}

function readLinks(data: unknown): LinkList {
  const { name, links, leaving } = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  const ids = Array.isArray(links) ? links.slice(0, LINKS_MAX).filter(isPeerId) : [];
  return { kind: 'links', name: cleanName(name), links: [...new Set(ids)], ...(leaving === true && { leaving }) };
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
