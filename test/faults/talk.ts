/** Two peers that talk all the time, and what of it arrived. */
import { type FleetPeer, type Line, must, until } from '../integration/fleet.ts';

const EVERY_MS = 50;
/** Every so many broadcasts a direct message, whose receipt is awaited. */
const DIRECT_EACH = 5;
const DIRECT_TIMEOUT_MS = 30_000;

interface Said {
  readonly key: string;
  readonly ref: string;
  readonly direct: boolean;
}

export class Talk {
  readonly #ends: readonly [FleetPeer, FleetPeer];
  readonly #said = new Map<FleetPeer, Said[]>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #count = 0;

  constructor(a: FleetPeer, b: FleetPeer) {
    this.#ends = [a, b];
    for (const end of this.#ends) this.#said.set(end, []);
  }

  start(): void {
    this.#timer = setInterval(() => this.#say(), EVERY_MS);
  }

  #say(): void {
    this.#count++;
    for (const end of this.#ends) {
      const direct = this.#count % DIRECT_EACH === 0;
      const key = `${end.peerId.slice(0, 4)}-${this.#count}`;
      const ref = `t${key}`;
      this.#said.get(end)?.push({ key, ref, direct });
      const to = direct
        ? { cmd: 'direct', to: this.#other(end).peerId, timeoutMs: DIRECT_TIMEOUT_MS }
        : { cmd: 'broadcast' };
      end.program.say({ peer: end.index, ...to, data: key, ref });
    }
  }

  #other(end: FleetPeer): FleetPeer {
    return end === this.#ends[0] ? this.#ends[1] : this.#ends[0];
  }

  /** Stops talking. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** Resolves when each end has heard something new, with the ms that the first and the last of them took. */
  async heardAgain(waitMs: number): Promise<{ firstMs: number; bothMs: number }> {
    const startMs = performance.now();
    const times = await Promise.all(
      this.#ends.map(async ({ program }) => {
        await program.line({ event: 'message' }, { from: program.lines.length, waitMs });
        return Math.round(performance.now() - startMs);
      }),
    );
    return { firstMs: Math.min(...times), bothMs: Math.max(...times) };
  }

  /** How many messages have come, over both ends. */
  get heard(): number {
    return this.#ends.reduce((sum, { program }) => sum + program.of({ event: 'message' }).length, 0);
  }

  /**
   * Waits until every message that was taken has arrived; must hold: each exactly once, and none acknowledged that did not.
   * `mayMiss`: what was sent while no link stood is not there to come.
   */
  async settle(waitMs: number): Promise<{ sent: number; missed: number; acknowledged: number }> {
    this.stop();
    const programs = this.#ends.map(({ program }) => program);
    const answered = (): boolean =>
      this.#ends.every((end) => {
        const said = this.#said.get(end) ?? [];
        return end.program.of({ event: 'reply' }).filter(isOfTalk).length >= said.length;
      });
    await until(programs, 'every reply', answered, waitMs + DIRECT_TIMEOUT_MS);
    await until(programs, 'every message', () => this.#missing(false).length === 0, waitMs);
    const missed = this.#missing(false).length;
    must(this.#missing(true).length === 0, `acknowledged and lost: ${this.#missing(true).join(', ')}`);
    const twice = this.#ends.flatMap((end) => [...this.#counts(end)].filter(([, times]) => times > 1));
    must(twice.length === 0, `delivered more than once: ${JSON.stringify(twice.slice(0, 3))}`);
    const replies = programs.flatMap((program) => program.of({ event: 'reply', ok: true }).filter(isOfTalk));
    const directs = new Set([...this.#said.values()].flat().flatMap(({ ref, direct }) => (direct ? [ref] : [])));
    const acknowledged = replies.filter((line) => directs.has(String(line['ref']))).length;
    return { sent: replies.length, missed, acknowledged };
  }

  /** Messages by their key and how often they came. */
  #counts({ program }: FleetPeer): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { data } of program.of({ event: 'message' }) as { data: string }[]) {
      counts.set(data, (counts.get(data) ?? 0) + 1);
    }
    return counts;
  }

  /** What was taken (of directs: acknowledged) at one end and has not come at the other. */
  #missing(directsOnly: boolean): string[] {
    return this.#ends.flatMap((end) => {
      const ok = new Set(end.program.of({ event: 'reply', ok: true }).map((line) => line['ref']));
      const counts = this.#counts(this.#other(end));
      const said = this.#said.get(end) ?? [];
      return said
        .filter((m) => (m.direct || !directsOnly) && ok.has(m.ref) && !counts.has(m.key))
        .map(({ key }) => key);
    });
  }
}

const isOfTalk = (line: Line): boolean => String(line['ref']).startsWith('t');
