/** Runs the built command line, and anything else in Node, as real processes: for end-to-end tests. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterEach } from 'vitest';

export const ROOT = join(import.meta.dirname, '..', '..');
export const MAIN = join(ROOT, 'dist', 'runtime', 'cli', 'main.js');

export type Line = Record<string, unknown>;

/** One process whose stdout is read line by line. */
export class Program {
  readonly child: ChildProcessWithoutNullStreams;
  readonly lines: string[] = [];
  stderr = '';
  /** Exit code; 128 and above would be a signal, told as -1. */
  readonly exited: Promise<number>;
  #ended = false;
  #rest = '';
  #waiting: (() => void)[] = [];

  constructor(script: string, args: readonly string[], env: Record<string, string> = {}) {
    // Variables of the surroundings that the hub would read must not decide a test.
    const { PORT: _port, HOST: _host, BOOTSTRAP_HUBS: _hubs, NODE_OPTIONS: _options, ...clean } = process.env;
    this.child = spawn(process.execPath, [script, ...args], { cwd: ROOT, env: { ...clean, ...env } });
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const pieces = (this.#rest + text).split('\n');
      this.#rest = pieces.pop() ?? '';
      this.lines.push(...pieces);
      this.#wake();
    });
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    // A process that ended reads nothing more: the test sees its end.
    this.child.stdin.on('error', () => undefined);
    this.exited = new Promise((resolve) => {
      this.child.on('close', (code) => {
        this.#ended = true;
        this.#wake();
        resolve(code ?? -1);
      });
    });
  }

  get json(): Line[] {
    return this.lines.map((line) => JSON.parse(line) as Line);
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Resolves with what `find` finds in the output; rejects with all of it when the process ends before. */
  async until<T>(find: (program: this) => T | undefined | false): Promise<T> {
    for (;;) {
      const found = find(this);
      if (found !== undefined && found !== false) return found;
      if (this.#ended) throw new Error(`It ended first.\n${this.lines.join('\n')}\n${this.stderr}`);
      await new Promise<void>((wake) => {
        this.#waiting.push(wake);
      });
    }
  }

  /** The first JSON line with these fields. */
  line(fields: Line): Promise<Line> {
    const fits = (line: Line) => Object.entries(fields).every(([key, value]) => line[key] === value);
    return this.until(({ json }) => json.find(fits));
  }

  /** At least `count` JSON lines with these fields. */
  linesOf(fields: Line, count: number): Promise<Line[]> {
    const fits = (line: Line) => Object.entries(fields).every(([key, value]) => line[key] === value);
    return this.until(({ json }) => {
      const found = json.filter(fits);
      return found.length >= count && found;
    });
  }

  say(command: unknown): void {
    this.child.stdin.write(`${typeof command === 'string' ? command : JSON.stringify(command)}\n`);
  }

  end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.child.kill(signal);
    return this.exited;
  }
}

const running: Program[] = [];

afterEach(async () => {
  for (const program of running.splice(0)) {
    if (program.child.exitCode === null) program.child.kill('SIGKILL');
    await program.exited;
  }
});

/** Starts a script; it is killed after the test when it still runs. */
export function launch(script: string, args: readonly string[], env: Record<string, string> = {}): Program {
  const program = new Program(script, args, env);
  running.push(program);
  return program;
}
export const cli = (args: readonly string[], env: Record<string, string> = {}): Program => launch(MAIN, args, env);

/** A hub on a free port, ready. */
export async function startHub(): Promise<{ readonly hub: Program; readonly url: string }> {
  const hub = cli(['hub', '--json', '--port', '0']);
  const { url } = await hub.line({ event: 'listening' });
  return { hub, url: String(url) };
}
