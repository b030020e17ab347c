/** Glossary of the DHT's charts: what a lookup is asked, what its paths come to, and what the charts and the data plane tell each other. */
import type { MeshPorts } from '../../runtime/ports/mesh-ports.ts';
import type { PeerId } from '../shared/ids.ts';
import type { DhtRecord, RecordKey } from './records.core.ts';

export interface LookupQuest {
  /** Numbers the lookups of one mesh. */
  readonly lookup: number;
  /** `value`: the newest record of the key. `nodes`: who is closest to it. */
  readonly goal: 'value' | 'nodes';
  readonly key: RecordKey;
  /** Paths that go out at once. */
  readonly paths: number;
}

/** The path of our own answer, which no question was sent for. */
export const OWN_PATH = -1;

/** What came of one question. */
export interface PathAnswer {
  /** From 0 in each round, or OWN_PATH. */
  readonly path: number;
  readonly round: number;
  /** Whether its answerer holds the record; of `nodes` always false. */
  readonly found: boolean;
  readonly by: PeerId;
  readonly hops: number;
  /** Who is closest, as the answerer knows it. */
  readonly nodes: readonly PeerId[];
  /** As it came: not checked yet. */
  readonly record?: DhtRecord;
}

export interface LookupInput extends LookupQuest {
  readonly ports: MeshPorts;
}

export interface LookupContext extends LookupInput {
  /** Rounds of questions that went out, from 1. */
  readonly round: number;
  /** Answers that this round may bring, and questions of all. */
  readonly asked: number;
  /** There was nobody to ask in this round. */
  readonly isLonely: boolean;
  readonly askedAll: number;
  /** At most DHT_PATHS_MAX x DHT_ROUNDS_DOUBTFUL_MAX. */
  readonly answers: readonly PathAnswer[];
  /** A record did not hold its check. */
  readonly isLiedTo: boolean;
  /** The record that is being checked, and the one that was found to hold. What came meanwhile is neither. */
  readonly checking: DhtRecord | undefined;
  readonly verified: DhtRecord | undefined;
}

export interface LookupOutput {
  readonly lookup: number;
  readonly record: DhtRecord | undefined;
  /** Links that the question crossed to the first holder; 0 when we held it, or nobody did. */
  readonly hops: number;
  /** Paths that were answered. */
  readonly paths: number;
  /** Who answered with this very version. */
  readonly holders: readonly PeerId[];
  /** Who answered with an older one, or with none although it should hold it. */
  readonly outdated: readonly PeerId[];
  /** The peers closest to the key that were heard of, the closest first. */
  readonly nodes: readonly PeerId[];
}

/** What the mesh tells a lookup. */
export type LookupEvent =
  | { readonly type: 'path.answered'; readonly answer: PathAnswer }
  /** So many questions went out, less than wanted where there are fewer neighbours; and whether we answer one ourselves. */
  | { readonly type: 'paths.asked'; readonly count: number; readonly own: boolean }
  | { readonly type: 'record.checked'; readonly holds: boolean };

/** What a lookup tells the mesh. */
export type LookupReport =
  | {
      readonly type: 'lookup.asks';
      readonly quest: LookupQuest;
      readonly round: number;
      /** These, each by itself. Empty: whoever is closest, on so many paths. */
      readonly peers: readonly PeerId[];
      /** Nothing was found so far: each of them is asked by another neighbour. One that lies must not get all questions. */
      readonly apart: boolean;
    }
  | { readonly type: 'lookup.checks'; readonly lookup: number; readonly record: DhtRecord }
  | ({ readonly type: 'lookup.progress' } & LookupProgress);

/** Questions asked, answered, and answered with a record. */
export interface LookupProgress {
  readonly lookup: number;
  readonly key: RecordKey;
  readonly asked: number;
  readonly answered: number;
  readonly found: number;
}

/** What the data plane tells the mesh for its charts. */
export type DhtFact =
  | { readonly type: 'lookup.wanted'; readonly quest: LookupQuest }
  | { readonly type: 'lookup.asked'; readonly lookup: number; readonly count: number; readonly own: boolean }
  | { readonly type: 'lookup.heard'; readonly lookup: number; readonly answer: PathAnswer }
  | { readonly type: 'lookup.checked'; readonly lookup: number; readonly holds: boolean }
  /** Links came or went, here or at a neighbour: other peers may be closest to what we hold. */
  | { readonly type: 'dht.shifted' }
  /** Every record of ours was given to its holders again. */
  | { readonly type: 'dht.republished' }
  /** A record that the app subscribed to. */
  | ({ readonly type: 'dht.changed' } & RecordChange);

export interface RecordChange {
  readonly key: RecordKey;
  /** Of an open record. */
  readonly name?: string;
  /** Undefined when it was deleted. */
  readonly value: unknown;
  readonly deleted: boolean;
  readonly seq: number;
  readonly writer: PeerId;
}

/** What charts tell the data plane. */
export type DhtOrder =
  | Extract<LookupReport, { type: 'lookup.asks' | 'lookup.checks' }>
  | { readonly type: 'lookup.ended'; readonly output: LookupOutput }
  | { readonly type: 'lookup.failed'; readonly lookup: number }
  /** Records are copied to who should hold them now, and what is over is dropped. */
  | { readonly type: 'dht.mend' }
  | { readonly type: 'dht.republish' };

/** What the dht chart tells the mesh. */
export type DhtReport = { readonly type: 'dht.mends' } | { readonly type: 'dht.republishes' };

export interface DhtInput {
  readonly ports: MeshPorts;
}
export type DhtEvent = Extract<DhtFact, { type: 'dht.shifted' | 'dht.republished' }>;
