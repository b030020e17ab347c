/**
 * Hosts in network namespaces of their own, joined by a router in another one, where packets can be dropped. Nothing of it
 * touches the network of the machine. It needs root, `ip` and `nft`; `labTrouble` says what is missing.
 *
 * A host has the address 10.66.N.2; the router, where hubs and TURN servers run, is 10.66.N.1 on each host's wire.
 */
import { execFileSync } from 'node:child_process';

function run(file: string, ...args: string[]): string {
  return execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const ip = (...args: string[]): string => run('ip', ...args);

/** Runs words as one command line of `ip`. */
const ipLine = (line: string): string => ip(...line.split(' '));

export interface Host {
  readonly name: string;
  /** Puts a command into the host's namespace. */
  readonly within: readonly string[];
  address: string;
  readonly gateway: string;
}

/** What is dropped on its way between hosts, as a match of nft. */
export type Match = string;
export const ALL: Match = '';
export const lossOf = (percent: number): Match => `numgen random mod 100 < ${percent}`;
export const from = (host: Host): Match => `ip saddr ${host.address}`;

let labs = 0;
const open = new Set<Lab>();
process.once('exit', () => {
  for (const lab of open) lab.close();
});

export class Lab {
  readonly #name = `xm${process.pid}x${++labs}`;
  readonly #router = `${this.#name}r`;
  readonly hosts: readonly Host[];
  /** Puts a command into the router's namespace. */
  readonly within: readonly string[] = ['ip', 'netns', 'exec', this.#router];
  readonly gateway = '10.66.1.1';

  /** `names`: one host each. */
  constructor(...names: string[]) {
    open.add(this);
    try {
      ipLine(`netns add ${this.#router}`);
      ipLine(`-n ${this.#router} link set lo up`);
      this.hosts = names.map((name, index) => this.#host(name, index + 1));
      run(...this.#exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'));
      const chain = (hook: string): string => `chain ${hook} { type filter hook ${hook} priority 0; }`;
      this.#nft(`table inet faults { ${chain('forward')}; ${chain('input')}; ${chain('output')}; }`);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #exec(...command: string[]): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.#router, ...command];
  }

  #nft(...rules: string[]): string {
    return run(...this.#exec('nft', ...rules));
  }

  #host(name: string, n: number): Host {
    const netns = `${this.#name}${name}`;
    const [address, gateway] = [`10.66.${n}.2`, `10.66.${n}.1`];
    ipLine(`netns add ${netns}`);
    ipLine(`link add eth0 netns ${netns} type veth peer name to${n} netns ${this.#router}`);
    ipLine(`-n ${this.#router} addr add ${gateway}/24 dev to${n}`);
    ipLine(`-n ${this.#router} link set to${n} up`);
    ipLine(`-n ${netns} link set lo up`);
    ipLine(`-n ${netns} addr add ${address}/24 dev eth0`);
    ipLine(`-n ${netns} link set eth0 up`);
    ipLine(`-n ${netns} route add default via ${gateway}`);
    return { name: netns, within: ['ip', 'netns', 'exec', netns], address, gateway };
  }

  /** From now on the router drops what matches between hosts; with `hubToo`, what is for itself and from it as well. */
  drop(match: Match, hubToo = false): void {
    const rule = `add rule inet faults`;
    for (const hook of hubToo ? ['forward', 'input', 'output'] : ['forward']) {
      this.#nft(`${rule} ${hook} ${match} counter drop`.replace(/ +/g, ' '));
    }
  }

  /** Packets that were dropped since the last `heal`. */
  get dropped(): number {
    const counts = this.#nft('list table inet faults').matchAll(/counter packets (\d+)/g);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  heal(): void {
    this.#nft('flush table inet faults');
  }

  /** The host gets another address on its wire, at once and without a word, as a phone that changes networks does. */
  readdress(host: Host): void {
    const [a, b, c, last] = host.address.split('.');
    const next = [a, b, c, Number(last) + 1].join('.');
    ipLine(`-n ${host.name} addr del ${host.address}/24 dev eth0`);
    ipLine(`-n ${host.name} addr add ${next}/24 dev eth0`);
    ipLine(`-n ${host.name} route replace default via ${host.gateway}`);
    host.address = next;
  }

  /** Removes everything, and ends what still runs in it: after a signal nobody else does. */
  close(): void {
    if (!open.delete(this)) return;
    for (const line of ip('netns', 'list').split('\n')) {
      const [netns = ''] = line.split(' ');
      if (!netns.startsWith(this.#name)) continue;
      for (const pid of ip('netns', 'pids', netns).split('\n')) if (pid !== '') process.kill(Number(pid), 'SIGKILL');
      ip('netns', 'del', netns);
    }
  }
}

/** Why no lab can be built here; undefined when one can. */
export function labTrouble(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are a part of Linux';
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  try {
    new Lab('a').close();
    return undefined;
  } catch (error) {
    const { message, stderr } = error as Error & { stderr?: string };
    return `no network namespaces or no nft (Debian: iproute2, nftables): ${stderr?.trim() || message}`;
  }
}
