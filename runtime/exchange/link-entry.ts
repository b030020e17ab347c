/**
 * A link as the data plane sees it: its handle, last-arrival times, mode, queues, budgets. Mutable, owned by the exchange, never
 * seen by a chart.
 */

import { createMerit, type Merit } from '../../machines/gossip/merit.core.ts';
import { createPromises } from '../../machines/gossip/promises.core.ts';
import { DHT_MESSAGES_MAX } from '../../machines/shared/dht-routing-limits.ts';
import { STRAYS_MAX } from '../../machines/shared/direct-limits.ts';
import {
  ANNOUNCED_MAX,
  ASKED_MAX,
  CONFIRMS_MAX,
  DIGESTS_MAX,
  GRAFTS_MAX,
  GRAFTS_WINDOW_MS,
} from '../../machines/shared/gossip-limits.ts';
import type { AttemptId, MessageId, PeerId } from '../../machines/shared/ids.ts';
import {
  CONTROL_BUFFER_MAX_BYTES,
  CONTROL_MESSAGES_MAX,
  EARLY_FRAMES_MAX,
  LINK_BUFFER_HIGH_BYTES,
  LINK_BUFFER_LOW_BYTES,
  LINK_QUEUE_BYTES_MAX,
  MISBEHAVIOUR_MAX,
  MISBEHAVIOUR_WINDOW_MS,
  RELAYS_MAX,
} from '../../machines/shared/limits.ts';
import type { ChannelFact, LinkMode } from '../ports/exchange.ts';
import { type Link, NO_LINK } from '../ports/link.ts';
import type { PeerAd } from '../ports/signaling.ts';
import { encodeFrame, encodeMessage } from '../wire/codec.ts';
import type { Announcement } from '../wire/messages.ts';
import { Budget } from './budget.ts';
import { Gathered } from './gathered.ts';
import type { ChannelInlet } from './inlet.ts';
import { Session } from './session.ts';

export class LinkEntry {
  // What each frame touches comes first, side by side: with thousands of peers in a process little of it is in a cache. Times
  // that are written for each start as a number: V8 then writes them in place, and makes no object of each.
  readonly remote: PeerId;
  /** The attempt of the channel of the moment. */
  attempt: AttemptId;
  link: Link;
  /** Of the channel of the moment. */
  inlet: ChannelInlet;
  admitted = false;
  /** It said something that is no greeting: it admitted the link, too. What it is to be told waits for that. */
  isHeard = false;
  /** CLOSE went out: what still arrives is taken in, nothing more is sent. */
  retired = false;
  /** What was told of its silence. */
  alarm: 'none' | 'quiet' | 'silent' = 'none';
  mode: LinkMode = 'forwarding';
  heardMs = 0;
  saidMs = 0;
  /** When our own network changed, or we were back from being away, if it was not heard since. */
  shakenMs: number | undefined;
  /** Its place among the links, 0 to 63; one that is gone leaves its place to another. */
  slot = 0;
  #controls = 0;
  #controlsSinceMs = 0;
  /** Something may be gathered on either lane. */
  #gathers = false;
  /** What it is told that we have, soon; none while that is nothing. */
  announcements: Map<MessageId, Announcement> | undefined;
  /** Which of the waits they share. */
  announceBatch: object | undefined;
  readonly announceBudget = new Budget(ANNOUNCED_MAX, MISBEHAVIOUR_WINDOW_MS);
  /** Survives a change of the channel. */
  readonly session = new Session();

  readonly tell: (fact: ChannelFact) => void;
  /** What it said that it can do. */
  features: readonly string[] = [];
  /** The other end said CLOSE: it wants nothing more. */
  farewelled = false;
  /** When the link came about, whatever channel carries it now. */
  readonly sinceMs: number;
  /** The channel is new to the link: nothing is sent before the other end said what it has. */
  resuming = false;
  rttMs: number | null = null;
  /** Its neighbours, as it told last; later word has a greater number. */
  neighbours: readonly PeerAd[] = [];
  neighboursSeq = -1;
  /** What it brings of what others say. */
  readonly merit: Merit;
  /** Messages that it has, by its digest, and that have not come; whether there are none, and when it was told what we have. */
  readonly lacking = new Set<MessageId>();
  isSynced = false;
  comparedMs = Number.NEGATIVE_INFINITY;
  /** What it announced, was asked for, and did not give yet. */
  readonly promises = createPromises();
  /** What it is asked for one by one. */
  readonly graftBudget = new Budget(GRAFTS_MAX, GRAFTS_WINDOW_MS);
  readonly askBudget = new Budget(ASKED_MAX, MISBEHAVIOUR_WINDOW_MS);
  readonly confirmBudget = new Budget(CONFIRMS_MAX, MISBEHAVIOUR_WINDOW_MS);
  readonly digestBudget = new Budget(DIGESTS_MAX, MISBEHAVIOUR_WINDOW_MS);
  /** Signals that it has us relay. */
  readonly relayBudget = new Budget(RELAYS_MAX, MISBEHAVIOUR_WINDOW_MS);
  /** Receipts whose way back we do not know. */
  readonly strayBudget = new Budget(STRAYS_MAX, MISBEHAVIOUR_WINDOW_MS);
  /** Questions and answers of the DHT that it causes. */
  readonly dhtBudget = new Budget(DHT_MESSAGES_MAX, MISBEHAVIOUR_WINDOW_MS);
  /** Frames that came before the chart admitted the link. */
  early: Uint8Array[] = [];
  unheard: Uint8Array[] = [];
  unheardBytes = 0;
  /** Messages held back while the link is congested. */
  queue: Uint8Array[] = [];
  queuedBytes = 0;
  /**
   * Messages of this turn that will share a frame. Counted messages, and what has its place among them, take a lane of their
   * own where the link has two: what keeps the mesh together does not wait behind an app's megabyte.
   */
  readonly #control = new Gathered();
  readonly #data = new Gathered();
  #faults = 0;
  #faultsSinceMs = 0;

  constructor(
    remote: PeerId,
    attempt: AttemptId,
    link: Link,
    inlet: ChannelInlet,
    tell: (fact: ChannelFact) => void,
    nowMs: number,
  ) {
    this.remote = remote;
    this.attempt = attempt;
    this.link = link;
    this.inlet = inlet;
    this.tell = tell;
    this.sinceMs = nowMs;
    this.merit = createMerit(nowMs);
    this.heardMs = nowMs;
    this.saidMs = nowMs;
    this.#faultsSinceMs = nowMs;
    this.#controlsSinceMs = nowMs;
  }

  /** Another link has its place, or none. */
  get isGone(): boolean {
    return this.inlet.entry !== this;
  }

  /** Messages may be sent on it. */
  get carries(): boolean {
    return this.admitted && !this.retired;
  }

  /** Nothing is held back, and its messages are heard. */
  get flows(): boolean {
    return this.mode !== 'congested' && this.mode !== 'muted';
  }

  /** Sends one encoded message, behind what was gathered. */
  push(part: Uint8Array, nowMs: number): boolean {
    if (!this.#gathers) return this.#sendAlone(part, 'control', nowMs);
    this.gather(part, nowMs);
    return this.sendGathered(nowMs);
  }

  /** The same, behind all counted messages. */
  pushLast(part: Uint8Array, nowMs: number): boolean {
    if (!this.#gathers) return this.#sendAlone(part, this.link.lanes === 2 ? 'bulk' : 'control', nowMs);
    this.#add(this.#dataLane, part, nowMs);
    return this.sendGathered(nowMs);
  }

  /** Mostly nothing was gathered, and then the message is not put there either: little of what it would touch is in a cache. */
  #sendAlone(part: Uint8Array, lane: 'control' | 'bulk', nowMs: number): boolean {
    this.saidMs = nowMs;
    return this.link.send(encodeFrame([part]), lane);
  }

  /** Sends one counted message. */
  pushCounted(part: Uint8Array, nowMs: number): void {
    this.session.keep(part);
    this.pushLast(part, nowMs);
  }

  /** Gathers one counted message. */
  gatherCounted(part: Uint8Array, nowMs: number): void {
    this.session.keep(part);
    this.#add(this.#dataLane, part, nowMs);
  }

  /** Gathers an ACK, if there is something to say. Its place among the counted messages is part of what it says. */
  gatherAck(nowMs: number): void {
    if (this.session.owesAck && !this.isStuck) this.#add(this.#dataLane, encodeMessage(this.session.tell()), nowMs);
  }

  get #dataLane(): Gathered {
    return this.link.lanes === 2 ? this.#data : this.#control;
  }

  /** The channel is gone. What is sent is kept for another one. */
  suspend(): void {
    this.link = NO_LINK;
  }

  /** Goes on with the channel of another entry. The other end hears first what arrived so far. */
  succeed(heir: LinkEntry, nowMs: number): void {
    this.attempt = heir.attempt;
    this.link = heir.link;
    this.inlet.entry = undefined;
    this.inlet = heir.inlet;
    this.inlet.entry = this;
    this.heardMs = nowMs;
    this.alarm = 'none';
    this.shakenMs = undefined;
    this.rttMs = null;
    this.resuming = true;
    // What was gathered is kept by the session, and the rest was meant for the old channel.
    this.#control.clear();
    this.#data.clear();
    this.#gathers = false;
    this.pushLast(encodeMessage(this.session.tell()), nowMs);
  }

  /** The other end said what it has: all else goes first in the queue. */
  rewind(): number {
    const parts = this.session.rewind();
    for (const part of parts) this.queuedBytes += part.length;
    this.queue = [...parts, ...this.queue];
    this.resuming = false;
    return parts.length;
  }

  /** Keeps one encoded message for the end of this turn; a full frame goes at once. */
  gather(part: Uint8Array, nowMs: number): void {
    this.#add(this.#control, part, nowMs);
  }

  #add(gathered: Gathered, part: Uint8Array, nowMs: number): void {
    this.#gathers = true;
    if (!gathered.hasRoomFor(part)) this.#send(gathered, nowMs);
    gathered.add(part);
  }

  /** Sends what was gathered, a frame a lane. False when there was nothing, or the link did not take it. */
  sendGathered(nowMs: number): boolean {
    if (!this.#gathers) return false;
    const isControlSent = this.#send(this.#control, nowMs);
    const isDataSent = this.#send(this.#data, nowMs);
    // Not before: what a port may do in `send` comes behind what is gathered.
    this.#gathers = this.gatheredCount > 0;
    return isDataSent || isControlSent;
  }

  #send(gathered: Gathered, nowMs: number): boolean {
    const frame = gathered.take();
    if (frame === undefined) return false;
    this.saidMs = nowMs;
    return this.link.send(frame, gathered === this.#data ? 'bulk' : 'control');
  }

  /** Messages that wait for the end of this turn. */
  get gatheredCount(): number {
    return this.#control.count + this.#data.count;
  }

  get isFull(): boolean {
    return this.resuming || this.session.isFull || this.isCrowded;
  }

  /** The channel's buffer is above its high mark. */
  get isCrowded(): boolean {
    const gatheredBytes = this.#gathers ? this.#control.bytes + this.#data.bytes : 0;
    return this.link.bufferedBytes + gatheredBytes > LINK_BUFFER_HIGH_BYTES;
  }

  /** So much waits that the other side does not read: it gets no more control messages. */
  get isStuck(): boolean {
    return this.link.bufferedBytes > CONTROL_BUFFER_MAX_BYTES;
  }

  /** Keeps a message for later. False when the queue is full. */
  hold(part: Uint8Array): boolean {
    if (this.queuedBytes + part.length > LINK_QUEUE_BYTES_MAX) return false;
    this.queue.push(part);
    this.queuedBytes += part.length;
    return true;
  }

  /** Sends what waited, as long as the link takes it. True when nothing waits any more. */
  flush(nowMs: number): boolean {
    let sent = 0;
    while (sent < this.queue.length && this.link.bufferedBytes <= LINK_BUFFER_LOW_BYTES * 2 && !this.isFull) {
      const part = this.queue[sent] as Uint8Array;
      this.gatherCounted(part, nowMs);
      this.queuedBytes -= part.length;
      sent++;
    }
    this.sendGathered(nowMs);
    this.queue.splice(0, sent);
    return this.queue.length === 0;
  }

  /** Keeps an early frame. False when there are too many. */
  keepEarly(frame: Uint8Array): boolean {
    if (this.early.length >= EARLY_FRAMES_MAX) return false;
    this.early.push(frame);
    return true;
  }

  /** Charges one control message that came. False when the neighbour said too much lately. */
  charge(nowMs: number): boolean {
    if (nowMs - this.#controlsSinceMs > MISBEHAVIOUR_WINDOW_MS) {
      this.#controls = 0;
      this.#controlsSinceMs = nowMs;
    }
    this.#controls++;
    return this.#controls <= CONTROL_MESSAGES_MAX;
  }

  /** Counts something no honest neighbour does. True when it was once too often. */
  fault(nowMs: number, weight: number): boolean {
    if (nowMs - this.#faultsSinceMs > MISBEHAVIOUR_WINDOW_MS) {
      this.#faults = 0;
      this.#faultsSinceMs = nowMs;
    }
    const before = this.#faults;
    this.#faults += weight;
    return before < MISBEHAVIOUR_MAX && this.#faults >= MISBEHAVIOUR_MAX;
  }
}
