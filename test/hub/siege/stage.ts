/** A hub, its bystanders and their attacker, three processes: runs one phase of a siege after the other. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { createIdentity } from '../../../runtime/identity/index.ts';
import type { AttackName } from './attacks.ts';
import { Bystander, Bystanders, NETWORK, type Outcome } from './bystanders.ts';
import { LoadMeter, type OwnLoad } from './own-load.ts';

export interface AttackOrder {
  readonly url: string;
  readonly network: string;
  readonly victims: readonly string[];
  readonly attacks: readonly AttackName[];
}
export interface AttackReport {
  readonly acts: number;
  /** Signals for others that the attacker got hold of. */
  readonly stolen: number;
}
/** `hub` and `own`: what the hub's process and that of the bystanders had of the machine. */
export type PhaseResult = Outcome & AttackReport & { readonly hub: OwnLoad; readonly own: OwnLoad };

/** Neither the bystanders' address nor the attacker's. */
const NEWCOMERS_FROM = [5, 6, 7, 8, 9].map((last) => `127.0.0.${last}`);
const RUNNER = join(import.meta.dirname, '..', '..', 'tools', 'run-ts.mjs');

/** A program of this folder, whose messages are answers. */
class Companion {
  readonly #child: ChildProcess;

  constructor(file: string) {
    this.#child = fork(RUNNER, [join(import.meta.dirname, file)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  }
  next<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`A process of the siege ended with ${code}.`));
      this.#child.once('exit', ended);
      this.#child.once('message', (message) => {
        this.#child.off('exit', ended);
        resolve(message as T);
      });
    });
  }
  ask<T>(message: AttackOrder | 'stop' | 'load'): Promise<T> {
    const answer = this.next<T>();
    this.#child.send(message);
    return answer;
  }
  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

export class Siege {
  readonly #url: string;
  readonly #crowd: Bystanders;
  readonly #attacker: Companion;
  readonly #hub: Companion;
  readonly #meter = new LoadMeter();

  private constructor(url: string, crowd: Bystanders, attacker: Companion, hub: Companion) {
    this.#url = url;
    this.#crowd = crowd;
    this.#attacker = attacker;
    this.#hub = hub;
  }

  static async start(count: number): Promise<Siege> {
    const hub = new Companion('hub-process.ts');
    const attacker = new Companion('attacker-process.ts');
    const [url] = await Promise.all([hub.next<string>(), attacker.next()]);
    return new Siege(url, await Bystanders.start(url, count), attacker, hub);
  }

  /** The bystanders relay `count` signals while these attacks go on; with none they are left in peace. */
  async phase(attacks: readonly AttackName[], count: number, perSecond: number): Promise<PhaseResult> {
    if (attacks.length > 0)
      await this.#attacker.ask({ url: this.#url, network: NETWORK, victims: this.#crowd.ids, attacks });
    await this.#hub.ask<OwnLoad>('load');
    this.#meter.read();
    const outcome = await this.#crowd.relay(count, perSecond);
    const [hub, own] = [await this.#hub.ask<OwnLoad>('load'), this.#meter.read()];
    const report = attacks.length > 0 ? await this.#attacker.ask<AttackReport>('stop') : { acts: 0, stolen: 0 };
    return { ...outcome, ...report, hub, own };
  }

  /** `count` strangers to all this join while these attacks go on, a few at a time and from several addresses: how long each took, sorted. */
  async newcomers(attacks: readonly AttackName[], count: number): Promise<readonly number[]> {
    if (attacks.length > 0)
      await this.#attacker.ask({ url: this.#url, network: NETWORK, victims: this.#crowd.ids, attacks });
    const tookMs: number[] = [];
    const joinOne = async (localAddress: string): Promise<void> => {
      const startMs = performance.now();
      const peer = await Bystander.join(this.#url, createIdentity(), true, { localAddress });
      tookMs.push(performance.now() - startMs);
      peer.leave();
    };
    while (tookMs.length < count) await Promise.all(NEWCOMERS_FROM.map(joinOne));
    if (attacks.length > 0) await this.#attacker.ask<AttackReport>('stop');
    return tookMs.sort((a, b) => a - b);
  }

  end(): void {
    this.#crowd.end();
    this.#attacker.end();
    this.#hub.end();
  }
}

/** Nobody lost a signal, got a false one, or heard a complaint; nobody robbed. */
export const isHeld = ({ lost, complaints, stolen, ...rest }: PhaseResult): boolean =>
  lost === 0 && rest.false === 0 && complaints.length === 0 && stolen === 0;
