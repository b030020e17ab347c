/** Picks the command that the arguments name and runs it. */
import { type Command, EXIT_GOOD, PROGRAM, usage } from './command.ts';
import { demoCommand } from './demo.ts';
import type { CliDependencies } from './dependencies.ts';
import { programHelp } from './flags.ts';
import { hubCommand } from './hub.ts';
import { idCommand } from './id.ts';
import { loadCommand } from './load.ts';
import { createOutput } from './output.ts';
import { peerCommand } from './peer.ts';
import { replayCommand } from './replay.ts';
import { simulateCommand } from './simulate.ts';

export const COMMANDS: readonly Command[] = [
  hubCommand,
  peerCommand,
  demoCommand,
  idCommand,
  simulateCommand,
  replayCommand,
  loadCommand,
];

/** Runs the command line: `args` is what comes after the program's name. Resolves with the exit code. */
export async function runCli(args: readonly string[], dependencies: CliDependencies): Promise<number> {
  const [name, ...rest] = args;
  const command = COMMANDS.find(({ spec }) => spec.name === name);
  if (command !== undefined) return command.execute(rest, dependencies);
  const { stdout, stderr } = dependencies;
  const output = createOutput({ stdout, stderr, json: args.includes('--json'), level: 'warn' });
  const code = await answer(name, args, dependencies, output);
  await output.flush();
  return code;
}

async function answer(
  name: string | undefined,
  args: readonly string[],
  dependencies: CliDependencies,
  output: ReturnType<typeof createOutput>,
): Promise<number> {
  if (name === 'help' || args.includes('--help') || args.includes('-h')) {
    const wanted = COMMANDS.find(({ spec }) => name === 'help' && spec.name === args[1]);
    if (wanted !== undefined) return wanted.execute(['--help'], dependencies);
    const help = programHelp(
      PROGRAM,
      COMMANDS.map(({ spec }) => spec),
    );
    dependencies.stdout.write(help);
    return EXIT_GOOD;
  }
  if (name === '--version' || name === '-v') {
    dependencies.stdout.write(`${await dependencies.version()}\n`);
    return EXIT_GOOD;
  }
  const names = COMMANDS.map(({ spec }) => spec.name).join(', ');
  if (name === undefined || name.startsWith('-')) return usage(output, 'BAD_COMMAND', `A command is missing: ${names}`);
  return usage(output, 'BAD_COMMAND', `Unknown command "${name.slice(0, 60)}": one of ${names}`);
}
