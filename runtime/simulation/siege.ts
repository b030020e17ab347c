/** Who is hostile in the scenario `hostile`, hubs too, as what, and from when on; and what must hold for the others all the same. */
import type { RoutedSignal } from '../../adapters/memory-hub.ts';
import type { PeerId } from '../../machines/shared/ids.ts';
import { compareDistance } from '../../machines/shared/xor.ts';
import type { Identity } from '../ports/identity.ts';
import { HUB_ROLES, type HubRoleName } from './attack-names.ts';
import { attacker, type Conspiracy, conspiracy } from './attacks.ts';
import { cheapIdentity } from './cheap-identity.ts';
import { LyingHub } from './hub-lies.ts';
import type { SeededRandom } from './random-streams.ts';
import type { ScenarioOptions } from './scenario-options.ts';
import type { SimPeer } from './sim-peer.ts';
import type { Simulation } from './simulation.ts';
import type { PeerSetup } from './simulation-options.ts';
import { FALSE_LINK } from './watcher.ts';

/** Honest peers that eclipses and made-up ids are about. */
const TARGETS = 3;
/** Keys that a sybil makes to find one whose id is near its target's. */
const KEYS_TRIED = 64;
const DELIVERY_LEAST = 0.99;
/** Who carries all signals can keep peers apart: delivery is not demanded of a mesh whose hubs lie about more than this. */
const LIES_MOST = 0.2;
/** Counters of proofs that did not hold, one for each ProofCode. */
const UNPROVEN = /^unproven\./;

export class Siege {
  readonly plot: Conspiracy = conspiracy();
  readonly #options: ScenarioOptions;
  readonly #random: SeededRandom;
  /** Lies that hubs told, by name. */
  readonly lies = new Map<HubRoleName, number>();
  #hostile = 0;

  constructor(options: ScenarioOptions, random: SeededRandom) {
    this.#options = options;
    this.#random = random;
    this.plot.active = options.dawn;
  }

  /** The hubs lie from now on, if they are to. */
  corrupt({ network, hubUrls, clock }: Simulation): void {
    const { hubRole, hubLies: share } = this.#options;
    if (hubRole === 'none') return;
    for (const url of hubUrls) {
      const hub = network.hub(url);
      const context = {
        random: this.#random.fork(url),
        clock,
        link: network.linkPort(),
        share,
        deliver: (routed: RoutedSignal) => hub.deliver(routed),
        tellGone: (network: string, to: PeerId, id: PeerId) => hub.tellGone(network, to, id),
        told: (name: HubRoleName) => void this.lies.set(name, (this.lies.get(name) ?? 0) + 1),
      };
      hub.corrupt(new LyingHub(hubRole, context));
    }
  }

  get hostile(): number {
    return this.#hostile;
  }

  /** The `nth` peer is to be made. */
  add(simulation: Simulation, nth: number): void {
    const { peers, hostile, dawn, attack } = this.#options;
    const all = Math.round(peers * hostile);
    const isHostile = dawn ? nth < all : Math.floor(((nth + 1) * all) / peers) > Math.floor((nth * all) / peers);
    if (!isHostile) {
      const { peerId } = simulation.addPeer();
      if (this.plot.targets.length < TARGETS) this.plot.targets.push(peerId);
      return;
    }
    const adversary = attacker(attack, this.#hostile, this.plot);
    const identity = adversary.name === 'sybil' ? this.#sybil() : undefined;
    const setup: PeerSetup = identity === undefined ? { adversary } : { adversary, identity };
    this.#hostile++;
    this.plot.members.add(simulation.addPeer(setup).peerId);
  }

  /** Of many keys the one whose id is nearest to a target's: ids cannot be chosen, but tried. */
  #sybil(): Identity | undefined {
    const target = this.plot.targets[this.#hostile % TARGETS];
    if (target === undefined) return undefined;
    let best: Identity | undefined;
    for (let i = 0; i < KEYS_TRIED; i++) {
      const made = cheapIdentity(this.#random.fork(`sybil:${this.#hostile}:${i}`));
      if (best === undefined || compareDistance(target, made.peerId, best.peerId) < 0) best = made;
    }
    return best;
  }

  begin(): void {
    this.plot.active = true;
  }

  /** Who is to broadcast: those under attack first. */
  sources(honest: readonly SimPeer[], count: number): SimPeer[] {
    const isTarget = (id: PeerId): boolean => this.plot.targets.includes(id);
    const [first, rest] = [true, false].map((wanted) => honest.filter(({ peerId }) => isTarget(peerId) === wanted));
    return [...(first ?? []), ...(rest ?? [])].slice(0, count);
  }

  /** What the run shows of its hubs: lies told, channels that led elsewhere, those refused for want of proof, links taken all the same. */
  told(simulation: Simulation): Record<string, number> {
    if (this.#options.hubRole === 'none') return {};
    const told: Record<string, number> = {};
    for (const name of Object.keys(HUB_ROLES) as HubRoleName[]) {
      const lies = this.lies.get(name);
      if (lies !== undefined) told[`lies.${name}`] = lies;
    }
    let unproven = 0;
    for (const { mesh, role } of simulation.living()) {
      if (role !== undefined) continue;
      for (const [name, count] of Object.entries(mesh.status().counters)) if (UNPROVEN.test(name)) unproven += count;
    }
    const { ledger, violations } = simulation;
    const falseLinks = violations.filter(({ property }) => property === FALSE_LINK).length;
    return { ...told, channelsMisled: ledger.faults.get('channelsMisled') ?? 0, unproven, falseLinks };
  }

  /** What the run must have shown in the end. */
  demand(simulation: Simulation): void {
    const { hubRole, hubLies } = this.#options;
    if (hubRole !== 'none' && hubLies > LIES_MOST) return;
    simulation.eventually('honest-delivery', ({ ledger }) => {
      const { ratio } = ledger.deliveryFigures().delivery;
      return ratio >= DELIVERY_LEAST
        ? undefined
        : `${ratio} of what the honest said to the honest, at least ${DELIVERY_LEAST}`;
    });
  }
}
