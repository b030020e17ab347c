/**
 * What a person types into `peer` and what it answers: pure. A line is a broadcast unless it starts with a slash.
 */
import type { MeshEvent, MeshStatus } from '../api.ts';
import { toJsonData } from './json-data.ts';

export type ChatLine =
  | { readonly type: 'empty' }
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'whisper'; readonly prefix: string; readonly text: string }
  | { readonly type: 'use'; readonly peer: number }
  | { readonly type: 'peers' | 'status' | 'leave' | 'help' | 'invite' }
  /** Without a text the following lines are it, up to an empty one. */
  | { readonly type: 'accept'; readonly text: string }
  | { readonly type: 'unknown'; readonly message: string };

export const CHAT_HELP = [
  'A line you type goes to everybody.  /to ID TEXT  one peer (the first digits of its id are enough)',
  '/invite  a text for somebody who is not here yet   /accept  takes such a text, pasted after it, up to an empty line',
  '/peers  links   /status  state and figures   /as N  speak as peer N   /leave  go   /help  this text',
];

/** Reads one typed line. `//text` says a text that starts with a slash. Total. */
export function readChatLine(line: string, peerCount: number): ChatLine {
  const text = line.trim();
  if (text === '') return { type: 'empty' };
  if (text.startsWith('//')) return { type: 'say', text: text.slice(1) };
  if (!text.startsWith('/')) return { type: 'say', text };
  const name = (/^\/\S*/.exec(text) as RegExpExecArray)[0].slice(1); // it begins with a slash
  const rest = text.slice(1 + name.length).trimStart();
  switch (name) {
    case 'peers':
    case 'status':
    case 'leave':
    case 'help':
    case 'invite':
      return { type: name };
    case 'accept':
      return { type: 'accept', text: rest };
    case 'quit':
    case 'exit':
      return { type: 'leave' };
    case 'to': {
      const [, prefix = '', message = ''] = /^(\S+)\s+([\s\S]+)$/.exec(rest) ?? [];
      if (prefix === '') return { type: 'unknown', message: 'Use: /to ID TEXT' };
      if (!/^[0-9a-fA-F]{1,40}$/.test(prefix)) {
        return { type: 'unknown', message: `No peer starts with ${prefix.slice(0, 40)}: ids are of 0-9 and a-f` };
      }
      return { type: 'whisper', prefix: prefix.toLowerCase(), text: message };
    }
    case 'as': {
      const peer = /^\d{1,4}$/.test(rest) ? Number(rest) : Number.NaN;
      if (peer < peerCount) return { type: 'use', peer };
      return { type: 'unknown', message: `Use: /as N with N from 0 to ${peerCount - 1}` };
    }
    default:
      return { type: 'unknown', message: `Unknown command /${name.slice(0, 40)}; /help tells them` };
  }
}

export type Resolved = { readonly ok: true; readonly id: string } | { readonly ok: false; readonly message: string };

/** A text to hand over, in lines that a terminal takes back: it cuts a pasted line that is longer than 4,095 characters. */
export const wrapped = (text: string): string[] => text.match(/.{1,96}/g) ?? [];

/** The one known id that starts with `prefix`. A whole id needs not be known. */
export function resolvePrefix(prefix: string, known: Iterable<string>): Resolved {
  if (prefix.length === 40) return { ok: true, id: prefix };
  const matches = [...new Set(known)].filter((id) => id.startsWith(prefix));
  const [first] = matches;
  if (first === undefined) return { ok: false, message: `No known peer starts with ${prefix}; /peers lists them` };
  if (matches.length > 1)
    return { ok: false, message: `${matches.length} peers start with ${prefix}: type more digits` };
  return { ok: true, id: first };
}

export const shortId = (id: string): string => id.slice(0, 8);

/** Text from a stranger, safe to print: control characters would let it rewrite the terminal. */
export const printable = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\u00b7');

/** Topic under which the chat page tells links rather than talks. */
const PAGE_LINKS_TOPIC = 'browser-chat/links';

/** What a person said in the chat page of the demo, with the name they gave. */
function pageText(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null || !('kind' in data) || data.kind !== 'text') return undefined;
  if (!('text' in data) || typeof data.text !== 'string') return undefined;
  return 'name' in data && typeof data.name === 'string' ? `(${data.name.slice(0, 32)}) ${data.text}` : data.text;
}

/** Longest message text that is shown in one line. */
const SHOWN_CHARS_MAX = 2_000;

export function shownData(data: unknown): string {
  const text = typeof data === 'string' ? data : (pageText(data) ?? JSON.stringify(toJsonData(data)) ?? 'undefined');
  return printable(text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text);
}

/** An event as a line for people; undefined for those that would only be noise. */
export function describeEvent(event: MeshEvent): string | undefined {
  switch (event.type) {
    case 'message':
      if (event.topic === PAGE_LINKS_TOPIC) return undefined;
      return `${shortId(event.from)}${event.kind === 'direct' ? ' (to you)' : ''}: ${shownData(event.data)}`;
    case 'peer.connected':
      return `+ linked to ${shortId(event.remote)}`;
    case 'peer.disconnected':
      return `- link to ${shortId(event.remote)} ended (${printable(event.words === undefined ? event.reason : `${event.reason}: ${event.words}`)})`;
    case 'peer.evicted':
      return `- ${shortId(event.remote)} gave our link to another (${printable(event.reason)})`;
    case 'hub.connected':
      return `* hub ${printable(event.url)} is there`;
    case 'hub.disconnected':
      return `* hub ${printable(event.url)} is gone (${printable(event.reason)}); trying again`;
    case 'status.changed':
      return event.level === 'info' ? undefined : `! ${printable(event.message)}`;
    case 'error':
      return `! ${event.error.code}: ${printable(event.error.message)}`;
    default:
      return undefined;
  }
}

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** The state of a hub's chart, a dot path, for those who do not know the chart. */
function hubWords(state: string): string {
  if (state.startsWith('open')) return 'connected';
  if (state.startsWith('backingOff')) return 'away; trying again';
  if (state.startsWith('closed') || state.startsWith('leaving')) return 'left';
  return 'connecting';
}

/** The same for a peer's chart. */
function linkWords(state: string): string {
  if (state.startsWith('connected.suspect')) return 'linked, but silent';
  if (state.startsWith('connected')) return 'linked';
  if (state.startsWith('draining') || state.startsWith('closed')) return 'ending';
  if (state.startsWith('backingOff')) return 'not linked; may try again';
  return 'linking';
}

/** A status as a few lines. */
export function describeStatus(status: MeshStatus): string[] {
  const standing = status.links.filter(isStanding).length;
  return [
    `${status.peerId}  network ${status.network}  ${status.state} for ${Math.round(status.uptimeMs / 1000)} s`,
    `${plural(standing, 'link')} (looks for more below ${status.minPeers}, keeps ${status.maxPeers} at most), knows ${plural(status.discovered, 'other peer')}`,
    ...status.hubs.map((hub) => `hub ${hub.url}  ${hubWords(hub.state)}`),
  ];
}

export function describeLinks(status: MeshStatus): string[] {
  if (status.links.length === 0) return ['No links.'];
  return status.links.map((link) => {
    const rtt = link.rttMs === null ? '' : `  ${Math.round(link.rttMs)} ms`;
    return `${link.peerId}  ${linkWords(link.state)}  ${link.role}${rtt}`;
  });
}

/** A link counts when its state starts with `connected`. */
export const isStanding = (link: { readonly state: string }): boolean =>
  link.state === 'connected' || link.state.startsWith('connected.');
