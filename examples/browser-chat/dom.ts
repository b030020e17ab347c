/** Small helpers for the page's elements. All text goes in as text, never as markup. */
import { hueOf, shortId } from './messages.ts';

/** The element of an id that index.html defines. Throws when page and program do not fit together. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (found instanceof type) return found;
  throw new Error(`index.html has no ${type.name} #${id}`);
}

/** Sets text only when it differs, so that screen readers hear news and nothing else. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** A new element with classes and text. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  classes: string,
  text?: string,
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (classes !== '') made.className = classes;
  if (text !== undefined) made.textContent = text;
  return made;
}

/** Fills a peer's name and short id, in the peer's own colour. The whole id is the tooltip. */
export function showPeer(name: Element, id: HTMLElement, peerId: string, knownName: string): void {
  setText(name, knownName);
  setText(id, shortId(peerId));
  id.title = peerId;
  id.style.setProperty('--hue', String(hueOf(peerId)));
}
