/**
 * What a command is, and how one runs: its flags are read, help and usage errors are answered the same way everywhere,
 * a first signal asks it to end gracefully and a second one ends it at once.
 */
import { MeshError } from '../errors.ts';
import type { CliDependencies } from './dependencies.ts';
import { COMMON_FLAGS, type CommandSpec, commandHelp, type Flag, type FlagValues, parseFlags } from './flags.ts';
import { createOutput, type Output } from './output.ts';
import { errorText } from './peer-protocol.ts';

export const PROGRAM = 'xstate-mesh';
export const EXIT_GOOD = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** From the first signal to the end by force. A mesh leaves within LEAVE_TIMEOUT_MS, a hub drains about as long. */
export const GRACE_MS = 10_000;

/** What a running command needs of its surroundings. */
export interface Running {
  readonly dependencies: CliDependencies;
  readonly output: Output;
  /** Resolves at the first SIGINT or SIGTERM with its name. */
  readonly stopped: Promise<string>;
}

export interface Command {
  readonly spec: CommandSpec;
  /** Runs it with the arguments after its name and resolves with the exit code. Never rejects. */
  execute(args: readonly string[], dependencies: CliDependencies): Promise<number>;
}

/** A mistake of the caller, found after the flags were read: one line, exit 2. */
export class UsageError extends Error {
  readonly code: 'BAD_OPTION' | 'NOT_AVAILABLE';
  constructor(message: string, code: 'BAD_OPTION' | 'NOT_AVAILABLE' = 'BAD_OPTION') {
    super(message);
    this.code = code;
  }
}

type WithCommon<Flags extends readonly Flag[]> = FlagValues<Flags> & FlagValues<typeof COMMON_FLAGS>;

/** Builds a command from its own flags and what it does. `run` resolves with the exit code. */
export function defineCommand<const Flags extends readonly Flag[]>(
  spec: CommandSpec<Flags>,
  run: (values: WithCommon<Flags>, running: Running) => Promise<number>,
): Command {
  const flags: readonly Flag[] = [...spec.flags, ...COMMON_FLAGS];
  const fullSpec: CommandSpec = { ...spec, flags };
  return {
    spec: fullSpec,
    async execute(args, dependencies) {
      const { stdout, stderr } = dependencies;
      const read = parseFlags(flags, args);
      // The table is the command's own flags and the common ones: the parser has given each the type of its kind.
      const parsed = read.ok ? { ok: true as const, value: read.value as WithCommon<Flags> } : read;
      const json = parsed.ok ? parsed.value.json === true : args.includes('--json');
      const level = parsed.ok ? parsed.value.log : 'warn';
      const output = createOutput({ stdout, stderr, json, level });
      if (wantsHelp(args)) {
        stdout.write(commandHelp(PROGRAM, fullSpec));
        return finish(output, EXIT_GOOD);
      }
      if (!parsed.ok) return finish(output, usage(output, 'BAD_OPTION', parsed.problem, spec.name));
      const code = await supervised(dependencies, output, spec.name, (running) => run(parsed.value, running));
      return finish(output, code);
    },
  };
}

/** `--help` is answered whatever else is wrong with the line. */
const wantsHelp = (args: readonly string[]): boolean => args.includes('--help') || args.includes('-h');

/** Prints a usage error: one line on stderr, and one on stdout for a program that drives us. */
export function usage(output: Output, code: string, message: string, command?: string): number {
  const help = `${PROGRAM} ${command === undefined ? '' : `${command} `}--help`;
  output.event({ event: 'error', code, message });
  output.warn(`${PROGRAM}: ${code}: ${message}. See ${help}`);
  return EXIT_USAGE;
}

async function finish(output: Output, code: number): Promise<number> {
  await output.flush();
  return code;
}

async function supervised(
  dependencies: CliDependencies,
  output: Output,
  name: string,
  run: (running: Running) => Promise<number>,
): Promise<number> {
  let stop: (signal: string) => void = () => undefined;
  const stopped = new Promise<string>((resolve) => {
    stop = resolve;
  });
  let signals = 0;
  let guard: ReturnType<typeof setTimeout> | undefined;
  const removeSignal = dependencies.onSignal((signal) => {
    signals += 1;
    if (signals > 1) return dependencies.exit(EXIT_FAILED);
    stop(signal);
    guard = setTimeout(() => {
      output.warn(`${PROGRAM}: could not end gracefully within ${GRACE_MS} ms`);
      dependencies.exit(EXIT_FAILED);
    }, GRACE_MS);
    guard.unref();
  });
  let removeCrash: () => void = () => undefined;
  const crashed = new Promise<never>((_, reject) => {
    removeCrash = dependencies.onCrash(reject);
  });
  try {
    return await Promise.race([run({ dependencies, output, stopped }), crashed]);
  } catch (error) {
    return failed(error, output, name);
  } finally {
    clearTimeout(guard);
    removeSignal();
    removeCrash();
  }
}

function failed(error: unknown, output: Output, name: string): number {
  if (error instanceof UsageError) return usage(output, error.code, error.message, name);
  const { code, message } = errorText(error);
  if (error instanceof MeshError && (code === 'BAD_OPTION' || code === 'NOT_AVAILABLE')) {
    return usage(output, code, message.replace(/\.$/, ''), name);
  }
  output.event({ event: 'error', code, message });
  output.warn(`${PROGRAM} ${name}: ${code}: ${message}`);
  if (!(error instanceof MeshError) && error instanceof Error && error.stack !== undefined) {
    output.logger.log('debug', error.stack);
  }
  return EXIT_FAILED;
}
