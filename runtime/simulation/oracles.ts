/**
 * What must hold at every instant of a run, checked from outside. Each invariant names the failure it guards against; a
 * breach is a Violation with the peers it concerns, never an exception, so that one run can show all that is wrong.
 */
import {
  BACKING_OFF_MAX,
  HANDSHAKE_TIMEOUT_MS,
  KNOWN_PEERS_MAX,
  LINKS_OVER_CAP,
  PROOF_TIMEOUT_MS,
} from '../../machines/shared/limits.ts';
import type { SimPeer } from './sim-peer.ts';

/**
 * One-sided links may stand this long: a crash is noticed after SUSPECT_AFTER_MS + SUSPECT_TIMEOUT_MS, a hand-shake that
 * only one end completed after HANDSHAKE_TIMEOUT_MS more, and a background tab looks once a second.
 */
export const AGREEMENT_MS = 15_000;

/** A channel to somebody else than was dialed may be open so long: HELLO and proof are awaited, and then its end. */
export const MISLED_MS = HANDSHAKE_TIMEOUT_MS + PROOF_TIMEOUT_MS + 5_000;

type Report = (property: string, detail: string, peers: readonly number[]) => void;
type Context = ReturnType<SimPeer['mesh']['getSnapshot']>['context']['memory'];

/** What the oracles look at of a run. */
export interface WatchedRun {
  readonly nowMs: number;
  linksOf(peer: SimPeer): ReadonlySet<string>;
  peerOf(id: string): SimPeer | undefined;
}

/** The parts of a peer's state that its invariants are about, as they were when they were last looked at. */
interface Seen {
  readonly slots: Context['slots'];
  readonly revision: number;
  readonly cap: number;
  readonly children: object;
}

/** All invariants of a run. A peer whose state is the very object that was found good before is not looked at again. */
export class Oracles {
  readonly #run: WatchedRun;
  readonly #report: Report;
  readonly #seen: (Seen | undefined)[] = [];
  readonly #agreement = new Agreement();

  constructor(run: WatchedRun, report: Report) {
    this.#run = run;
    this.#report = report;
  }

  check(living: readonly SimPeer[]): void {
    for (const peer of living) {
      this.#checkPeer(peer);
      this.#checkMisled(peer);
    }
    this.#agreement.check(this.#run, living, this.#report);
  }

  /** Nobody was awake to notice one-sided links: all waits start again. */
  excuse(): void {
    this.#agreement.reset();
  }

  #checkMisled({ ports, index, fate }: SimPeer): void {
    if (ports.misled.size === 0 || fate !== 'running') return;
    for (const [{ other }, sinceMs] of ports.misled) {
      const ms = ports.world.clock.now() - sinceMs;
      if (ms > MISLED_MS) this.#report('strangers-let-go', `${ms} ms with ${other}`, [index]);
    }
  }

  #checkPeer(peer: SimPeer): void {
    const snapshot = peer.mesh.getSnapshot();
    if (snapshot.status !== 'active') return;
    const { slots, ports, settings } = snapshot.context.memory;
    const { known } = ports;
    const { children } = snapshot;
    const cap = settings.maxPeers;
    const seen = this.#seen[peer.index];
    const same = seen !== undefined && seen.slots === slots && seen.cap === cap && seen.children === children;
    if (same && seen.revision === known.revision) return;
    let sound = true;
    const report: Report = (property, detail, peers) => {
      sound = false;
      this.#report(property, detail, peers);
    };
    checkLists(peer, slots, known, report);
    if (!same) checkSlots(peer, slots, cap, children, report);
    // What is wrong is told each time, as long as it is wrong.
    this.#seen[peer.index] = sound ? { slots, revision: known.revision, cap, children } : undefined;
  }
}

function checkLists(peer: SimPeer, slots: Context['slots'], known: Context['ports']['known'], report: Report): void {
  if (known.size > KNOWN_PEERS_MAX) report('tables-bounded', `${known.size} known peers`, [peer.index]);
  if (slots[peer.peerId] !== undefined || known.get(peer.peerId) !== undefined) {
    report('self-never-listed', 'the peer lists itself', [peer.index]);
  }
}

/** Slots and children of one peer against its cap and against each other. */
function checkSlots(
  peer: SimPeer,
  slots: Context['slots'],
  maxPeers: number,
  children: Readonly<Record<string, unknown>>,
  report: Report,
): void {
  const cap = maxPeers + LINKS_OVER_CAP;
  const count = { linked: 0, opening: 0, closing: 0, waiting: 0, ready: 0 };
  for (const id in slots) count[(slots[id] as Context['slots'][string]).phase]++;
  const { linked, opening, waiting, ready } = count;
  if (linked > cap) report('links-within-cap', `${linked} links, at most ${cap}`, [peer.index]);
  if (linked + opening > cap) {
    report('links-and-dials-within-cap', `${linked} links and ${opening} attempts, at most ${cap}`, [peer.index]);
  }
  if (waiting + ready > BACKING_OFF_MAX) report('tables-bounded', `${waiting + ready} waiting actors`, [peer.index]);
  checkChildren(peer, children, linked, slots, report);
}

/** Each slot has its actor and each link its gossip chart; nothing else lives. */
function checkChildren(
  peer: SimPeer,
  children: Readonly<Record<string, unknown>>,
  linked: number,
  slots: Readonly<Record<string, unknown>>,
  report: Report,
): void {
  let peers = 0;
  let gossips = 0;
  for (const id of Object.keys(children)) {
    if (id.startsWith('peer:')) {
      peers++;
      if (slots[id.slice(5)] === undefined) report('no-orphans', `${id} has no slot`, [peer.index]);
    } else if (id.startsWith('gossip:')) gossips++;
  }
  const expected = Object.keys(slots).length;
  if (peers !== expected) report('no-orphans', `${peers} peer actors for ${expected} slots`, [peer.index]);
  if (gossips !== linked) report('no-orphans', `${gossips} gossip actors for ${linked} links`, [peer.index]);
}

/** Links that only one of two living peers reports: allowed for a while, then a violation. */
export class Agreement {
  readonly #since = new Map<string, number>();

  /** Peers asleep or in a frozen tab agree later. */
  check(run: WatchedRun, peers: Iterable<SimPeer>, report: Report): void {
    const { nowMs } = run;
    const open = new Set<string>();
    for (const peer of peers) {
      // A tab whose timers fire once a minute notices that much later.
      if (peer.fate !== 'running' || peer.timerMode === 'perMinute') continue;
      for (const id of run.linksOf(peer)) {
        const other = run.peerOf(id);
        if (other === undefined || other.fate === 'asleep' || (other.living && run.linksOf(other).has(peer.peerId)))
          continue;
        const key = `${peer.index} ${other.index}`;
        open.add(key);
        const since = this.#since.get(key);
        if (since === undefined) this.#since.set(key, nowMs);
        else if (nowMs - since > AGREEMENT_MS) {
          report('both-ends-agree', `linked for one end only, ${nowMs - since} ms`, [peer.index, other.index]);
          this.#since.set(key, nowMs);
        }
      }
    }
    for (const key of this.#since.keys()) if (!open.has(key)) this.#since.delete(key);
  }

  /** Nobody was awake to notice: all waits start again. */
  reset(): void {
    this.#since.clear();
  }
}
