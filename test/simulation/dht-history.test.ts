/**
 * Goal: a mesh whose peers come and die is a register to those who use it: nobody reads what nobody wrote, nobody reads
 * backwards, what is over is gone, and of those who swap one wins. What was acknowledged is read, or something newer, as
 * often as a read must be right at all: 99 times in a hundred.
 */
import { describe, expect, it } from 'vitest';
import type { DhtGetResult, DhtPort, DhtPutResult } from '../../runtime/ports/dht.ts';
import { int, pick, RegisterHistory, type SeededRandom, type SimPeer, Simulation } from '../../runtime/testing.ts';

/** `HISTORY_SEEDS=20` for a longer search. */
const SEEDS = Array.from({ length: Number(process.env['HISTORY_SEEDS'] ?? 1) }, (_, index) => index + 1);
const PEERS = 24;
const KEYS = ['a', 'b', 'c', 'd', 'short', 'brief'];
/** What is written to these lives shortly. */
const BRIEF = new Set(['short', 'brief']);
const STEPS = 240;
const LIFE_MS = 3_600_000;
const SHORT_LIFE_MS = 8_000;

const dhtOf = ({ mesh }: SimPeer): DhtPort | undefined => mesh.getSnapshot().context.memory.ports.exchange?.dht;

class Users {
  readonly history = new RegisterHistory();
  readonly #simulation: Simulation;
  readonly #random: SeededRandom;
  readonly #errors: string[] = [];
  #open = 0;
  #writes = 0;

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
    this.#random = simulation.streams.fork('users');
  }

  get open(): number {
    return this.#open;
  }

  get errors(): readonly string[] {
    return this.#errors;
  }

  /** Somebody reads, writes, swaps or deletes. */
  step(): void {
    const random = this.#random;
    const peer = pick(
      random,
      this.#simulation.peers.filter((peer) => peer.living),
    );
    const dht = peer === undefined ? undefined : dhtOf(peer);
    if (peer === undefined || dht === undefined) return;
    const key = pick(random, KEYS) as string;
    const draw = random.next();
    if (draw < 0.6) this.#read(peer, dht, key, () => undefined);
    else if (draw < 0.8) this.#write(peer, dht, key, undefined);
    else if (draw < 0.85) this.#delete(peer, dht, key);
    else this.#read(peer, dht, key, ({ seq }) => this.#write(peer, dht, key, seq));
  }

  #read(peer: SimPeer, dht: DhtPort, key: string, then: (result: DhtGetResult) => void): void {
    const end = this.history.read(key, peer.peerId, this.#now);
    this.#open++;
    dht.get(key, (result) => {
      this.#open--;
      if (result instanceof Error) return this.#failed(result);
      const { found, seq, writer = '', value } = result;
      const version = { seq, writer, tombstone: false, ...JSON.parse(String(value ?? 'null')) };
      end(found ? version : undefined, this.#now);
      if (peer.living) then(result);
    });
  }

  #write(peer: SimPeer, dht: DhtPort, key: string, cas: number | undefined): void {
    const ttlMs = BRIEF.has(key) ? SHORT_LIFE_MS : LIFE_MS;
    // It lives from when its record is made, which is some time from now on.
    const endsMs = this.#now + ttlMs;
    const said = { value: String(++this.#writes), endsMs: endsMs + 10_000 };
    const intent = { writer: peer.peerId, tombstone: false, value: said.value, endsMs };
    const acknowledged = this.history.write(key, intent, this.#now, cas);
    this.#open++;
    const options = { ttlMs, ...(cas !== undefined && { cas }) };
    dht.put(key, JSON.stringify(said), options, (result) => this.#written(result, acknowledged));
  }

  #delete(peer: SimPeer, dht: DhtPort, key: string): void {
    const intent = { writer: peer.peerId, tombstone: true, value: '', endsMs: Number.POSITIVE_INFINITY };
    const acknowledged = this.history.write(key, intent, this.#now);
    this.#open++;
    dht.delete(key, {}, (result) => this.#written(result, acknowledged));
  }

  #written(result: DhtPutResult | Error, acknowledged: (seq: number, nowMs: number) => void): void {
    this.#open--;
    if (result instanceof Error) this.#failed(result);
    else acknowledged(result.seq, this.#now);
  }

  #failed(error: Error): void {
    this.#errors.push((error as { code?: string }).code ?? error.message);
  }

  get #now(): number {
    return this.#simulation.nowMs;
  }
}

function run(seed: number, hasFaults: boolean): { users: Users; simulation: Simulation; crashed: number } {
  const simulation = new Simulation({ seed, mesh: { network: 'history' } });
  simulation.addPeers(PEERS, 3_000);
  simulation.runFor(20_000);
  const random = simulation.streams.fork('fate');
  const users = new Users(simulation);
  let crashed = 0;
  for (let step = 0; step < STEPS; step++) {
    users.step();
    if (hasFaults && step % 40 === 20) {
      const victim = pick(
        random,
        simulation.peers.filter((peer) => peer.living),
      );
      if (victim !== undefined) simulation.crash(victim);
      simulation.addPeer();
      crashed++;
    }
    simulation.runFor(20 + int(random, 380));
  }
  simulation.runUntil(() => users.open === 0, 60_000);
  return { users, simulation, crashed };
}

/** Reads that may be behind what was acknowledged. */
const STALE_SHARE_MAX = 0.01;

function checkHistory({ history }: Users): void {
  const violations = history.violations();
  expect(violations.filter(({ kind }) => kind !== 'stale')).toEqual([]);
  const { acknowledged, reads, found, swaps } = history.counts();
  expect(violations.length, JSON.stringify(violations)).toBeLessThanOrEqual(reads * STALE_SHARE_MAX);
  expect(Math.min(acknowledged, found, swaps)).toBeGreaterThan(15);
}

describe('the history of a mesh', () => {
  it.each(SEEDS)('is that of a register, where all goes well, seed %i', { timeout: 60_000 }, (seed) => {
    const { users } = run(seed, false);
    checkHistory(users);
    expect(users.errors.filter((code) => code !== 'CAS_FAILED')).toEqual([]);
  });

  it.each(SEEDS)('is that of a register, where peers die and come, seed %i', { timeout: 60_000 }, (seed) => {
    const { users, crashed } = run(seed, true);
    checkHistory(users);
    expect(crashed).toBeGreaterThan(5);
  });
});
