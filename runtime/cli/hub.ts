/** `xstate-mesh hub`: a signaling hub. Prints `listening` first, then what the hub tells; ends on a signal. */

import type { Writable } from 'node:stream';
import { MeshError } from '../errors.ts';
import { printable, shortId } from './chat-protocol.ts';
import { defineCommand, EXIT_FAILED, EXIT_GOOD, type Running, UsageError } from './command.ts';
import type { HubAddress, HubEvent } from './dependencies.ts';
import type { FlagValues } from './flags.ts';
import { flagWords, HUB_FLAGS, LOG_LEVELS, overlayEnvironment } from './hub-flags.ts';
import { logBesides } from './hub-log.ts';
import { toJsonData } from './json-data.ts';
import { jsonLogger } from './output.ts';
import { errorLine, type OutputLine } from './peer-protocol.ts';

export const hubCommand = defineCommand(
  {
    name: 'hub',
    summary: 'Run a signaling hub',
    flags: HUB_FLAGS,
    notes: ['Every flag but --json and --log has an environment variable of the same meaning; the flag wins.'],
    examples: ['xstate-mesh hub --port 3000', 'PORT=0 xstate-mesh hub --json'],
  },
  runHub,
);

async function runHub(values: FlagValues<typeof HUB_FLAGS>, running: Running): Promise<number> {
  const { dependencies, output } = running;
  const env = overlayEnvironment(HUB_FLAGS, values, dependencies.env);
  const level = logLevel(env['LOG_LEVEL']);
  let isOpen = false;
  // Why a hub does not listen is what the command ends with; and at a terminal people see each event already.
  const isSeen = !output.json && isTerminal(dependencies.stdout) && isTerminal(dependencies.stderr);
  const logger =
    level === undefined
      ? logBesides(output.logger, (event) => (isOpen ? isSeen : event === 'error'))
      : jsonLogger(dependencies.stderr, level, dependencies.now);
  const hub = await dependencies.createHub({ env, logger }).catch(inFlags);
  const printer = new HubPrinter(output);
  const failed = new Promise<number>((resolve) => {
    hub.on('*', (event) => {
      printer.take(event);
      if (event.type === 'hub.stopped' && 'reason' in event && event.reason === 'failed') resolve(EXIT_FAILED);
    });
  });
  hub.start();
  let isStopping = false;
  const stopped = running.stopped.then(async () => {
    isStopping = true;
    await hub.shutdown();
    return EXIT_GOOD;
  });
  const address = await hub.listening().catch((error: unknown) => {
    if (isStopping) return stopped;
    throw error;
  });
  if (typeof address === 'number') return address;
  isOpen = true;
  printer.open(address);
  output.say('Stop it with Ctrl-C.');
  return Promise.race([stopped, failed]);
}

const isTerminal = (stream: Writable): boolean => 'isTTY' in stream && stream.isTTY === true;

/** What is wrong with an option, said of the flag. */
function inFlags(error: unknown): never {
  if (!(error instanceof MeshError) || error.code !== 'BAD_OPTION') throw error;
  throw new MeshError('BAD_OPTION', flagWords(error.message), { cause: error });
}

/** The level that was asked for; undefined: none was. */
function logLevel(value: string | undefined): (typeof LOG_LEVELS)[number] | undefined {
  if (value === undefined || value.trim() === '') return undefined;
  const level = LOG_LEVELS.find((known) => known === value.trim().toLowerCase());
  if (level === undefined) throw new UsageError(`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, not "${value}"`);
  return level;
}

/** Prints a hub's events, `listening` before all others. */
export class HubPrinter {
  readonly #output: Running['output'];
  /** What came before the address was known; a hub that does not listen yet has few events. */
  #early: HubEvent[] | undefined = [];

  constructor(output: Running['output']) {
    this.#output = output;
  }

  open({ url, http, hubId }: HubAddress): void {
    this.#output.event({ event: 'listening', url, http, hubId });
    this.#output.say(`Hub ${shortId(hubId)} listens at ${url} (${http}/health)`);
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) this.#print(event);
  }

  take(event: HubEvent): void {
    if (this.#early === undefined) this.#print(event);
    else this.#early.push(event);
  }

  #print(event: HubEvent): void {
    // It is what `listening` has told.
    if (event.type === 'hub.listening') return;
    if (this.#output.json) this.#output.event(hubEventLine(event), event.type !== 'error');
    else this.#output.say(describeHubEvent(event));
  }
}

/** A hub's event as a line. Pure. */
export function hubEventLine(event: HubEvent): OutputLine {
  const { type, ...payload } = event;
  if (type === 'error' && 'error' in payload) return errorLine(payload.error);
  return { event: type, ...(toJsonData(payload) as Record<string, unknown>) };
}

/** The same for people: its name and its fields. Pure. */
export function describeHubEvent(event: HubEvent): string {
  const { event: name, ...fields } = hubEventLine(event);
  const texts = Object.entries(fields).map(([key, value]) => {
    const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
    return `${key}=${printable(text.length > 200 ? `${text.slice(0, 200)}...` : text)}`;
  });
  return [name, ...texts].join('  ');
}
