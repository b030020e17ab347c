/**
 * What the DHT of real processes must do: what one peer puts every other gets, also when a third of the peers are killed at
 * once, and when most of them are restarted one after the other; subscribers hear of every version. Functions that throw when
 * it does not and return figures when it does, as in `scenarios.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ask,
  type Fleet,
  type FleetPeer,
  type Line,
  must,
  oneComponent,
  standingLinks,
  statusOf,
  until,
  withFleet,
} from './fleet.ts';
import type { Figures } from './scenarios.ts';

export interface DhtRun {
  readonly peers: number;
  readonly puts: number;
  /** Each from a random peer that did not put the record. */
  readonly gets: number;
  /** Killed at once, and started again. */
  readonly kills: number;
  /** Records are read again so long after the kill. */
  readonly graceMs: number;
  /** Share of the records that must be right then. */
  readonly rightAfterKill: number;
  /** Restarted one after the other. */
  readonly restarts: number;
  /** Records that are watched, each by several peers, and changes of each in each phase. */
  readonly watched: number;
  readonly changes: number;
}

/** Commands under way at once: a driver that asks all at once measures its own queue. */
const AT_ONCE = 12;
const WATCHERS = 3;

async function each<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
  atOnce = AT_ONCE,
): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

function draw<T>(list: readonly T[], count: number): T[] {
  const left = [...list];
  return Array.from({ length: count }, () => left.splice(Math.floor(Math.random() * left.length), 1)[0] as T);
}

interface Seat {
  readonly number: number;
  peer: FleetPeer;
}

class DhtFleet {
  readonly seats: Seat[] = [];
  readonly #fleet: Fleet;
  readonly #hub: string;
  readonly #directory: string;
  /** What each record must be. */
  readonly records = new Map<string, { readonly value: unknown; readonly by: number }>();
  /** By watched record, how often it was changed. */
  readonly changed = new Map<string, number>();
  readonly watchers: { readonly seat: Seat; readonly key: string; readonly from: number }[] = [];
  hops: number[] = [];
  getMs: number[] = [];
  putMs: number[] = [];
  constructor(fleet: Fleet, hub: string, directory: string) {
    this.#fleet = fleet;
    this.#hub = hub;
    this.#directory = directory;
  }

  async launch(number: number): Promise<FleetPeer> {
    const place = join(this.#directory, String(number));
    const args = ['--store', place, '--identity', `${place}.jsonl`];
    const [peer] = await this.#fleet.peers({ hub: this.#hub, network: 'dht', args });
    must(peer !== undefined, `peer ${number} did not start`);
    return peer;
  }

  async seat(count: number): Promise<void> {
    await each(
      Array.from({ length: count }, (_, number) => number),
      async (number) => void this.seats.push({ number, peer: await this.launch(number) }),
      4,
    );
  }

  get peers(): FleetPeer[] {
    return this.seats.map(({ peer }) => peer);
  }

  // ---- records -----------------------------------------------------------------------------------------------------

  async put(number: number): Promise<void> {
    const key = `record-${number}`;
    const seat = pick(this.seats);
    const value = { number, by: seat.number, text: 'v'.repeat(number % 300) };
    const startMs = performance.now();
    const reply = await ask(seat.peer, { cmd: 'dht.put', key, value });
    must(reply['ok'] === true, `put ${key}: ${JSON.stringify(reply)}`);
    this.putMs.push(performance.now() - startMs);
    this.records.set(key, { value, by: seat.number });
  }

  /** Whether a peer other than its writer gets what was put. */
  async isRight(key: string, seats: readonly Seat[] = this.seats): Promise<boolean> {
    const record = this.records.get(key);
    const seat = pick(seats.filter(({ number }) => number !== record?.by));
    const startMs = performance.now();
    const reply = await ask(seat.peer, { cmd: 'dht.get', key });
    const result = (reply['result'] ?? {}) as Line;
    this.getMs.push(performance.now() - startMs);
    this.hops.push(Number(result['hops'] ?? 0));
    return JSON.stringify(result['value']) === JSON.stringify(record?.value);
  }

  async wrong(keys: readonly string[], seats: readonly Seat[] = this.seats): Promise<string[]> {
    const wrong: string[] = [];
    await each(keys, async (key) => {
      if (!(await this.isRight(key, seats))) wrong.push(key);
    });
    return wrong;
  }

  // ---- watching ----------------------------------------------------------------------------------------------------

  async watch(count: number, seats: readonly Seat[]): Promise<void> {
    for (let number = 0; number < count; number++) {
      const key = `watched-${number}`;
      this.changed.set(key, 0);
      for (const seat of draw(seats, WATCHERS)) {
        const from = seat.peer.program.lines.length;
        const reply = await ask(seat.peer, { cmd: 'dht.subscribe', key });
        must(reply['ok'] === true, `subscribe ${key}: ${JSON.stringify(reply)}`);
        this.watchers.push({ seat, key, from });
      }
    }
  }

  /** Each watched record is changed so often, by random peers. */
  async change(times: number, seats: readonly Seat[]): Promise<void> {
    await each([...this.changed.keys()], async (key) => {
      for (let time = 0; time < times; time++) {
        const reply = await ask(pick(seats).peer, { cmd: 'dht.update', key, add: 1 });
        must(reply['ok'] === true, `update ${key}: ${JSON.stringify(reply)}`);
        this.changed.set(key, (this.changed.get(key) ?? 0) + 1);
      }
    });
    await this.everybodyHeard();
  }

  /** Each subscriber has heard of each version, once and in order. */
  async everybodyHeard(): Promise<void> {
    const heard = ({ seat, key, from }: (typeof this.watchers)[number]): unknown[] =>
      seat.peer.program.of({ event: 'dht.changed', key }, from).map(({ value }) => value);
    const expected = (key: string): string =>
      Array.from({ length: this.changed.get(key) ?? 0 }, (_, at) => at + 1).join();
    const lacking = (): string[] =>
      this.watchers
        .filter((watcher) => heard(watcher).join() !== expected(watcher.key))
        .map(
          (watcher) => `${watcher.key} at ${watcher.seat.number}: ${heard(watcher).join()} of ${expected(watcher.key)}`,
        );
    const programs = [...new Set(this.watchers.map(({ seat }) => seat.peer.program))];
    await until(programs, 'every change at every subscriber', () => lacking().length === 0, 40_000).catch(
      (error: unknown) => {
        throw new Error(`${lacking().slice(0, 5).join('; ')}\n${String(error).slice(0, 300)}`);
      },
    );
  }

  // ---- ends --------------------------------------------------------------------------------------------------------

  async restart(seat: Seat): Promise<void> {
    const code = await seat.peer.program.end('SIGINT');
    // The WebRTC library may crash as it ends: that is told as a figure, and takes no record along.
    must(code === 0 || code === 'SIGSEGV', `peer ${seat.number} ended with ${code}: ${seat.peer.program.stderr}`);
    seat.peer = await this.launch(seat.number);
    await linked(seat.peer);
  }
}

/** It has a link again. */
async function linked(peer: FleetPeer): Promise<void> {
  if (standingLinks(await statusOf(peer)).length === 0) await peer.program.line({ event: 'peer.connected' });
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;
const round = (value: number): number => Math.round(value * 100) / 100;

async function run(fleet: Fleet, plan: DhtRun, directory: string, tell: (what: string) => void): Promise<Figures> {
  const { url } = await fleet.hub();
  const dht = new DhtFleet(fleet, url, directory);
  await dht.seat(plan.peers);
  await oneComponent(dht.peers, 60_000);
  tell(`${plan.peers} peers are one mesh`);
  // Those that will not be killed watch: a subscription is its peer's.
  const victims = draw(dht.seats, plan.kills);
  const rest = dht.seats.filter((seat) => !victims.includes(seat));
  await dht.watch(plan.watched, rest);

  await each(
    Array.from({ length: plan.puts }, (_, number) => number),
    (number) => dht.put(number),
  );
  const keys = [...dht.records.keys()];
  const wrongGets = await dht.wrong(Array.from({ length: plan.gets }, () => pick(keys)));
  must(wrongGets.length === 0, `${wrongGets.length} of ${plan.gets} gets were wrong, such as ${wrongGets[0]}`);
  tell(`${plan.puts} puts, ${plan.gets} gets right`);
  const figures = {
    hopsMean: round(mean(dht.hops)),
    hopsMax: Math.max(...dht.hops),
    putMsP50: Math.round(percentile(dht.putMs, 0.5)),
    getMsP50: Math.round(percentile(dht.getMs, 0.5)),
    getMsP99: Math.round(percentile(dht.getMs, 0.99)),
  };
  await dht.change(plan.changes, dht.seats);
  tell('subscribers heard of every change');

  await Promise.all(victims.map(({ peer }) => peer.program.end('SIGKILL')));
  await sleep(plan.graceMs);
  const wrongAfterKill = await dht.wrong(keys, rest);
  const right = 1 - wrongAfterKill.length / keys.length;
  tell(`${plan.kills} killed: ${right * 100} % right after ${plan.graceMs} ms`);
  must(
    right >= plan.rightAfterKill,
    `${wrongAfterKill.length} of ${keys.length} wrong after ${plan.kills} were killed`,
  );
  await dht.change(plan.changes, rest);
  tell('subscribers heard of every change after that');

  for (const seat of victims) seat.peer = await dht.launch(seat.number);
  await oneComponent(dht.peers, 60_000);
  const restarted = draw(dht.seats, plan.restarts);
  for (const seat of restarted) await dht.restart(seat);
  await oneComponent(dht.peers, 60_000);
  const wrongAfterRestarts = await dht.wrong(keys);
  tell(`${plan.restarts} restarted: ${wrongAfterRestarts.length} wrong`);
  must(wrongAfterRestarts.length === 0, `${wrongAfterRestarts.length} of ${keys.length} wrong after restarts`);
  const { exits, stderr } = await fleet.finish();
  const expected = [0, 'SIGKILL', 'SIGSEGV'];
  must(
    exits.every((code) => expected.includes(code)),
    `exits ${exits.join(', ')}\n${stderr}`,
  );
  return {
    peers: plan.peers,
    puts: plan.puts,
    gets: plan.gets,
    ...figures,
    wrongGets: wrongGets.length,
    rightAfterKill: right,
    wrongAfterRestarts: wrongAfterRestarts.length,
    crashes: exits.filter((code) => code === 'SIGSEGV').length,
    changes: [...dht.changed.values()].reduce((sum, count) => sum + count, 0),
    deliveries: dht.watchers.reduce((sum, { key }) => sum + (dht.changed.get(key) ?? 0), 0),
  };
}

/** Thirty peers in a process each. */
export const DHT_SOAK: DhtRun = {
  peers: 30,
  puts: 1_000,
  gets: 3_000,
  kills: 10,
  graceMs: 10_000,
  rightAfterKill: 0.999,
  restarts: 24,
  watched: 20,
  changes: 5,
};

export async function dhtOfProcesses(plan: DhtRun, tell: (what: string) => void = () => undefined): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'xstate-mesh-dht-'));
  try {
    return await withFleet((fleet) => run(fleet, plan, directory, tell));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
