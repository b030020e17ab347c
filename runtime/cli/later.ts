/** Commands whose part of the product is not built yet: they say so and exit 2. */
import { type Command, defineCommand, UsageError } from './command.ts';

/** Their flags are not known yet, so none is read: any would be answered the same way. */
const commonOnly = (args: readonly string[]): string[] =>
  args.filter((arg) => ['--json', '--help', '-h'].includes(arg));

function later(name: string, summary: string): Command {
  const { spec, execute } = defineCommand({ name, summary: `${summary} (not available yet)`, flags: [] }, () =>
    Promise.reject(new UsageError(`"${name}" is not built yet`, 'NOT_AVAILABLE')),
  );
  return { spec, execute: (args, dependencies) => execute(commonOnly(args), dependencies) };
}

export const laterCommands: readonly Command[] = [later('load', 'Load a hub with clients')];
