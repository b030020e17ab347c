/**
 * Attacks by name: what a share of the peers does to the others in the scenario `hostile`, as roles of `adversary.ts`. Each
 * keeps its links like an honest peer, else it would soon be alone, and lies in one way. Owns no rule of the product: an attack
 * is written against the wire, as a stranger would write it.
 */
import { ANNOUNCE_MAX } from '../../machines/shared/gossip-limits.ts';
import { type MessageId, type PeerId, toHex } from '../../machines/shared/ids.ts';
import { HOPS_LIMIT, MESSAGE_TTL_MS } from '../../machines/shared/limits.ts';
import { CLOCK_SKEW_MS, SEQ_PER_MS } from '../../machines/shared/trust-limits.ts';
import { envelopeClaim, ID_PREFIX_DIGITS } from '../exchange/authenticity.ts';
import { decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrame, encodeMessage, signedPart } from '../wire/codec.ts';
import type { Announcement, Envelope, Message } from '../wire/messages.ts';
import { encodePayload } from '../wire/payload.ts';
import type { Adversary, AdversaryContext } from './adversary.ts';
import { ATTACKS, type AttackName } from './attack-names.ts';
import { int, type SeededRandom } from './random-streams.ts';

/** What the hostile peers of one run know together. */
export interface Conspiracy {
  /** They keep still until then. */
  active: boolean;
  /** Whom eclipses are about. */
  readonly targets: PeerId[];
  readonly members: Set<PeerId>;
}

export const conspiracy = (): Conspiracy => ({ active: false, targets: [], members: new Set() });

const HEARD_MAX = 400;
const GOSSIPED: ReadonlySet<Message['type']> = new Set(['GOSSIP', 'IHAVE', 'RECEIPT', 'DIGEST']);

/** A role that hears what passes; the roles below differ in what they send. */
abstract class Villain implements Adversary {
  abstract readonly name: AttackName;
  readonly everyMs: number = 100;
  protected readonly plot: Conspiracy;
  protected readonly heard: { readonly envelope: Envelope; readonly bytes: Uint8Array }[] = [];
  #said = 0;

  constructor(plot: Conspiracy) {
    this.plot = plot;
  }

  receiveFrame(context: AdversaryContext, _from: PeerId, frame: Uint8Array): readonly Uint8Array[] {
    for (const message of messagesOf(frame)) {
      if (message.type === 'GOSSIP') this.#hear(context, message.envelope.slice());
    }
    return [frame];
  }

  #hear({ random }: AdversaryContext, bytes: Uint8Array): void {
    const decoded = decodeEnvelope(bytes);
    if (!decoded.ok || this.plot.members.has(decoded.value.source)) return;
    const heard = { envelope: decoded.value, bytes };
    if (this.heard.length < HEARD_MAX) this.heard.push(heard);
    else this.heard[int(random, HEARD_MAX)] = heard;
  }

  act(context: AdversaryContext): void {
    if (this.plot.active) this.attack(context);
  }

  protected abstract attack(context: AdversaryContext): void;

  /** Somebody to harm. */
  protected victims({ links }: AdversaryContext): PeerId[] {
    return links.filter((id) => !this.plot.members.has(id));
  }

  protected tell(context: AdversaryContext, to: PeerId, ...messages: readonly Message[]): void {
    context.injectFrame(to, encodeFrame(messages.map(encodeMessage)));
  }

  protected gossip(context: AdversaryContext, to: PeerId, envelope: Uint8Array, hops = 1): void {
    this.tell(context, to, { type: 'GOSSIP', hops, envelope });
  }

  /** Something in its own name, well signed; `change` says what is odd about it. */
  protected own({ self, identity, nowMs, random }: AdversaryContext, change: Partial<Envelope> = {}): Uint8Array {
    const said: Envelope = {
      id: idAs(self, random),
      network: 'sim',
      source: self,
      seq: Math.floor(nowMs * SEQ_PER_MS) + this.#said++,
      kind: 'broadcast',
      hopsMax: HOPS_LIMIT,
      sentAtMs: nowMs,
      ttlMs: MESSAGE_TTL_MS,
      payload: encodePayload('mine'),
      ...change,
      signature: { key: identity.publicKey, sig: new Uint8Array(64) },
    };
    const claim = envelopeClaim(signedPart(encodeEnvelope(said)));
    const sig = identity.sign(claim);
    if (!(sig instanceof Uint8Array)) throw new TypeError('simulated identities sign at once');
    return encodeEnvelope({ ...said, signature: { key: identity.publicKey, sig } });
  }
}

function messagesOf(frame: Uint8Array): readonly Message[] {
  const decoded = decodeFrame(frame);
  return decoded.ok ? decoded.value.messages : [];
}

/** One of a list that is not empty. */
const pick = <T>(random: SeededRandom, list: readonly T[]): T => list[int(random, list.length)] as T;

/** An id that could be a message's of this source. */
const idAs = (source: PeerId, random: SeededRandom): MessageId =>
  source.slice(0, ID_PREFIX_DIGITS) + toHex(random.bytes(8));

const strangeId = (random: SeededRandom): MessageId => toHex(random.bytes(16));

class Forger extends Villain {
  readonly name = 'forge';

  protected attack(context: AdversaryContext): void {
    const { random, identity } = context;
    if (this.heard.length === 0) return;
    for (const to of this.victims(context)) {
      const { envelope } = pick(random, this.heard);
      const { source } = pick(random, this.heard).envelope;
      const id = idAs(envelope.source, random);
      const lie = encodePayload('a lie');
      const forged: readonly Envelope[] = [
        { ...envelope, id, payload: lie },
        { ...envelope, id: idAs(source, random), source, payload: lie },
        { ...envelope, id, seq: envelope.seq + 1_000_000, ttlMs: 4e9 },
        { ...envelope, id, network: 'elsewhere' },
        { ...envelope, id, payload: lie, signature: undefined },
        { ...envelope, id, payload: lie, signature: { key: identity.publicKey, sig: new Uint8Array(64) } },
      ];
      this.gossip(context, to, encodeEnvelope(pick(random, forged)));
    }
  }
}

/** Changes some bytes of each message on its way. */
class Alterer extends Villain {
  readonly name = 'alter';

  sendFrame({ random }: AdversaryContext, _to: PeerId, frame: Uint8Array): readonly Uint8Array[] {
    if (!this.plot.active) return [frame];
    const messages = messagesOf(frame);
    if (!messages.some(({ type }) => type === 'GOSSIP')) return [frame];
    const changed = messages.map((message): Message => {
      if (message.type !== 'GOSSIP') return message;
      const envelope = message.envelope.slice();
      const at = int(random, envelope.length);
      envelope[at] = (envelope[at] as number) ^ (1 << int(random, 8));
      return { ...message, envelope };
    });
    return [encodeFrame(changed.map(encodeMessage))];
  }

  protected attack(context: AdversaryContext): void {
    const { random } = context;
    if (this.heard.length === 0) return;
    for (const to of this.victims(context)) {
      const bytes = pick(random, this.heard).bytes.slice();
      bytes[int(random, bytes.length)] = int(random, 256);
      this.gossip(context, to, bytes);
    }
  }
}

class Replayer extends Villain {
  readonly name = 'replay';

  protected attack(context: AdversaryContext): void {
    const { random, nowMs } = context;
    for (const to of this.victims(context)) {
      if (this.heard.length > 0) this.gossip(context, to, pick(random, this.heard).bytes);
      // And of its own what is over, and was over before it could come.
      const sentAtMs = nowMs - MESSAGE_TTL_MS - CLOCK_SKEW_MS - 300_000;
      this.gossip(context, to, this.own(context, { sentAtMs, payload: encodePayload('over') }));
    }
  }
}

/** Passes nothing on. Trees lead through it all the same: it hangs itself on to everybody. */
class Censor extends Villain {
  readonly name: AttackName = 'censor';
  override readonly everyMs: number = 2_000;

  sendFrame(_context: AdversaryContext, to: PeerId, frame: Uint8Array): readonly Uint8Array[] {
    if (!this.plot.active || this.plot.members.has(to)) return [frame];
    const kept = messagesOf(frame).filter(({ type }) => !GOSSIPED.has(type));
    return kept.length === 0 ? [] : [encodeFrame(kept.map(encodeMessage))];
  }

  protected attack(context: AdversaryContext): void {
    for (const to of this.victims(context)) this.tell(context, to, { type: 'GRAFT', tree: '' });
  }
}

/** Dials its targets as often as it can, tells them of its kind only, and passes nothing on. */
class Eclipser extends Censor {
  override readonly name: AttackName = 'eclipse';
  override readonly everyMs: number = 1_000;

  protected override attack(context: AdversaryContext): void {
    super.attack(context);
    for (const target of this.plot.targets) if (!context.links.includes(target)) context.connect(target);
  }
}

/** Its id is close to its target's: who places these peers chooses their keys so. */
class Sybil extends Eclipser {
  override readonly name = 'sybil';
}

class Flooder extends Villain {
  readonly name = 'flood';

  protected attack(context: AdversaryContext): void {
    const { random, nowMs } = context;
    for (const to of this.victims(context)) {
      context.injectFrame(to, random.bytes(1 + int(random, 300)));
      for (let i = 0; i < 10; i++) this.tell(context, to, { type: 'PING', stampMs: nowMs });
      this.tell(context, to, { type: 'NEIGHBOURS', seq: nowMs + int(random, 1_000), peers: [] });
      this.tell(context, to, { type: 'SHUFFLE', reply: false, entries: [] });
      this.tell(context, to, { type: 'ACK', received: int(random, 1_000_000), sent: int(random, 1_000_000) });
      const op = toHex(random.bytes(8));
      this.tell(context, to, { type: 'LOCK', op, kind: 'splice', dropped: to, other: toHex(random.bytes(20)) });
      this.tell(context, to, {
        ...{ type: 'RELAY', to: toHex(random.bytes(20)), from: toHex(random.bytes(20)), hops: 1 },
        ...{ attempt: toHex(random.bytes(10)), signal: random.bytes(100) },
      } as Message);
      // What it says in its own name it may say, but it is much.
      this.gossip(context, to, this.own(context, { payload: encodePayload('x'.repeat(1_000)) }));
    }
  }
}

class Announcer extends Villain {
  readonly name = 'announce';

  protected attack(context: AdversaryContext): void {
    const { random } = context;
    const trees: PeerId[] = ['', toHex(random.bytes(20))];
    if (this.heard.length > 0) trees.push(pick(random, this.heard).envelope.source);
    for (const to of this.victims(context)) {
      for (let batch = 0; batch < 4; batch++) {
        const entries = Array.from({ length: ANNOUNCE_MAX }, (): Announcement => {
          return { id: strangeId(random), tree: pick(random, trees), hops: 1 };
        });
        this.tell(context, to, { type: 'IHAVE', repair: batch === 0, entries });
      }
    }
  }
}

/** Announces at once, as if it stood beside each source, and gives nothing. */
class Promiser extends Censor {
  override readonly name = 'promise';
  override readonly everyMs = 100;
  #told = 0;

  override receiveFrame(context: AdversaryContext, from: PeerId, frame: Uint8Array): readonly Uint8Array[] {
    if (!this.plot.active) return super.receiveFrame(context, from, frame);
    // It hears of messages by announcements too, and is then the first to have them.
    for (const message of messagesOf(frame)) {
      if (message.type !== 'IHAVE' || this.plot.members.has(from)) continue;
      const entries = message.entries.map((entry) => ({ ...entry, hops: 1 }));
      for (const to of this.victims(context))
        if (to !== from) this.tell(context, to, { type: 'IHAVE', repair: false, entries });
    }
    return super.receiveFrame(context, from, frame);
  }

  protected override attack(context: AdversaryContext): void {
    const entries = this.heard.slice(this.#told, this.#told + ANNOUNCE_MAX).map(({ envelope }): Announcement => {
      return { id: envelope.id, tree: envelope.own ? envelope.source : '', hops: 1 };
    });
    this.#told += entries.length;
    if (entries.length === 0) return;
    for (const to of this.victims(context)) this.tell(context, to, { type: 'IHAVE', repair: false, entries });
  }
}

class Grafter extends Villain {
  readonly name = 'graft';

  protected attack(context: AdversaryContext): void {
    const { random } = context;
    for (const to of this.victims(context)) {
      for (let i = 0; i < 10; i++) {
        this.tell(context, to, { type: 'GRAFT', tree: pick(random, ['', toHex(random.bytes(20))]) });
        if (this.heard.length === 0) continue;
        const { id, source } = pick(random, this.heard).envelope;
        this.tell(context, to, { type: 'GRAFT', tree: source, id });
        this.tell(context, to, { type: 'PRUNE', tree: pick(random, ['', source]) });
        this.tell(context, to, {
          type: 'WANT',
          ids: this.heard.slice(0, ANNOUNCE_MAX).map(({ envelope }) => envelope.id),
        });
      }
    }
  }
}

class Comparer extends Villain {
  readonly name = 'digest';

  protected attack(context: AdversaryContext): void {
    const { random, nowMs } = context;
    const now = Math.floor(nowMs / 2_000);
    for (const to of this.victims(context)) {
      for (let i = 0; i < 20; i++) {
        const spans = Array.from({ length: 64 }, (_, at) => {
          return { at: now - 63 + at, count: int(random, 1_000), sum: random.uint32() };
        });
        this.tell(context, to, { type: 'DIGEST', answer: i % 2 === 0, since: now - 63, until: now + 1, spans });
      }
    }
  }
}

/**
 * Lets honest peers bring its own messages to others who must take them for faults: what is over before the second link is
 * crossed, and numbers that only some know to be behind the times.
 */
class Framer extends Villain {
  readonly name = 'frame';
  readonly #later: number[] = [];

  protected attack(context: AdversaryContext): void {
    const { nowMs, random } = context;
    const victims = this.victims(context);
    if (victims.length === 0) return;
    const to = pick(random, victims);
    for (let i = 0; i < 5; i++) {
      const sentAtMs = nowMs - MESSAGE_TTL_MS - CLOCK_SKEW_MS + int(random, 60);
      this.gossip(context, to, this.own(context, { sentAtMs, payload: encodePayload('mine') }));
    }
    // One peer alone hears of a high number, and forgets the message; the others hear of lower ones later.
    const seq = Math.floor(nowMs * SEQ_PER_MS);
    const knows = [...victims].sort()[0] as PeerId;
    this.gossip(context, knows, this.own(context, { seq, hopsMax: 1 }));
    this.#later.push(seq - 1);
    if (this.#later.length < 1_400) return;
    const low = this.#later.shift() as number;
    for (const other of victims) if (other !== knows) this.gossip(context, other, this.own(context, { seq: low }));
  }
}

const ROLES: Readonly<Record<AttackName, new (plot: Conspiracy) => Adversary>> = {
  forge: Forger,
  alter: Alterer,
  replay: Replayer,
  censor: Censor,
  flood: Flooder,
  eclipse: Eclipser,
  sybil: Sybil,
  announce: Announcer,
  promise: Promiser,
  graft: Grafter,
  digest: Comparer,
  frame: Framer,
};

export const ATTACK_NAMES = Object.keys(ATTACKS) as readonly AttackName[];

/** The role of the `nth` hostile peer; `all` gives each attack to some. */
export function attacker(attack: AttackName | 'all', nth: number, plot: Conspiracy): Adversary {
  const name = attack === 'all' ? (ATTACK_NAMES[nth % ATTACK_NAMES.length] as AttackName) : attack;
  return new ROLES[name](plot);
}
