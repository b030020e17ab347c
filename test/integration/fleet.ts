/**
 * What the integration tests and the soak runs share: fleets of real processes, driven over the JSON lines of the command
 * line. It knows nothing of vitest, so that `test/bench/soak.ts` can run the same scenarios a hundred times.
 *
 * Everything here waits for lines, never for a fixed time; each wait has a limit and, past it, tells what it saw.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { LinkStatus, MeshStatus } from '../../runtime/api.ts';

export const ROOT = join(import.meta.dirname, '..', '..');
/** The built command line. `XSTATE_MESH_MAIN` names another one: a copy that no build changes during a long run. */
export const MAIN = process.env['XSTATE_MESH_MAIN'] ?? join(ROOT, 'dist', 'runtime', 'cli', 'main.js');
/** Longest wait for one condition unless a scenario sets its own. */
const WAIT_MS = 30_000;

export type Line = Readonly<Record<string, unknown>>;

const fits = (line: Line, fields: Line): boolean => Object.entries(fields).every(([key, value]) => line[key] === value);

/** One process whose stdout is read line by line; every line that is JSON is parsed once, when it comes. */
export class Program {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: Line[] = [];
  readonly texts: string[] = [];
  stderr = '';
  /** Exit code, or the name of the signal that ended it. */
  readonly exited: Promise<number | string>;
  #rest = '';
  readonly #onLine = new Set<() => void>();

  /** `within`: a command that starts the process somewhere else, such as another network namespace. */
  constructor(
    script: string,
    args: readonly string[],
    env: Record<string, string> = {},
    within: readonly string[] = [],
  ) {
    // Variables of the surroundings that the hub would read must not decide a test.
    const {
      PORT: _port,
      HOST: _host,
      AUTH_TOKEN: _token,
      BOOTSTRAP_HUBS: _hubs,
      NODE_OPTIONS: _node,
      ...clean
    } = process.env;
    const [file = '', ...rest] = [...within, process.execPath, script, ...args];
    this.child = spawn(file, rest, { cwd: ROOT, env: { ...clean, ...env } });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const pieces = (this.#rest + text).split('\n');
      this.#rest = pieces.pop() ?? '';
      for (const piece of pieces) this.#take(piece);
      this.wake();
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    // A process that ended reads nothing more: whoever waits for its lines sees its end.
    this.child.stdin.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        resolve(code ?? String(signal));
        this.wake();
      });
    });
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  #take(text: string): void {
    this.texts.push(text);
    if (text.startsWith('{')) this.lines.push(JSON.parse(text) as Line);
  }

  wake(): void {
    for (const call of [...this.#onLine]) call();
  }

  /** Calls back at every batch of lines, and at the end. */
  listen(call: () => void): () => void {
    this.#onLine.add(call);
    return () => this.#onLine.delete(call);
  }

  of(fields: Line, from = 0): Line[] {
    return this.lines.slice(from).filter((line) => fits(line, fields));
  }

  /** The first line with these fields, from line number `from` on. */
  line(fields: Line, { from = 0, waitMs = WAIT_MS }: { from?: number; waitMs?: number } = {}): Promise<Line> {
    return until([this], `a line ${JSON.stringify(fields)}`, () => this.of(fields, from)[0], waitMs);
  }

  linesOf(fields: Line, count: number, { from = 0, waitMs = WAIT_MS } = {}): Promise<Line[]> {
    const find = (): Line[] | undefined => {
      const found = this.of(fields, from);
      return found.length >= count ? found : undefined;
    };
    return until([this], `${count} lines ${JSON.stringify(fields)}`, find, waitMs);
  }

  say(command: unknown): void {
    this.child.stdin.write(`${typeof command === 'string' ? command : JSON.stringify(command)}\n`);
  }

  end(signal: NodeJS.Signals = 'SIGINT'): Promise<number | string> {
    if (!this.hasEnded) this.child.kill(signal);
    return this.exited;
  }
}

/** Resolves with what `find` finds, asked again whenever one of the programs said something. */
export function until<T>(
  programs: readonly Program[],
  what: string,
  find: () => T | undefined | false,
  waitMs = WAIT_MS,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stops: (() => void)[] = [];
    const settle = (act: () => void): void => {
      for (const stop of stops.splice(0)) stop();
      act();
    };
    const look = (): void => {
      const found = find();
      if (found !== undefined && found !== false) return settle(() => resolve(found));
      if (programs.every((program) => program.hasEnded)) settle(() => reject(failure('every process ended')));
    };
    const failure = (why: string): Error => {
      const tails = programs.map((p) => {
        const ended = p.hasEnded ? `ended with ${p.child.signalCode ?? p.child.exitCode}` : 'still runs';
        return `${p.texts.slice(-8).join('\n').slice(-2_000)}\n${p.stderr.slice(-1_000)}\n(${ended})`;
      });
      return new Error(`Waited for ${what}: ${why}.\n${tails.join('\n--\n')}`);
    };
    const timer = setTimeout(() => settle(() => reject(failure(`nothing within ${waitMs} ms`))), waitMs);
    stops.push(() => clearTimeout(timer));
    for (const program of programs) stops.push(program.listen(look));
    look();
  });
}

/** One peer inside one of the processes. */
export interface FleetPeer {
  readonly program: Program;
  readonly index: number;
  readonly peerId: string;
}

let refs = 0;

/** Sends one peer a command and resolves with its reply line. */
export function ask(peer: FleetPeer, command: Line, waitMs = WAIT_MS): Promise<Line> {
  const ref = `r${++refs}`;
  const from = peer.program.lines.length;
  peer.program.say({ peer: peer.index, ...command, ref });
  return peer.program.line({ event: 'reply', ref, peer: peer.index }, { from, waitMs });
}

export async function statusOf(peer: FleetPeer): Promise<MeshStatus> {
  const { result } = await ask(peer, { cmd: 'status' });
  return result as MeshStatus;
}

export const statusesOf = (peers: readonly FleetPeer[]): Promise<MeshStatus[]> => Promise.all(peers.map(statusOf));

const stands = ({ state }: LinkStatus): boolean => state.startsWith('connected');
export const standingLinks = (status: MeshStatus): LinkStatus[] => status.links.filter(stands);

/** The sets of peers that reach each other over links that both ends call standing. */
export function componentsOf(statuses: readonly MeshStatus[]): string[][] {
  const links = new Map(statuses.map((s) => [s.peerId, new Set(standingLinks(s).map(({ peerId }) => peerId))]));
  const unseen = new Set(links.keys());
  const components: string[][] = [];
  for (const start of links.keys()) {
    if (!unseen.delete(start)) continue;
    const component = [start];
    for (const peer of component) {
      for (const remote of links.get(peer) ?? []) {
        if (links.get(remote)?.has(peer) && unseen.delete(remote)) component.push(remote);
      }
    }
    components.push(component);
  }
  return components;
}

/** Who has how many links, for the message of a failure. */
export const pictureOf = (statuses: readonly MeshStatus[]): string =>
  statuses
    .map(
      (s) =>
        `${s.peerId.slice(0, 6)} ${s.state}: ${s.links.map((l) => `${l.peerId.slice(0, 6)}=${l.state}`).join(' ')}`,
    )
    .join('\n');

/** Waits until the peers form one component by their `status` replies; asks again after each change of a link. */
export async function oneComponent(peers: readonly FleetPeer[], waitMs = WAIT_MS): Promise<MeshStatus[]> {
  const programs = [...new Set(peers.map(({ program }) => program))];
  const endsAtMs = performance.now() + waitMs;
  for (;;) {
    const seen = programs.map((program) => program.lines.length);
    const statuses = await statusesOf(peers);
    if (componentsOf(statuses).length === 1) return statuses;
    const isChange = ({ event }: Line): boolean => event === 'peer.connected' || event === 'peer.disconnected';
    const changed = () => programs.some((program, i) => program.lines.slice(seen[i]).some(isChange));
    try {
      await until(programs, 'one component', changed, Math.max(1, endsAtMs - performance.now()));
    } catch {
      // The picture says more than the last lines.
      const last = await statusesOf(peers);
      throw new Error(`${componentsOf(last).length} components after ${waitMs} ms:\n${pictureOf(last)}`);
    }
  }
}

export interface PeerOptions {
  readonly hub: string;
  readonly network: string;
  readonly count?: number;
  readonly args?: readonly string[];
  readonly within?: readonly string[];
}

/** Every process of one scenario. */
export class Fleet {
  readonly programs: Program[] = [];

  launch(
    script: string,
    args: readonly string[],
    env: Record<string, string> = {},
    within: readonly string[] = [],
  ): Program {
    const program = new Program(script, args, env, within);
    this.programs.push(program);
    return program;
  }

  cli(args: readonly string[], env: Record<string, string> = {}, within: readonly string[] = []): Program {
    return this.launch(MAIN, args, env, within);
  }

  async hub(
    args: readonly string[] = ['--port', '0'],
    env: Record<string, string> = {},
    within: readonly string[] = [],
  ): Promise<{ hub: Program; url: string }> {
    const hub = this.cli(['hub', '--json', ...args], env, within);
    const { url } = await hub.line({ event: 'listening' });
    return { hub, url: String(url) };
  }

  /** Starts `count` peers in one process and waits until each has joined. */
  async peers({ hub, network, count = 1, args = [], within = [] }: PeerOptions): Promise<FleetPeer[]> {
    const given = ['peer', '--json', '--hub', hub, '--network', network, '--count', String(count), ...args];
    const program = this.cli(given, {}, within);
    const joined = await program.linesOf({ event: 'joined' }, count);
    const peers = joined.map((line) => ({ program, index: Number(line['peer']), peerId: String(line['peerId']) }));
    return peers.sort((a, b) => a.index - b.index);
  }

  /** Ends all with SIGINT, peers first; resolves with their exit codes and what they complained of. */
  async finish(): Promise<{ exits: (number | string)[]; stderr: string }> {
    const [hubs, peers] = [this.programs.filter(isHub), this.programs.filter((program) => !isHub(program))];
    const exits = await Promise.all(peers.map((program) => program.end()));
    exits.push(...(await Promise.all(hubs.map((program) => program.end()))));
    return { exits, stderr: this.programs.map(({ stderr }) => stderr).join('') };
  }

  /** Ends whatever still runs, at once. */
  async kill(): Promise<void> {
    await Promise.all(this.programs.map((program) => program.end('SIGKILL')));
  }
}

const isHub = (program: Program): boolean => program.child.spawnargs.includes('hub');

/** Runs a scenario; no process of it outlives it. */
export async function withFleet<T>(scenario: (fleet: Fleet) => Promise<T>): Promise<T> {
  const fleet = new Fleet();
  try {
    return await scenario(fleet);
  } finally {
    await fleet.kill();
  }
}

/** What still held a process once its meshes had left, by its line `left`, without what its own output needs. */
export const heldBy = (line: Line): string[] =>
  (line['held'] as string[]).filter((name) => !/^(TTY|Pipe|File|FSReq)/.test(name));

/** Fails a scenario with a message that says what was seen. */
export function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
