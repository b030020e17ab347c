/**
 * How the meshes of hubs find each other: a signaling port made of the hubs' own streams. Announcements ride in adverts,
 * signals in items, so no hub of hubs is needed, and only hubs that were let in can link.
 */
import type { PeerId } from '../../machines/shared/ids.ts';
import type {
  SignalingCommand,
  SignalingConnection,
  SignalingFact,
  SignalingPort,
} from '../../runtime/ports/signaling.ts';
import { readSignal, signalFrame } from '../../runtime/wire/peer-signals.ts';
import type { Advert, Item } from './federation.events.ts';
import type { Federation } from './federation.ts';

/** The name of the port in status and logs. */
const URL_OF_HUBS = 'hubs:';

export function hubSignaling(federation: Federation): SignalingPort {
  return {
    url: URL_OF_HUBS,
    connect: (_, onFact) => new HubConnection(federation, onFact),
  };
}

class HubConnection implements SignalingConnection {
  readonly #federation: Federation;
  readonly #network: string;
  #onFact: ((fact: SignalingFact) => void) | undefined;
  /** Hubs that the mesh was told of, as they were then. */
  readonly #told = new Map<PeerId, Advert['mesh']>();

  constructor(federation: Federation, onFact: (fact: SignalingFact) => void) {
    this.#federation = federation;
    this.#network = federation.parts.namespace;
    this.#onFact = onFact;
    federation.mesh = {
      signal: (from, item) => this.#signal(from, item),
      changed: () => this.#tellNews(),
    };
    this.#tell({ type: 'welcome' });
  }

  send(command: SignalingCommand): boolean {
    if (this.#onFact === undefined) return false;
    switch (command.type) {
      case 'announce':
        this.#federation.trunks.describe({ mesh: command.presence });
        this.#tellNews();
        return true;
      case 'discover':
        if (command.presence !== undefined) this.#federation.trunks.describe({ mesh: command.presence });
        this.#discover();
        return true;
      case 'signal':
        this.#send(command);
        return true;
      case 'ping':
        this.#tell({ type: 'pong' });
        return true;
      default:
        // Goodbyes and proofs: hubs hear of each other’s end, and were proven, another way.
        return true;
    }
  }

  close(): void {
    const onFact = this.#onFact;
    if (onFact === undefined) return;
    this.#onFact = undefined;
    this.#federation.mesh = undefined;
    queueMicrotask(() => onFact({ type: 'closed', code: 1000, reason: '' }));
  }

  #discover(): void {
    this.#told.clear();
    this.#tellNews();
    const count = this.#told.size;
    this.#tell({ type: 'discovered', network: this.#network, count, networkSize: count + 1 });
  }

  #tellNews(): void {
    const { graph } = this.#federation.trunks;
    const adverts = graph.others;
    for (const { hubId: id, mesh } of adverts) {
      const known = this.#told.get(id);
      if (mesh === undefined || !graph.isReachable(id)) continue;
      if (known !== undefined && known.free === mesh.free && known.degree === mesh.degree) continue;
      this.#told.set(id, mesh);
      this.#tell({ type: 'peer', network: this.#network, id, presence: mesh, proven: true, isHub: true });
    }
    for (const id of [...this.#told.keys()]) {
      if (adverts.some((advert) => advert.hubId === id)) continue;
      this.#told.delete(id);
      this.#tell({ type: 'gone', network: this.#network, id });
    }
  }

  #send({ to, signal }: Extract<SignalingCommand, { type: 'signal' }>): void {
    const { type, data } = signalFrame(signal);
    if (this.#federation.streams.send(to, JSON.stringify({ k: 'mesh', t: type, d: data } satisfies Item))) return;
    const inReplyTo = { type, targetPeerId: to, attempt: signal.attempt };
    this.#tell({ type: 'refused', code: 'UNKNOWN_TARGET', message: 'That hub is not known.', inReplyTo });
  }

  #signal(from: PeerId, { t, d }: Extract<Item, { k: 'mesh' }>): void {
    const signal = readSignal(t, d);
    if ('problem' in signal) this.#tell({ type: 'ignored', why: `${signal.problem} ${t}` });
    else this.#tell({ type: 'signal', network: this.#network, from, signal });
  }

  /** In a later turn, and in order: the port never calls back amid a call. */
  #tell(fact: SignalingFact): void {
    queueMicrotask(() => this.#onFact?.(fact));
  }
}
