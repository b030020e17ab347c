/** How the long scripts read their flags: the command's own tables, so that --help, bounds and mistakes look the same. */
import {
  COMMON_FLAGS,
  type CommandSpec,
  commandHelp,
  type Flag,
  type FlagValues,
  type IntegerFlag,
  type ListFlag,
  parseFlags,
  readShare,
  type TextFlag,
} from '../../runtime/cli/flags.ts';

const HELP = COMMON_FLAGS.filter(({ name }) => name === 'help');

/** A whole number from the first to the last of the three; the second is the default. */
export const count = <const Name extends string>(
  name: Name,
  [min, fallback, max]: readonly [number, number, number],
  describe: string,
) => ({ kind: 'integer', name, value: 'N', min, default: fallback, max, describe }) as const satisfies IntegerFlag;
export const share = <const Name extends string>(name: Name, fallback: string, describe: string) =>
  ({ kind: 'text', name, value: '0..1', charsMax: 16, default: fallback, describe }) as const satisfies TextFlag;
export const list = <const Name extends string>(
  name: Name,
  value: string,
  fallback: readonly string[],
  describe: string,
) => ({ kind: 'list', name, value, default: fallback, itemsMax: 64, describe }) as const satisfies ListFlag;

/** Ends the process over a mistake of whoever called: one line on stderr, code 2. */
export function misused(problem: string): never {
  process.stderr.write(`${problem} (--help tells every flag)\n`);
  process.exit(2);
}

/** The flags given to this process. Prints the help and ends with 0 when it is asked for. */
export function scriptFlags<const Flags extends readonly Flag[]>(spec: CommandSpec<Flags>): FlagValues<Flags> {
  const flags: readonly Flag[] = [...spec.flags, ...HELP];
  const read = parseFlags(flags, process.argv.slice(2));
  if (!read.ok) return misused(read.problem);
  if (read.value.help === true) {
    process.stdout.write(commandHelp('npm run', { ...spec, flags }).replace(' [flags]', ' -- [flags]'));
    process.exit(0);
  }
  // The parser has given each flag of the table the type of its kind.
  return read.value as FlagValues<Flags>;
}

/** The share that a text says. */
export const shareIn = (name: string, text: string): number =>
  readShare(text) ?? misused(`--${name} must be a number from 0 to 1, not "${text}"`);

/** Whole numbers of a list, each within bounds. */
export function integersIn(name: string, items: readonly string[], min: number, max: number): number[] {
  return items.map((item) => {
    const value = /^\d{1,15}$/.test(item) ? Number(item) : Number.NaN;
    if (value >= min && value <= max) return value;
    return misused(`--${name} must be whole numbers from ${min} to ${max}, not "${item}"`);
  });
}
