/**
 * Flags as data: one table a command, from which both the parser and the help text come, so that they cannot disagree.
 * Pure: argument strings in, values or one clear sentence out. It reads no environment and prints nothing.
 */
import { parseArgs } from 'node:util';

interface FlagBase {
  /** Long name without dashes, kebab-case. */
  readonly name: string;
  /** One letter. */
  readonly short?: string;
  /** What it does, one sentence without a full stop; the unit belongs here. */
  readonly describe: string;
  /** Environment variable that means the same; the flag wins. */
  readonly env?: string;
  /** What the help prints as the default when there is no `default` value. */
  readonly defaultText?: string;
}
export interface TextFlag extends FlagBase {
  readonly kind: 'text';
  /** Placeholder in the help, upper case. */
  readonly value: string;
  readonly default?: string;
  readonly choices?: readonly string[];
  /** Longest value in characters; TEXT_CHARS_MAX unless told. */
  readonly charsMax?: number;
}
export interface IntegerFlag extends FlagBase {
  readonly kind: 'integer';
  readonly value: string;
  readonly default?: number;
  readonly min: number;
  readonly max: number;
}
/** Comma-separated, and may be given more than once. */
export interface ListFlag extends FlagBase {
  readonly kind: 'list';
  readonly value: string;
  readonly default?: readonly string[];
  readonly itemsMax: number;
}
/** `--name`, `--name=true` or `--name=false`. */
export interface SwitchFlag extends FlagBase {
  readonly kind: 'switch';
}
export type Flag = TextFlag | IntegerFlag | ListFlag | SwitchFlag;

type KindValue<F extends Flag> = F extends IntegerFlag
  ? number
  : F extends SwitchFlag
    ? boolean
    : F extends ListFlag
      ? readonly string[]
      : string;
type Entry<F extends Flag> = F extends { readonly default: unknown } ? KindValue<F> : KindValue<F> | undefined;
/** The values of a table of flags, by flag name. A flag without a default is undefined when it was not given. */
export type FlagValues<Flags extends readonly Flag[]> = {
  readonly [F in Flags[number] as F['name']]: Entry<F>;
};

export interface CommandSpec<Flags extends readonly Flag[] = readonly Flag[]> {
  readonly name: string;
  /** One sentence for the list of commands. */
  readonly summary: string;
  readonly flags: Flags;
  /** Further paragraphs of the command's help. */
  readonly notes?: readonly string[];
  readonly examples?: readonly string[];
}

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** Longest text value of a flag: a path or a few URLs fit. */
export const TEXT_CHARS_MAX = 4_096;

/** Every command takes these. */
export const COMMON_FLAGS = [
  { kind: 'switch', name: 'json', describe: 'One JSON object a line on stdout; logs go to stderr' },
  {
    kind: 'text',
    name: 'log',
    value: 'LEVEL',
    choices: ['silent', 'error', 'warn', 'info', 'debug'],
    default: 'warn',
    describe: 'What is logged to stderr',
  },
  { kind: 'switch', name: 'help', short: 'h', describe: 'This text' },
] as const satisfies readonly Flag[];

const problem = (text: string): { readonly ok: false; readonly problem: string } => ({ ok: false, problem: text });

/** Reads the arguments after the command's name. Total: whatever comes in, a value or a sentence comes out. */
export function parseFlags<const Flags extends readonly Flag[]>(
  flags: Flags,
  args: readonly string[],
): Parsed<FlagValues<Flags>> {
  const byName = new Map<string, Flag>(flags.map((flag) => [flag.name, flag]));
  const options: Record<string, { type: 'string' | 'boolean'; short?: string; multiple: boolean }> = {};
  for (const flag of flags) {
    options[flag.name] = {
      type: flag.kind === 'switch' ? 'boolean' : 'string',
      multiple: true,
      ...(flag.short === undefined ? {} : { short: flag.short }),
    };
  }
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const values = new Map<string, unknown>();
  for (const token of tokens) {
    if (token.kind === 'positional') return problem(`Unexpected argument "${clip(token.value)}"`);
    if (token.kind !== 'option') continue;
    const flag = byName.get(token.name);
    if (flag === undefined) return problem(unknownFlag(token.rawName, flags));
    const read = readValue(flag, token.value, token.inlineValue === true, token.rawName, values.get(flag.name));
    if (!read.ok) return read;
    values.set(flag.name, read.value);
  }
  const result: Record<string, unknown> = {};
  for (const flag of flags) {
    result[flag.name] = values.get(flag.name) ?? ('default' in flag ? flag.default : undefined);
  }
  // The loop above gave each flag of the table the type of its kind.
  return { ok: true, value: result as FlagValues<Flags> };
}

function readValue(
  flag: Flag,
  text: string | undefined,
  inline: boolean,
  rawName: string,
  earlier: unknown,
): Parsed<unknown> {
  if (flag.kind === 'switch') {
    if (text === undefined || text === 'true') return { ok: true, value: true };
    if (text === 'false') return { ok: true, value: false };
    return problem(`${rawName} takes no value, or =true or =false`);
  }
  if (text === undefined || (!inline && text.startsWith('--')))
    return problem(`${rawName} needs a value (${flag.value})`);
  if (flag.kind === 'list') return readList(flag, text, rawName, earlier);
  if (earlier !== undefined) return problem(`${rawName} was given twice`);
  if (flag.kind === 'integer') return readInteger(flag, text, rawName);
  const charsMax = flag.charsMax ?? TEXT_CHARS_MAX;
  if (text.length === 0 || text.length > charsMax) return problem(`${rawName} must have 1 to ${charsMax} characters`);
  if (flag.choices !== undefined && !flag.choices.includes(text)) {
    return problem(`${rawName} must be one of ${flag.choices.join(', ')}, not "${clip(text)}"`);
  }
  return { ok: true, value: text };
}

function readInteger(flag: IntegerFlag, text: string, rawName: string): Parsed<number> {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= flag.min && value <= flag.max) return { ok: true, value };
  return problem(`${rawName} must be a whole number from ${flag.min} to ${flag.max}, not "${clip(text)}"`);
}

function readList(flag: ListFlag, text: string, rawName: string, earlier: unknown): Parsed<readonly string[]> {
  if (text.length > TEXT_CHARS_MAX) return problem(`${rawName} must have 1 to ${TEXT_CHARS_MAX} characters`);
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const all = Array.isArray(earlier) ? [...earlier, ...items] : items;
  if (all.length === 0) return problem(`${rawName} needs a value (${flag.value})`);
  if (all.length > flag.itemsMax) return problem(`${rawName} takes at most ${flag.itemsMax} values`);
  return { ok: true, value: all };
}

/** A number from 0 to 1, as a text flag has it; undefined when it is none. */
export function readShare(text: string): number | undefined {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= 0 && value <= 1 ? value : undefined;
}

function unknownFlag(rawName: string, flags: readonly Flag[]): string {
  const wanted = rawName.replace(/^-+/, '');
  const near = flags.find((flag) => flag.name.startsWith(wanted.slice(0, 3)) && wanted.length >= 3);
  return `Unknown flag ${clip(rawName)}${near === undefined ? '' : ` (did you mean --${near.name}?)`}`;
}

const clip = (text: string): string => (text.length > 60 ? `${text.slice(0, 57)}...` : text).replace(/[\r\n\t]/g, ' ');

/** The help of one command: each flag with its placeholder, unit, bounds, environment variable and default. */
export function commandHelp(program: string, spec: CommandSpec): string {
  const rows = spec.flags.map((flag) => [flagHead(flag), flagText(flag)] as const);
  const width = Math.max(...rows.map(([head]) => head.length));
  const lines = [
    `Usage: ${program} ${spec.name} [flags]`,
    '',
    spec.summary,
    '',
    'Flags:',
    ...rows.map(([head, text]) => `  ${head.padEnd(width)}  ${text}`),
  ];
  for (const note of spec.notes ?? []) lines.push('', note);
  if (spec.examples !== undefined) lines.push('', 'Examples:', ...spec.examples.map((line) => `  ${line}`));
  lines.push('', 'Exit codes: 0 good, 1 failed, 2 usage.');
  return `${lines.join('\n')}\n`;
}

function flagHead(flag: Flag): string {
  const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
  return `${short}--${flag.name}${flag.kind === 'switch' ? '' : ` ${flag.value}`}`;
}

function flagText(flag: Flag): string {
  const details: string[] = [];
  if (flag.kind === 'text' && flag.choices !== undefined) details.push(flag.choices.join(' | '));
  if (flag.kind === 'integer') details.push(`${flag.min} to ${flag.max}`);
  if (flag.env !== undefined) details.push(`env ${flag.env}`);
  const given = 'default' in flag ? flag.default : undefined;
  const fallback = flag.defaultText ?? (flag.kind === 'switch' ? 'off' : (given ?? 'none'));
  if (flag.name !== 'help') details.push(`default ${String(fallback)}`);
  return details.length === 0 ? flag.describe : `${flag.describe} (${details.join('; ')})`;
}

/** The list of commands. */
export function programHelp(program: string, specs: readonly Pick<CommandSpec, 'name' | 'summary'>[]): string {
  const width = Math.max(...specs.map(({ name }) => name.length));
  return `${[
    `Usage: ${program} COMMAND [flags]`,
    '',
    'Peer-to-peer WebRTC meshes out of XState actors.',
    '',
    'Commands:',
    ...specs.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    '',
    `"${program} COMMAND --help" tells every flag. --version prints the version.`,
    'Exit codes: 0 good, 1 failed, 2 usage.',
  ].join('\n')}\n`;
}
