/**
 * Everything the command line touches outside itself, as one object: tests bring their own, `main.ts` the real one.
 * The heavy parts are functions that load on use, so that `--help` needs no native code.
 */
import type { Readable, Writable } from 'node:stream';
import type { MeshEvent, MeshMethods, MeshOptions } from '../api.ts';
import type { Identity } from '../ports/identity.ts';
import type { LinkPort } from '../ports/link.ts';
import type { LoggerPort } from '../ports/logger.ts';
import type { RecordStore } from '../ports/record-store.ts';
import type { SignalingPort } from '../ports/signaling.ts';
import type { LoadOptions, LoadProgress, LoadResult } from './load-types.ts';
import type { JobOutcome, SimulationJob } from './simulation-job.ts';
import type { SimulationHost } from './simulation-thread.ts';

export interface Subscription {
  unsubscribe(): void;
}

/** The part of a MeshActor that the command line uses. */
export interface CliMesh extends MeshMethods {
  start(): unknown;
  on(pattern: '*', handler: (event: MeshEvent) => void): Subscription;
  /** `complete`: the actor has left; `error`: it has failed. */
  subscribe(observer: { complete(): void; error(): void }): Subscription;
}

/** Texts that people hand over in place of a hub, for one peer. */
export interface CliInvitations {
  /** Whose texts they are: the mesh must have it too. */
  readonly identity: Identity;
  /** For the mesh. */
  readonly port: SignalingPort;
  invite(options: {
    readonly lifetimeMs?: number;
    readonly uses?: number;
    readonly hubs?: readonly string[];
  }): Promise<{ readonly text: string; readonly expiresMs: number }>;
  /** Resolves with the text to hand back, if there is anything to say. */
  accept(text: string): Promise<string | undefined>;
}

/** The addresses of a hub that listens. */
export interface HubAddress {
  /** `ws://host:port` */
  readonly url: string;
  /** `http://host:port` */
  readonly http: string;
  readonly hubId: string;
}

/** An event of the hub actor: its name and a plain payload. */
export interface HubEvent {
  readonly type: string;
}

/** The part of a HubActor that the command line uses. */
export interface CliHub {
  start(): unknown;
  /** Resolves with its addresses; rejects with ADDRESS_IN_USE and the like. */
  listening(): Promise<HubAddress>;
  shutdown(): Promise<unknown>;
  on(pattern: '*', handler: (event: HubEvent) => void): Subscription;
}

/** An identity as it may be shown: no secret. */
export interface PublicIdentity {
  readonly peerId: string;
  /** base64url without padding */
  readonly publicKey: string;
}

/** Answers a plain HTTP request at the hub's port. True: the request was taken; false: the hub answers. */
export type HttpHook = (
  request: import('node:http').IncomingMessage,
  response: import('node:http').ServerResponse,
) => boolean;

export interface HubSetup {
  /** The hub's options by their environment names. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: LoggerPort;
  readonly http?: HttpHook;
}

export interface CliDependencies {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Calls `handler` at each SIGINT and SIGTERM until the result is called. */
  onSignal(handler: (signal: 'SIGINT' | 'SIGTERM') => void): () => void;
  /** Calls `handler` for an exception or a rejected promise that nobody caught. */
  onCrash(handler: (error: unknown) => void): () => void;
  /** Ends the process at once, without flushing. */
  exit(code: number): void;
  /** ms since 1970 */
  now(): number;
  version(): Promise<string>;
  createMesh(options: MeshOptions): Promise<CliMesh>;
  /** For the identity, or for a new one. */
  createInvitations(identity: Identity | undefined): Promise<CliInvitations>;
  /** Throws BAD_OPTION for options that cannot be read, NOT_AVAILABLE for those of parts that are not built yet. */
  createHub(setup: HubSetup): Promise<CliHub>;
  /** Loads hubs; the result is what was measured until it was over, or `stopped`. */
  load(
    options: LoadOptions,
    onProgress: (progress: LoadProgress) => void,
    stopped: Promise<unknown>,
  ): Promise<LoadResult>;
  /** The first `count` identities of the file, which gets the missing ones appended and is held. Throws BAD_IDENTITY, IDENTITY_IN_USE. */
  identitiesFromFile(path: string, count: number): Promise<readonly Identity[]>;
  /** The store of that name in a directory. Throws STORE_IN_USE, STORE_FAILED, NOT_AVAILABLE. */
  openStore(directory: string, name: string): Promise<RecordStore>;
  /** New ones; with a path appended to that file (mode 0600) with their secrets, else forgotten. */
  newIdentities(count: number, path: string | undefined): Promise<readonly PublicIdentity[]>;
  /** Runs a simulation, with at most that much memory. Rejects TOO_LARGE when it needs more. */
  simulate(job: SimulationJob, host: SimulationHost, heapMb?: number): Promise<JobOutcome>;
  /** The link adapter of that name; undefined when it is not built yet. */
  linkPort(name: string): Promise<LinkPort | undefined>;
  /** Folder of the built demo page; undefined when it was not built. */
  demoPageFolder(): Promise<string | undefined>;
}
