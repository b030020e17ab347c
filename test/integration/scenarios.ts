/**
 * What a mesh of real processes must do, as functions that throw when it does not and return figures when it does. The
 * tests of this folder run each once or twice; `test/bench/soak.ts NAME --runs N` as often as one likes.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ask,
  componentsOf,
  type Fleet,
  type FleetPeer,
  heldBy,
  must,
  oneComponent,
  standingLinks,
  statusesOf,
  until,
  withFleet,
} from './fleet.ts';

export type Figures = Readonly<Record<string, number>>;

const sinceMs = (startMs: number): number => Math.round(performance.now() - startMs);
const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;
const programsOf = (peers: readonly FleetPeer[]) => [...new Set(peers.map(({ program }) => program))];

/** Every process ends with 0 on SIGINT, and none complained of a crash. */
async function endsWell(fleet: Fleet): Promise<void> {
  const { exits, stderr } = await fleet.finish();
  must(
    exits.every((code) => code === 0),
    `exits ${exits.join(', ')}\n${stderr}`,
  );
  must(!/unhandled|uncaught|ACTOR_FAILED/i.test(stderr), stderr);
  const crashes = fleet.programs.flatMap((program) => program.of({ event: 'error', code: 'ACTOR_FAILED' }));
  must(crashes.length === 0, JSON.stringify(crashes));
}

/** Messages that each peer got, by id of the message. */
function received(peers: readonly FleetPeer[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const program of programsOf(peers)) {
    for (const line of program.lines) {
      if (line['event'] !== 'message') continue;
      const key = `${line['peerId']} ${line['id']}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

/** Broadcasts `count` times from random peers and waits until every other peer has each one, exactly once. */
export async function broadcastAll(peers: readonly FleetPeer[], count: number): Promise<Figures> {
  const startMs = performance.now();
  const sent = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const source = pick(peers);
      const reply = await ask(source, { cmd: 'broadcast', data: { i } });
      must(reply['ok'] === true, JSON.stringify(reply));
      return { source, id: String((reply['result'] as { id: string }).id) };
    }),
  );
  const expected = sent.flatMap(({ source, id }) => peers.filter((p) => p !== source).map((p) => `${p.peerId} ${id}`));
  const missing = (): string[] => {
    const counts = received(peers);
    return expected.filter((key) => !counts.has(key));
  };
  try {
    await until(programsOf(peers), 'every delivery', () => missing().length === 0, 15_000);
  } catch {
    const lost = missing();
    throw new Error(`${lost.length} of ${expected.length} deliveries missing, such as ${lost.slice(0, 3).join(', ')}`);
  }
  // A copy that is under way would come before the answer to a question asked after it.
  await statusesOf(peers);
  const counts = received(peers);
  const twice = [...counts].filter(([, times]) => times > 1);
  must(twice.length === 0, `delivered more than once: ${JSON.stringify(twice.slice(0, 3))}`);
  const own = sent.filter(({ source, id }) => counts.has(`${source.peerId} ${id}`));
  must(own.length === 0, `${own.length} sources got their own message`);
  return { deliveries: expected.length, deliveredMs: sinceMs(startMs) };
}

/** 20 peers in 4 processes: one component within 10 s, 100 broadcasts delivered exactly once, no more than cap + 1 links. */
export function twentyPeers(): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    const startMs = performance.now();
    const five = { hub: url, network: 'twenty', count: 5 };
    const peers = (await Promise.all([1, 2, 3, 4].map(() => fleet.peers(five)))).flat();
    const joinedMs = sinceMs(startMs);
    await oneComponent(peers, 10_000 - joinedMs);
    const componentMs = sinceMs(startMs);
    const told = await broadcastAll(peers, 100);
    const statuses = await statusesOf(peers);
    const degrees = statuses.map((status) => standingLinks(status).length);
    const most = Math.max(...degrees);
    must(most <= 9, `a peer has ${most} links with a cap of 8`);
    must(componentsOf(statuses).length === 1, 'the component broke afterwards');
    await endsWell(fleet);
    return { joinedMs, componentMs, ...told, degreeMin: Math.min(...degrees), degreeMax: most };
  });
}

/** Resident memory of a process in MB, on Linux. */
function residentMb(pid: number | undefined): number {
  const [, kb] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1_024;
}

/** Seconds of processor time that a process has taken, on Linux. */
function processorS(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/**
 * 30 peers in 6 processes: one component soon after the last has started, 100 broadcasts delivered to everybody, and what a
 * peer costs: the memory of a process of five against that of a process of one in the same network.
 */
export function thirtyPeers(rtc = 'native'): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    // V8 lets its young generation grow to 48 MB where much passes through: garbage, which is no peer's.
    const within = ['env', 'NODE_OPTIONS=--max-semi-space-size=1'];
    const network = { hub: url, network: 'thirty', args: ['--rtc', rtc], within };
    const startMs = performance.now();
    const groups = await Promise.all([1, 2, 3, 4, 5, 6].map(() => fleet.peers({ ...network, count: 5 })));
    const peers = groups.flat();
    const joinedMs = sinceMs(startMs);
    await oneComponent(peers, 30_000);
    const componentMs = sinceMs(startMs);
    const cpuS = Math.round(fleet.programs.reduce((sum, { child }) => sum + processorS(child.pid), 0) * 10) / 10;
    const told = await broadcastAll(peers, 100);
    const [alone] = await fleet.peers(network);
    must(alone !== undefined, 'no 31st peer');
    await oneComponent([...peers, alone]);
    await broadcastAll([...peers, alone], 20);
    const sizes = programsOf(peers).map(({ child }) => residentMb(child.pid));
    const mean = sizes.reduce((sum, mb) => sum + mb, 0) / sizes.length;
    const aloneMb = residentMb(alone.program.child.pid);
    await endsWell(fleet);
    const peerMb = Math.round(((mean - aloneMb) / 4) * 100) / 100;
    const afterJoinMs = componentMs - joinedMs;
    return { joinedMs, componentMs, afterJoinMs, cpuS, ...told, aloneMb: Math.round(aloneMb), peerMb };
  });
}

/** Five peers with at most three links each, in one process or one process each: one component. */
export function cappedPeers(processes = 1): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    const options = { hub: url, network: 'capped', args: ['--max-peers', '3'] };
    const startMs = performance.now();
    const groups =
      processes === 1 ? [fleet.peers({ ...options, count: 5 })] : [1, 1, 1, 1, 1].map(() => fleet.peers(options));
    const peers = (await Promise.all(groups)).flat();
    const joinedMs = sinceMs(startMs);
    await oneComponent(peers, 20_000);
    const componentMs = sinceMs(startMs);
    const told = await broadcastAll(peers, 10);
    const statuses = await statusesOf(peers);
    const degrees = statuses.map((status) => standingLinks(status).length);
    must(Math.max(...degrees) <= 4, `degrees ${degrees.join(', ')} with a cap of 3`);
    must(componentsOf(statuses).length === 1, 'the component broke afterwards');
    await endsWell(fleet);
    return { joinedMs, componentMs, ...told, degreeMin: Math.min(...degrees), degreeMax: Math.max(...degrees) };
  });
}

/** The hub dies and comes back on its port: no link drops, messages flow meanwhile, signaling returns, a newcomer is linked. */
export function hubRestart(): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { hub, url } = await fleet.hub();
    const network = 'restart';
    const peers = (await Promise.all([1, 2].map(() => fleet.peers({ hub: url, network, count: 3 })))).flat();
    const programs = programsOf(peers);
    // Six peers below their floor of five link each to each: nothing is left that could still change.
    const full = () => programs.every((program) => program.of({ event: 'peer.connected' }).length >= 15);
    await until(programs, 'every link', full);
    await hub.end('SIGKILL');
    await Promise.all(programs.map((program) => program.linesOf({ event: 'hub.disconnected' }, 3)));
    const without = await broadcastAll(peers, 10);
    const startMs = performance.now();
    const marks = programs.map((program) => program.lines.length);
    const again = await fleet.hub(['--port', new URL(url).port]);
    must(again.url === url, `the hub came back at ${again.url}`);
    await Promise.all(
      programs.map((program, i) => program.linesOf({ event: 'hub.connected' }, 3, { from: marks[i] ?? 0 })),
    );
    const signalingMs = sinceMs(startMs);
    const joiningMs = performance.now();
    const [newcomer] = await fleet.peers({ hub: url, network });
    must(newcomer !== undefined, 'no newcomer');
    await newcomer.program.line({ event: 'peer.connected' });
    const newcomerMs = sinceMs(joiningMs);
    await oneComponent([...peers, newcomer]);
    await broadcastAll([...peers, newcomer], 10);
    const dropped = programs.flatMap((program) => program.of({ event: 'peer.disconnected' }));
    must(dropped.length === 0, `links dropped: ${JSON.stringify(dropped)}`);
    await endsWell(fleet).catch((error: Error) => {
      // The first hub ended by the signal that the scenario is about.
      if (!/^exits 0, 0, 0, SIGKILL, 0\n$/.test(error.message)) throw error;
    });
    return { withoutHubMs: without['deliveredMs'] ?? 0, signalingMs, newcomerMs };
  });
}

/** Ten peers with caps of three: direct messages between all pairs get their receipts, one to a peer that left a DIRECT_TIMEOUT. */
export function directs(): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    const options = { hub: url, network: 'directs', count: 5, args: ['--max-peers', '3'] };
    const peers = (await Promise.all([1, 2].map(() => fleet.peers(options)))).flat();
    await oneComponent(peers, 20_000);
    const receipts: { hops: number; ms: number }[] = [];
    for (const from of peers) {
      const replies = await Promise.all(
        peers.filter((to) => to !== from).map((to) => ask(from, { cmd: 'direct', to: to.peerId, data: 'psst' })),
      );
      for (const reply of replies) {
        if (reply['ok'] !== true) throw new Error(`no receipt: ${JSON.stringify([reply, await statusesOf(peers)])}`);
        receipts.push(reply['result'] as { hops: number; ms: number });
      }
    }
    const beyond = receipts.filter(({ hops }) => hops > 1).length;
    must(beyond > 0, 'every pair was linked: nothing was routed');
    const [gone, ...rest] = peers as [FleetPeer, ...FleetPeer[]];
    await ask(gone, { cmd: 'leave' });
    await gone.program.line({ event: 'left', peer: gone.index });
    // Whoever had no other link looks for one first; without any a message is UNREACHABLE.
    await oneComponent(rest);
    const late = await ask(pick(rest), { cmd: 'direct', to: gone.peerId, data: 'psst', timeoutMs: 1_500 });
    must((late['error'] as { code?: string } | undefined)?.code === 'DIRECT_TIMEOUT', JSON.stringify(late));
    await endsWell(fleet);
    const times = receipts.map(({ ms }) => ms).sort((a, b) => a - b);
    return {
      receipts: receipts.length,
      beyond,
      hopsMax: Math.max(...receipts.map(({ hops }) => hops)),
      msMedian: times[times.length >> 1] ?? 0,
      msMax: times.at(-1) ?? 0,
    };
  });
}

const shareOf = (sorted: readonly number[], share: number): number =>
  sorted[Math.floor((sorted.length - 1) * share)] ?? 0;

/**
 * 30 peers in 6 processes send `count` direct messages between random pairs, 20 at a time: every one is confirmed. Then a peer
 * dies without a word: whoever writes to it hears so with a typed error, no later than it was to wait.
 */
export function manyDirects(count = 1_000): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    const network = { hub: url, network: 'many-directs' };
    const groups = await Promise.all([5, 5, 5, 5, 5, 5].map((each) => fleet.peers({ ...network, count: each })));
    const peers = groups.flat();
    const [victim] = await fleet.peers(network);
    must(victim !== undefined, 'no victim');
    await oneComponent([...peers, victim]);
    const receipts: { hops: number; ms: number }[] = [];
    let left = count;
    const startMs = performance.now();
    const sendOn = async (): Promise<void> => {
      while (left-- > 0) {
        const from = pick(peers);
        const to = pick(peers.filter((peer) => peer !== from));
        const reply = await ask(from, { cmd: 'direct', to: to.peerId, data: 'psst' });
        must(reply['ok'] === true, `no receipt: ${JSON.stringify(reply)}`);
        receipts.push(reply['result'] as { hops: number; ms: number });
      }
    };
    await Promise.all(Array.from({ length: 20 }, sendOn));
    const sentMs = sinceMs(startMs);
    const counters = (await statusesOf(peers)).map((status) => status.counters);
    const sum = (name: string): number => counters.reduce((total, each) => total + (each[name] ?? 0), 0);
    const heard = received(peers);
    must(
      [...heard.values()].every((times) => times === 1),
      'a message was delivered twice',
    );
    must(heard.size === count, `${heard.size} of ${count} delivered`);
    await victim.program.end('SIGKILL');
    const timeoutMs = 3_000;
    const askedMs = performance.now();
    const late = await Promise.all(
      peers.map((from) => ask(from, { cmd: 'direct', to: victim.peerId, data: 'anybody?', timeoutMs })),
    );
    const toldMs = sinceMs(askedMs);
    const codes = new Set(late.map((reply) => (reply['error'] as { code?: string } | undefined)?.code));
    must([...codes].join() === 'DIRECT_TIMEOUT', `of a dead peer: ${[...codes].join()}`);
    must(toldMs < timeoutMs + 2_000, `told after ${toldMs} ms`);
    for (const program of programsOf(peers)) must((await program.end()) === 0, program.stderr);
    const ms = receipts.map((receipt) => receipt.ms).sort((a, b) => a - b);
    const hops = receipts.map((receipt) => receipt.hops).sort((a, b) => a - b);
    return {
      ...{ receipts: receipts.length, sentMs, beyond: hops.filter((crossed) => crossed > 1).length },
      ...{ hopsMax: hops.at(-1) ?? 0, ms50: shareOf(ms, 0.5), ms99: shareOf(ms, 0.99), msMax: ms.at(-1) ?? 0 },
      copies: Math.round(((sum('sent.DIRECT') + sum('sent.GOSSIP')) / count) * 100) / 100,
      ...{ walks: sum('walks.begun'), flooded: sum('flooded'), deadToldMs: toldMs },
    };
  });
}

/** A process dies without a word: its neighbours notice, and the others stay one mesh. */
export function killedProcess(): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    const options = { hub: url, network: 'killed' };
    const peers = (await Promise.all([2, 2, 2].map((count) => fleet.peers({ ...options, count })))).flat();
    const [victim] = await fleet.peers(options);
    must(victim !== undefined, 'no victim');
    await oneComponent([...peers, victim]);
    const programs = programsOf(peers);
    const before = await statusesOf(peers);
    const neighbours = before.filter((s) => standingLinks(s).some(({ peerId }) => peerId === victim.peerId)).length;
    must(neighbours > 0, 'nobody is linked to the victim');
    const startMs = performance.now();
    await victim.program.end('SIGKILL');
    const lost = () => programs.flatMap((program) => program.of({ event: 'peer.disconnected', remote: victim.peerId }));
    await until(programs, 'the first to notice', () => lost().length >= 1, 15_000);
    const firstMs = sinceMs(startMs);
    await until(programs, 'everybody to notice', () => lost().length >= neighbours, 15_000);
    const lastMs = sinceMs(startMs);
    must(
      lost().every(({ reason }) => reason === 'lost'),
      JSON.stringify(lost()),
    );
    await oneComponent(peers);
    await broadcastAll(peers, 10);
    for (const program of programs) must((await program.end()) === 0, program.stderr);
    return { neighbours, firstMs, lastMs };
  });
}

const PROGRAMS = join(import.meta.dirname, 'programs');

/** A program without process.exit joins, talks, leaves and ends; `await leave()` leaves no socket and no timer behind. */
export function endsByItself(peers = 2): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    const program = fleet.launch(join(PROGRAMS, 'join-leave.mjs'), [url, String(peers)]);
    const line = await program.line({ event: 'left' });
    must((await program.exited) === 0, `it ended with ${await program.exited}: ${program.stderr}`);
    must(heldBy(line).length === 0, `it held ${heldBy(line).join(', ')}`);
    return { leftMs: Number(line['leftMs']), endedMs: Number(line['endedMs']) };
  });
}

/** The same with a hub that stopped answering: leaving takes no longer than a drain. */
export function endsWithoutHub(): Promise<Figures> {
  return withFleet(async (fleet) => {
    const { hub, url } = await fleet.hub();
    const program = fleet.launch(join(PROGRAMS, 'join-leave.mjs'), [url, '2', String(hub.child.pid)]);
    const line = await program.line({ event: 'left' });
    must((await program.exited) === 0, `it ended with ${await program.exited}: ${program.stderr}`);
    return { leftMs: Number(line['leftMs']), endedMs: Number(line['endedMs']) };
  });
}
