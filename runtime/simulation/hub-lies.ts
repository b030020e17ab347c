/**
 * What a lying hub of the scenario `hostile` does to what passes through it, lie by lie: hooks of the in-memory hub, which draw
 * from a stream of their own. Each lies in one way about a share of what it could lie about, so that there is a mesh to lie to.
 * Owns no rule of the product: a lie knows of peers and signals what any hub does. The link ends that some have are in
 * `hub-ends.ts`.
 */
import type { HubHooks, Introduction, RoutedSignal } from '../../adapters/memory-hub.ts';
import { type AttemptId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import type { MeshClock } from '../ports/clock.ts';
import type { LinkPort } from '../ports/link.ts';
import type { PeerSignal, Presence } from '../ports/signaling.ts';
import type { HubRoleName } from './attack-names.ts';
import { Bridge, type HubEnd, Puppet } from './hub-ends.ts';
import { int, pick, type SeededRandom } from './random-streams.ts';

/** What a lie may use. */
export interface HubContext {
  readonly random: SeededRandom;
  readonly clock: MeshClock;
  /** For link ends of its own. */
  readonly link: LinkPort;
  /** From 0 to 1: of what it could lie about it does about so much. */
  readonly share: number;
  /** Brings a peer a signal, past all lies. */
  deliver(routed: RoutedSignal): boolean;
  /** Tells a peer that another has gone. */
  tellGone(network: string, to: PeerId, id: PeerId): void;
  /** A lie was told. */
  told(name: HubRoleName): void;
}

/** Link ends that a hub has at a time, and old signals on their way again. */
const ENDS_MAX = 2_048;
const ECHOES_MAX = 64;
const REMEMBERED_MAX = 300;
const GHOSTS_MAX = 40;
/** Who was just told of is gone within this time, it says: before a dial, while it lasts, or after. */
const BURIED_MS = 2_000;
/** An echo comes after this at the least, and so much later at the most. */
const ECHO_MIN_MS = 100;
const ECHO_SPREAD_MS = 8_000;

abstract class Lie implements HubHooks {
  abstract readonly name: HubRoleName;
  protected readonly context: HubContext;

  constructor(context: HubContext) {
    this.context = context;
  }

  introduce(introduction: Introduction): readonly Introduction[] {
    return [introduction];
  }

  route(routed: RoutedSignal): readonly RoutedSignal[] {
    return [routed];
  }

  protected isTempted(): boolean {
    return this.context.random.next() < this.context.share;
  }

  protected told(): void {
    this.context.told(this.name);
  }
}

/** Whether a hub lies about what two peers are to each other: drawn once a pair, so that the others have a true way. */
class Pairs {
  readonly #drawn = new Map<string, boolean>();

  isDeceived(a: PeerId, b: PeerId, draw: () => boolean): boolean {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    let drawn = this.#drawn.get(key);
    if (drawn === undefined) {
      drawn = draw();
      this.#drawn.set(key, drawn);
    }
    return drawn;
  }
}

/** The names that one peer knows two others by. */
interface SwappedNames {
  waiting: PeerId | undefined;
  readonly names: Map<PeerId, PeerId>;
}

class Swapper extends Lie {
  readonly name = 'swap';
  readonly #pairs = new Pairs();
  readonly #swapped = new Map<PeerId, SwappedNames>();
  readonly #keys = new Map<PeerId, string>();

  override introduce(introduction: Introduction): readonly Introduction[] {
    this.#keys.set(introduction.id, introduction.presence.key);
    return [introduction];
  }

  override route(routed: RoutedSignal): readonly RoutedSignal[] {
    const to = this.#meant(routed.from, routed.to);
    const from = this.#meant(to, routed.from);
    if (to === routed.to && from === routed.from) return [routed];
    this.told();
    return [{ ...routed, from, to, signal: this.#asOf(from, routed.signal) }];
  }

  /** Whom that name stands for in what a peer says and hears. */
  #meant(peer: PeerId, name: PeerId): PeerId {
    let own = this.#swapped.get(peer);
    if (own === undefined) {
      own = { waiting: undefined, names: new Map() };
      this.#swapped.set(peer, own);
    }
    const { names, waiting } = own;
    const known = names.get(name);
    if (known !== undefined || waiting === name) return known ?? name;
    if (!this.#pairs.isDeceived(peer, name, () => this.isTempted())) return name;
    own.waiting = waiting === undefined ? name : undefined;
    if (waiting === undefined) return name;
    names.set(name, waiting);
    names.set(waiting, name);
    return waiting;
  }

  /** The key goes with the name. */
  #asOf(name: PeerId, signal: PeerSignal): PeerSignal {
    const key = this.#keys.get(name);
    return signal.kind === 'offer' && key !== undefined ? { ...signal, key } : signal;
  }
}

class Between extends Lie {
  readonly name = 'between';
  readonly #pairs = new Pairs();
  readonly #bridges = new Map<AttemptId, Bridge>();

  override route(routed: RoutedSignal): readonly RoutedSignal[] {
    const { from, to, signal } = routed;
    const bridge = this.#bridges.get(signal.attempt);
    if (bridge !== undefined) return bridge.take(routed);
    const isFirst = signal.kind === 'offer' && signal.restart === undefined && this.#bridges.size < ENDS_MAX;
    if (!isFirst || !this.#pairs.isDeceived(from, to, () => this.isTempted())) return [routed];
    this.told();
    const over = (): void => void this.#bridges.delete(signal.attempt);
    this.#bridges.set(signal.attempt, new Bridge(this.context, routed, signal, over));
    return [];
  }
}

class Inventor extends Lie {
  readonly name = 'invent';
  readonly #known = new Map<PeerId, Presence>();
  readonly #ghosts: PeerId[] = [];
  readonly #puppets = new Map<string, HubEnd>();

  override introduce(introduction: Introduction): readonly Introduction[] {
    const { random } = this.context;
    this.#known.set(introduction.id, introduction.presence);
    if (!this.isTempted()) return [introduction];
    this.told();
    const other = pick(random, [...this.#known.values()]) ?? introduction.presence;
    // One of four has a true id and the key of another.
    if (int(random, 4) === 0) return [{ ...introduction, presence: { ...introduction.presence, key: other.key } }];
    return [introduction, { ...introduction, id: this.#ghost(), presence: other }];
  }

  override route(routed: RoutedSignal): readonly RoutedSignal[] {
    const { from, to, signal } = routed;
    if (!this.#ghosts.includes(to)) return [routed];
    const key = `${from} ${signal.attempt}`;
    const puppet = this.#puppets.get(key);
    if (puppet !== undefined) return puppet.take(routed);
    if (signal.kind !== 'offer' || this.#puppets.size >= ENDS_MAX) return [];
    this.told();
    const seen = pick(this.context.random, [...this.#known.values()]);
    const over = (): void => void this.#puppets.delete(key);
    this.#puppets.set(key, new Puppet(this.context, routed, signal, seen?.key ?? signal.key, over));
    return [];
  }

  /** A new one, or one that others were told of too. */
  #ghost(): PeerId {
    const { random } = this.context;
    if (this.#ghosts.length < GHOSTS_MAX) this.#ghosts.push(toHex(random.bytes(20)));
    return this.#ghosts[int(random, this.#ghosts.length)] as PeerId;
  }
}

/** Whoever is told of somebody hears too that others are gone: of this one as well, in half of the cases. */
class Burier extends Lie {
  readonly name = 'bury';
  readonly #known = new Set<PeerId>();

  override introduce(introduction: Introduction): readonly Introduction[] {
    const { random, tellGone, clock } = this.context;
    const { network, to, id } = introduction;
    this.#known.add(id);
    if (!this.isTempted()) return [introduction];
    this.told();
    const dead = int(random, 2) === 0 ? id : pick(random, [...this.#known]);
    if (dead !== undefined && dead !== to) clock.setTimeout(() => tellGone(network, to, dead), int(random, BURIED_MS));
    return [introduction];
  }
}

class Withholder extends Lie {
  readonly name = 'withhold';

  override introduce(introduction: Introduction): readonly Introduction[] {
    return this.#hold(introduction);
  }

  override route(routed: RoutedSignal): readonly RoutedSignal[] {
    return this.#hold(routed);
  }

  #hold<T>(what: T): readonly T[] {
    if (!this.isTempted()) return [what];
    this.told();
    return [];
  }
}

class Echoer extends Lie {
  readonly name = 'echo';
  readonly #remembered: RoutedSignal[] = [];
  #underWay = 0;

  override route(routed: RoutedSignal): readonly RoutedSignal[] {
    const { random, clock } = this.context;
    if (this.#remembered.length < REMEMBERED_MAX) this.#remembered.push(routed);
    else this.#remembered[int(random, REMEMBERED_MAX)] = routed;
    if (!this.isTempted() || this.#underWay >= ECHOES_MAX) return [routed];
    this.told();
    this.#underWay++;
    const old = this.#remembered[int(random, this.#remembered.length)] as RoutedSignal;
    const other = this.#remembered[int(random, this.#remembered.length)] as RoutedSignal;
    const echoes: readonly RoutedSignal[] = [old, { ...old, to: other.to }, { ...old, from: other.from }];
    const echo = echoes[int(random, echoes.length)] as RoutedSignal;
    const later = (): void => {
      this.#underWay--;
      if (echo.from !== echo.to) this.context.deliver(echo);
    };
    clock.setTimeout(later, ECHO_MIN_MS + int(random, ECHO_SPREAD_MS));
    return [routed];
  }
}

/** In the order in which what passes goes through them. */
const LIES: Readonly<Record<HubRoleName, new (context: HubContext) => Lie>> = {
  withhold: Withholder,
  echo: Echoer,
  bury: Burier,
  invent: Inventor,
  between: Between,
  swap: Swapper,
};

/** A hub that lies in one way, or in all at once. */
export class LyingHub implements HubHooks {
  readonly #lies: readonly Lie[];

  constructor(role: HubRoleName | 'all', context: HubContext) {
    const names = Object.keys(LIES) as HubRoleName[];
    this.#lies = names.filter((name) => role === 'all' || role === name).map((name) => new LIES[name](context));
  }

  introduce(introduction: Introduction): readonly Introduction[] {
    let all: readonly Introduction[] = [introduction];
    for (const lie of this.#lies) all = all.flatMap((one) => lie.introduce(one));
    return all;
  }

  route(routed: RoutedSignal): readonly RoutedSignal[] {
    let all: readonly RoutedSignal[] = [routed];
    for (const lie of this.#lies) all = all.flatMap((one) => lie.route(one));
    return all;
  }
}
