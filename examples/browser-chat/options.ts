/** What the address of the page asks for: `?hub=`, `?network=`, `?name=`, `?max=`. Pure. */
import { cleanName } from './messages.ts';

export interface PageOptions {
  /** URL of the hub's WebSocket. */
  readonly hub: string;
  readonly network: string;
  /** Empty: the visitor is asked. */
  readonly name: string;
  /** Links at most; undefined: the library's default. */
  readonly maxPeers: number | undefined;
  /** What of the address was not understood, in words. */
  readonly complaints: readonly string[];
}

const NETWORK_CHARS_MAX = 64;
const MAX_PEERS_LOW = 2;
const MAX_PEERS_HIGH = 50;

/** Reads the page's address. Bad values are told of and replaced by their defaults. */
export function readOptions(address: string): PageOptions {
  const url = new URL(address);
  const complaints: string[] = [];
  const own = `${url.protocol === 'https:' ? 'wss:' : 'ws:'}//${url.host || 'localhost:3000'}`;
  const hub = url.searchParams.get('hub') ?? own;
  const hubFits = isSocketUrl(hub);
  if (!hubFits) complaints.push(`“hub=${hub}” is no ws:// or wss:// address; using ${own}.`);
  const network = url.searchParams.get('network') ?? 'demo';
  const networkFits = network.length >= 1 && network.length <= NETWORK_CHARS_MAX;
  if (!networkFits) complaints.push(`A network’s name has 1 to ${NETWORK_CHARS_MAX} characters; using “demo”.`);
  const max = url.searchParams.get('max');
  const maxPeers = max === null ? undefined : Number(max);
  const maxFits =
    maxPeers === undefined || (Number.isInteger(maxPeers) && maxPeers >= MAX_PEERS_LOW && maxPeers <= MAX_PEERS_HIGH);
  if (!maxFits) complaints.push(`“max=${max}” is not from ${MAX_PEERS_LOW} to ${MAX_PEERS_HIGH}; using the default.`);
  return {
    hub: hubFits ? hub : own,
    network: networkFits ? network : 'demo',
    name: cleanName(url.searchParams.get('name')),
    maxPeers: maxFits ? maxPeers : undefined,
    complaints,
  };
}

function isSocketUrl(text: string): boolean {
  try {
    return ['ws:', 'wss:'].includes(new URL(text).protocol);
  } catch {
    // Not a URL at all: the answer is no.
    return false;
  }
}
