/**
 * Who may open a socket, as far as it is counted or shown: the token or a ticket for it, sockets of one address, and how
 * often one id is opened. Owns the counts; what the request says is read in `admission.core.ts`.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { PeerId } from '../machines/shared/ids.ts';
import { HUB_ID_OPENS_KEPT, HUB_PLAIN_PER_IP_MAX, HUB_RATE_WINDOW_MS } from '../machines/shared/limits.ts';
import type { RandomPort } from '../runtime/ports/random.ts';
import { addressKey, isLoopback } from './admission.core.ts';
import { Budget } from './budget.core.ts';
import type { HubSettings } from './options.ts';
import { Tickets } from './tickets.core.ts';

/** Sockets of one address that are told in a rate window why they are refused; further connections are cut unheard. Guess. */
const REFUSALS_PER_IP = 64;
/** Addresses whose budgets are kept; the oldest are forgotten, and begin anew. */
const BUDGETS_KEPT = 10_000;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
function uncount(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}

export interface AccessPorts {
  readonly random: RandomPort;
  toBase64Url(bytes: Uint8Array): string;
  nowMs(): number;
}

export class Access {
  readonly #settings: HubSettings;
  readonly #ports: AccessPorts;
  readonly #tokenDigest: Buffer | undefined;
  readonly #tickets = new Tickets();
  readonly #perAddress = new Map<string, number>();
  /** TCP connections, whatever became of them. */
  readonly #connections = new Map<string, number>();
  readonly #budgets = new Map<string, Budget>();
  /** Sockets opened under an id, from one address, in the current window; and those of an address that were refused. */
  #opens = new Map<string, number>();
  #refusals = new Map<string, number>();
  #windowMs = 0;

  constructor(settings: HubSettings, ports: AccessPorts) {
    this.#settings = settings;
    this.#ports = ports;
    this.#tokenDigest = settings.authToken === undefined ? undefined : digest(settings.authToken);
  }

  get wantsToken(): boolean {
    return this.#tokenDigest !== undefined;
  }

  isTokenRight(token: string | undefined): boolean {
    if (this.#tokenDigest === undefined) return true;
    // Digests are equally long, so that the comparison takes the same time whatever was sent.
    return timingSafeEqual(this.#tokenDigest, digest(token ?? ''));
  }

  /** A ticket for whoever has shown the token; undefined when too many are out. */
  issueTicket(peerId: PeerId | undefined): { readonly ticket: string; readonly expiresMs: number } | undefined {
    const ticket = this.#ports.toBase64Url(this.#ports.random.bytes(24));
    const expiresMs = this.#tickets.issue(ticket, peerId, this.#ports.nowMs());
    return expiresMs === undefined ? undefined : { ticket, expiresMs };
  }

  isTicketGood(ticket: string | undefined, peerId: PeerId | undefined): boolean {
    return ticket !== undefined && this.#tickets.redeem(ticket, peerId, this.#ports.nowMs());
  }

  #isExempt(address: string): boolean {
    return this.#settings.isLoopbackExempt && isLoopback(address);
  }

  isAddressFull(address: string): boolean {
    return !this.#isExempt(address) && (this.#perAddress.get(addressKey(address)) ?? 0) >= this.#settings.perIpMax;
  }

  /** Counts a socket of this address, until it has left. */
  enter(address: string): void {
    count(this.#perAddress, addressKey(address));
  }
  /** A socket that `enter` counted. */
  left(address: string): void {
    uncount(this.#perAddress, addressKey(address));
  }

  /**
   * Whether this address may have one TCP connection more. Requests that never end must not take the places of those who come after.
   * Behind a proxy all have its address, and it does the counting.
   */
  mayConnect(address: string): boolean {
    const { perIpMax, trustProxy } = this.#settings;
    if (trustProxy || this.#isExempt(address)) return true;
    const key = addressKey(address);
    return (this.#connections.get(key) ?? 0) < perIpMax + HUB_PLAIN_PER_IP_MAX && !this.#isTiresome(key);
  }
  /** Counts a TCP connection of this address, until it has gone. */
  connect(address: string): void {
    count(this.#connections, addressKey(address));
  }
  /** A connection that `connect` counted. */
  gone(address: string): void {
    uncount(this.#connections, addressKey(address));
  }

  /** A socket of this address was refused, at once or later. Whoever asks again and again is heard less. */
  refused(address: string): void {
    this.#turnWindow();
    const key = addressKey(address);
    this.#refusals.set(key, (this.#refusals.get(key) ?? 0) + 1);
  }

  #isTiresome(key: string): boolean {
    this.#turnWindow();
    return (this.#refusals.get(key) ?? 0) >= REFUSALS_PER_IP;
  }

  #turnWindow(): void {
    const nowMs = this.#ports.nowMs();
    // A flood of ids is a matter for the limits of addresses; here it must only cost no memory.
    if (nowMs - this.#windowMs < HUB_RATE_WINDOW_MS && this.#opens.size + this.#refusals.size < HUB_ID_OPENS_KEPT)
      return;
    this.#windowMs = nowMs;
    this.#opens = new Map();
    this.#refusals = new Map();
  }

  /** What the sockets of this address share; undefined: they may send what they like. It outlives them, or they would come again. */
  budgetOf(address: string): Budget | undefined {
    const { perIpBytes } = this.#settings;
    if (perIpBytes === 0 || this.#isExempt(address)) return undefined;
    const key = addressKey(address);
    const known = this.#budgets.get(key);
    if (known !== undefined) return known;
    const budget = new Budget(perIpBytes, this.#ports.nowMs());
    this.#budgets.set(key, budget);
    if (this.#budgets.size > BUDGETS_KEPT) {
      for (const oldest of this.#budgets.keys()) {
        this.#budgets.delete(oldest);
        break;
      }
    }
    return budget;
  }

  /**
   * Counts one more socket under this id from this address. True when it is one too many in this window. Counted for each
   * address: else anybody could keep a peer from coming back by opening sockets under its id.
   */
  isIdHasty(peerId: PeerId, address: string): boolean {
    const { perIdRate } = this.#settings;
    if (perIdRate === 0) return false;
    this.#turnWindow();
    const key = `${peerId} ${addressKey(address)}`;
    const opens = (this.#opens.get(key) ?? 0) + 1;
    this.#opens.set(key, opens);
    return opens > perIdRate;
  }
}
