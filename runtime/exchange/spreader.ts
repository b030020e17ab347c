/**
 * How broadcasts spread over the links of one mesh: pushed along trees, announced beside them, asked for where they do not
 * come, compared by digests now and then. The rules are in `machines/gossip`; this owns their state, the timers and what goes
 * out on which link.
 */
import { mayPassOn } from '../../machines/gossip/intake.core.ts';
import { isInDoubt } from '../../machines/gossip/promises.core.ts';
import {
  adopt,
  createTrees,
  dropSlot,
  forgetChild,
  hasEager,
  improve,
  isBranch,
  isEager,
  makeEager,
  NONE,
  SHARED,
  setEager,
  setLazy,
  type Tree,
  type TreeId,
  takeChild,
  takeTrunk,
  tidyShared,
  treeOf,
  useSpare,
} from '../../machines/gossip/trees.core.ts';
import {
  compare,
  createWindow,
  digestOf,
  disown,
  disownAll,
  type Kept,
  lookUp,
  remember,
  type Window,
} from '../../machines/gossip/window.core.ts';
import {
  ANNOUNCE_MAX,
  DIGEST_MS,
  OWN_TREE_AFTER,
  OWN_TREE_WINDOW_MS,
  PROMISE_MS,
  REPAIR_MAX,
  SCATTER_BYTES_MAX,
  SCATTER_HOPS,
} from '../../machines/shared/gossip-limits.ts';
import type { MessageId, PeerId } from '../../machines/shared/ids.ts';
import type { RandomPort } from '../ports/random.ts';
import { encodeMessage } from '../wire/codec.ts';
import type { Announcement, Digest, Graft, IHave, Prune, Want } from '../wire/messages.ts';
import { Announcing } from './announcing.ts';
import { Asking, type AskingOptions } from './asking.ts';
import { Giving, type GivingOptions } from './giving.ts';
import type { LinkEntry } from './link-entry.ts';
import type { LinkTable } from './link-table.ts';
import { Merits } from './merits.ts';

export interface SpreaderOptions extends Omit<AskingOptions, 'graft'>, Omit<GivingOptions, 'window'> {
  readonly self: PeerId;
  readonly random: RandomPort;
  readonly maxPeers: number;
}

/** A digest sent so lately need not be sent again. */
const COMPARED_MS = 1_000;

export class Spreader {
  readonly #options: SpreaderOptions;
  readonly #links: LinkTable;
  readonly #window = createWindow();
  readonly #trees = createTrees();
  readonly #asking: Asking;
  /** The message that came last, if nothing is known yet of a tree of its source's. */
  #beginner: MessageId | undefined;
  /** When we broadcast last, at most OWN_TREE_AFTER of them. */
  readonly #saidMs: number[] = [];
  readonly #announcing: Announcing;
  readonly #giving: Giving;
  readonly merits: Merits;
  #digestAtMs = 0;

  constructor(options: SpreaderOptions) {
    this.#options = options;
    this.#links = options.links;
    const graft = (id: TreeId, entry: LinkEntry): void => {
      const known = this.#knownTree(id);
      if (known !== undefined) setEager(known, entry.slot);
    };
    this.merits = new Merits(options);
    this.#asking = new Asking({ graft, ...options });
    this.#announcing = new Announcing({ kept: (id) => this.#window.seen.get(id), ...options });
    this.#giving = new Giving({ window: this.#window, ...options });
    this.#digestAtMs = options.clock.now() + DIGEST_MS;
  }

  // ---- messages ----------------------------------------------------------------------------------------------------

  /** What came and went, for the decision about what comes. */
  get window(): Window {
    return this.#window;
  }

  /** What is known of a message that came, or is our own. */
  kept(id: MessageId): Kept | undefined {
    return lookUp(this.#window, id);
  }

  /** We are about to broadcast: whether it is often enough for a tree of our own. */
  saysOften(nowMs: number): boolean {
    const said = this.#saidMs;
    const isOften = said.length === OWN_TREE_AFTER && nowMs - (said[0] as number) <= OWN_TREE_WINDOW_MS;
    if (said.length === OWN_TREE_AFTER) said.shift();
    said.push(nowMs);
    return isOften;
  }

  /** Remembers a message; `entry` brought it first, none our own. */
  keep(id: MessageId, kept: Kept, entry: LinkEntry | undefined): void {
    remember(this.#window, id, kept);
    if (!kept.shared) return;
    this.#beginner = kept.tree === SHARED || !this.#trees.own.has(kept.tree) ? id : undefined;
    if (entry === undefined) return;
    this.merits.came(kept, entry, this.#asking.came(id, entry));
    // What is scattered takes links that belong to no tree.
    if (kept.tree === SHARED && kept.hops <= SCATTER_HOPS) return;
    adopt(treeOf(this.#trees, kept.tree, kept.atMs), kept.tree, entry.slot, kept.hops);
  }

  /** What came cannot be read: neighbours who ask for it are not given it. */
  disown(id: MessageId): void {
    disown(this.#window, id);
  }

  /**
   * Passes a broadcast on that was remembered just now: whole where the tree leads, by its id elsewhere. Near its source a message
   * that has no tree of its source's yet, or begins one, goes whole on all links: from so many places the way through the tree is
   * short to everybody.
   */
  spread(id: MessageId, part: Uint8Array, from: LinkEntry | undefined): void {
    const kept = this.#window.seen.get(id);
    if (kept === undefined) return;
    const tree = treeOf(this.#trees, kept.tree, kept.atMs);
    // What is over too soon to be asked for is not announced: it would be a promise that cannot be kept.
    const isLasting = mayPassOn(kept.stamp, kept.atMs + PROMISE_MS);
    const isScattered = this.#beginner === id && mayScatter(kept, part);
    for (const entry of this.#links.all()) {
      if (!entry.carries || entry === from) continue;
      if (isLasting && this.merits.keepsFrom(entry, kept)) {
        this.#announcing.announce(entry, { id, tree: kept.tree, hops: kept.hops + 1 });
        continue;
      }
      if (isScattered && kept.tree !== SHARED) setEager(tree, entry.slot);
      if ((isScattered || isEager(tree, entry.slot)) && this.#options.push(entry, part)) {
        if (kept.confirms) this.#options.asked(id, entry);
        continue;
      }
      if (isLasting) this.#announcing.announce(entry, { id, tree: kept.tree, hops: kept.hops + 1 });
    }
  }

  /** What came before came again: by this link it need not come in this tree. */
  onDuplicate(entry: LinkEntry, id: MessageId, kept: Kept, hops: number): void {
    if (!kept.shared || kept.from === entry.remote) return;
    this.#asking.cameAgain(id, entry);
    if (entry.announcements?.has(id)) this.merits.showed(kept, entry);
    const tree = treeOf(this.#trees, kept.tree, kept.atMs);
    if (kept.tree !== SHARED) {
      if (tree.parent !== entry.slot) this.#prune(tree, kept.tree, entry);
      return;
    }
    if (Math.min(kept.hops, hops) <= SCATTER_HOPS) return;
    // Of the two ways the one goes that was only grafted for a message. Two branches close a circle until the next wave at
    // most, and cutting either could part the tree.
    const nowMs = this.#options.clock.now();
    if (!isBranch(this.#trees, entry.slot, nowMs)) return this.#prune(tree, SHARED, entry);
    const first = this.#links.get(kept.from ?? '');
    if (first !== undefined && !isBranch(this.#trees, first.slot, nowMs)) this.#prune(tree, SHARED, first);
  }

  #prune(tree: Tree, id: TreeId, entry: LinkEntry): void {
    setLazy(tree, entry.slot);
    if (entry.carries) this.#options.send(entry, { type: 'PRUNE', tree: id });
  }

  // ---- announcements -----------------------------------------------------------------------------------------------

  onIHave(entry: LinkEntry, { repair, entries }: IHave): void {
    const { clock, count } = this.#options;
    const nowMs = clock.now();
    // It would not be asked.
    if (entry.mode === 'muted') return count('dropped.muted');
    if (!entry.announceBudget.take(nowMs, entries.length)) return count('dropped.overBudget');
    for (const announcement of entries) {
      const { id, hops } = announcement;
      const kept = this.#window.seen.get(id);
      if (kept !== undefined && entry.announcements?.has(id)) this.merits.showed(kept, entry);
      // It has it: our own word of it is of use only where the way by us is shorter.
      if (kept === undefined || kept.hops + 1 >= hops - 1) entry.announcements?.delete(id);
      if (kept === undefined) {
        this.#asking.announced(entry, announcement, repair, nowMs);
      } else if (!repair && kept.shared && kept.hops > 0) {
        this.#improve(entry, kept.tree, hops, nowMs);
      }
    }
    this.#asking.await();
  }

  #improve(entry: LinkEntry, id: TreeId, hops: number, nowMs: number): void {
    if (id === SHARED || isInDoubt(entry.promises)) return;
    const replaced = improve(treeOf(this.#trees, id, nowMs), id, entry.slot, hops);
    if (replaced === undefined) return;
    this.#options.send(entry, { type: 'GRAFT', tree: id });
    const before = replaced === NONE ? undefined : this.#links.at(replaced);
    if (before?.carries) this.#options.send(before, { type: 'PRUNE', tree: id });
  }

  // ---- what is missing ---------------------------------------------------------------------------------------------

  onGraft(entry: LinkEntry, { tree, id }: Graft): void {
    const { clock, count } = this.#options;
    const nowMs = clock.now();
    if (!entry.askBudget.take(nowMs)) return count('dropped.overBudget');
    const known = this.#knownTree(tree) ?? this.#treeOfKept(tree, id, nowMs);
    if (known === undefined) count('dropped.unknownTree');
    else setEager(known, entry.slot);
    if (id !== undefined) this.#giving.give(entry, id);
    else if (tree === SHARED) takeChild(this.#trees, entry.slot, nowMs);
  }

  #knownTree(id: TreeId): Tree | undefined {
    return id === SHARED ? this.#trees.shared : this.#trees.own.get(id);
  }

  /** Only a message that came begins a tree, not a neighbour's word of one: it would push out those in use. */
  #treeOfKept(tree: TreeId, id: MessageId | undefined, nowMs: number): Tree | undefined {
    const kept = id === undefined ? undefined : this.#window.seen.get(id);
    return kept?.tree === tree ? treeOf(this.#trees, tree, nowMs) : undefined;
  }

  onPrune(entry: LinkEntry, { tree: id }: Prune): void {
    const tree = this.#knownTree(id);
    if (tree !== undefined) setLazy(tree, entry.slot);
    if (id === SHARED) forgetChild(this.#trees, entry.slot);
  }

  onWant(entry: LinkEntry, { ids }: Want): void {
    const { clock, count } = this.#options;
    if (!entry.askBudget.take(clock.now(), ids.length)) return count('dropped.overBudget');
    for (const id of ids) this.#giving.give(entry, id);
  }

  // ---- digests -----------------------------------------------------------------------------------------------------

  /** Time passes: now and then one neighbour is told what we have. */
  tick(nowMs: number): void {
    this.#asking.holdToWord(nowMs);
    this.merits.judge(nowMs);
    if (nowMs < this.#digestAtMs) return;
    const { random } = this.#options;
    this.#digestAtMs = nowMs + DIGEST_MS * (0.8 + 0.4 * random.next());
    if (this.#window.spans.size === 0) return;
    const entries = [...this.#links.all()].filter((entry) => entry.carries && entry.alarm === 'none');
    const entry = entries[Math.floor(random.next() * entries.length)];
    if (entry !== undefined) this.#options.send(entry, this.#digest(nowMs, false, false));
  }

  /** We were away: everybody is asked what passed meanwhile. */
  catchUp(nowMs: number): void {
    this.#asking.forgive();
    this.merits.forgive(nowMs);
    for (const entry of this.#links.all()) {
      if (!entry.carries) continue;
      this.#compare(entry, nowMs);
      if (entry.mode === 'forwarding') this.#options.report({ type: 'link.stale', remote: entry.remote });
    }
  }

  /** The chart of a link wants to know whether both ends have the same. It may have been told just now. */
  sync(entry: LinkEntry, nowMs: number): void {
    if (nowMs - entry.comparedMs > COMPARED_MS) this.#compare(entry, nowMs);
    else if (entry.isSynced) this.#asking.synced(entry);
  }

  #compare(entry: LinkEntry, nowMs: number): void {
    entry.comparedMs = nowMs;
    this.#asking.forget(entry);
    this.#options.send(entry, this.#digest(nowMs, false, true));
  }

  #digest(nowMs: number, answer: boolean, fresh: boolean): Digest {
    return { type: 'DIGEST', answer, ...digestOf(this.#window, nowMs, fresh) };
  }

  onDigest(entry: LinkEntry, digest: Digest): void {
    const nowMs = this.#options.clock.now();
    if (!entry.digestBudget.take(nowMs)) return this.#options.count('dropped.overBudget');
    const { ours, isLacking } = compare(this.#window, digest, nowMs, REPAIR_MAX);
    for (let at = 0; at < ours.length; at += ANNOUNCE_MAX) {
      const entries = ours.slice(at, at + ANNOUNCE_MAX).map((id): Announcement => {
        const { tree, hops } = this.#window.seen.get(id) as Kept;
        return { id, tree, hops: hops + 1 };
      });
      this.#options.send(entry, { type: 'IHAVE', repair: true, entries });
    }
    if (isLacking && !digest.answer) this.#options.send(entry, this.#digest(nowMs, true, true));
    if (!isLacking && entry.lacking.size === 0) this.#asking.synced(entry);
  }

  // ---- links -------------------------------------------------------------------------------------------------------

  /**
   * A link carries messages from now on, or again. It is lazy in every tree, but a peer's only one; what we have is in its
   * first frame.
   */
  linkUp(entry: LinkEntry): void {
    const nowMs = this.#options.clock.now();
    const isOnly = ![...this.#links.all()].some((other) => other !== entry && other.carries);
    if (isOnly) makeEager(this.#trees, entry.slot);
    if (isOnly || !hasEager(this.#trees.shared)) {
      takeTrunk(this.#trees, entry.slot, nowMs);
      entry.gather(encodeMessage({ type: 'GRAFT', tree: SHARED }), nowMs);
    }
    this.merits.linkUp(entry, nowMs);
    entry.comparedMs = nowMs;
    entry.gather(encodeMessage(this.#digest(nowMs, true, true)), nowMs);
  }

  /** We belong to another network now: what was said in the last one is none of its business. */
  moved(): void {
    disownAll(this.#window);
    this.#asking.clear();
  }

  /** A link is gone. Whoever hung on it alone hangs on to another one at once. */
  linkDown(entry: LinkEntry): void {
    entry.announcements = undefined;
    this.#asking.gone(entry);
    for (const id of dropSlot(this.#trees, entry.slot)) {
      const tree = this.#trees.own.get(id) as Tree;
      const spare = this.#links.at(useSpare(tree, id));
      if (spare?.carries) this.#options.send(spare, { type: 'GRAFT', tree: id });
    }
    if (hasEager(this.#trees.shared)) return;
    const heir = [...this.#links.all()].find((other) => other.carries);
    if (heir !== undefined) this.#hangOn(heir, this.#options.clock.now());
  }

  /** A wave of the beacon passed: the shared tree leads to its root over this link (none: we are the root). */
  onWave(trunk: LinkEntry | undefined): void {
    const nowMs = this.#options.clock.now();
    if (trunk === undefined) this.#trees.shared.parent = NONE;
    else this.#hangOn(trunk, nowMs);
    tidyShared(this.#trees, this.#links.slots, nowMs);
  }

  #hangOn(entry: LinkEntry, nowMs: number): void {
    const { send } = this.#options;
    const before = takeTrunk(this.#trees, entry.slot, nowMs);
    send(entry, { type: 'GRAFT', tree: SHARED });
    const old = before === NONE ? undefined : this.#links.at(before);
    if (old?.carries) send(old, { type: 'PRUNE', tree: SHARED });
  }

  stop(): void {
    this.#announcing.stop();
    this.#asking.stop();
  }
}

/** Confirmations are gathered along a tree: what asks for them is not scattered. */
const mayScatter = ({ hops, confirms }: Kept, part: Uint8Array): boolean =>
  hops < SCATTER_HOPS && !confirms && part.length <= SCATTER_BYTES_MAX;
