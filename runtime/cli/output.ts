/**
 * stdout and stderr of one command. A reader that went away (EPIPE) is not an error of ours: what it would have read is
 * dropped. A reader that is slow may cost at most OUTPUT_BACKLOG_BYTES of memory: then messages are dropped and counted.
 */
import type { Writable } from 'node:stream';
import type { LoggerPort, LogLevel } from '../ports/logger.ts';
import type { OutputLine } from './peer-protocol.ts';

/** What may wait for a slow reader of stdout before lines that nobody asked for are dropped: 16 MiB. */
export const OUTPUT_BACKLOG_BYTES = 16 * 1_048_576;

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface Output {
  readonly json: boolean;
  /** One JSON line on stdout; nothing in human mode. `droppable` lines may be lost to a slow reader. */
  event(line: OutputLine, droppable?: boolean): void;
  /** One line for people on stdout; nothing in JSON mode. */
  say(text: string): void;
  /** One line on stderr in both modes. */
  warn(text: string): void;
  readonly logger: LoggerPort;
  /** stdout's reader is gone. */
  readonly broken: boolean;
  /** Calls back once when stdout's reader is gone. */
  onBroken(handler: () => void): void;
  /** Resolves when everything was handed to the system, or nobody reads it any more. */
  flush(): Promise<void>;
}

export interface OutputOptions {
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly json: boolean;
  /** Lowest level that is logged to stderr; `silent` for none. */
  readonly level: string;
}

export function createOutput(options: OutputOptions): Output {
  const { stdout, stderr, json } = options;
  let broken = false;
  let dropped = 0;
  const brokenHandlers: (() => void)[] = [];
  stdout.on('error', () => {
    if (broken) return;
    broken = true;
    for (const handler of brokenHandlers) handler();
  });
  // Nobody is left to tell: stderr itself cannot be written.
  stderr.on('error', () => undefined);
  let isCorked = false;
  // What is said in one turn goes out in one write: stdout is often a pipe, which Node writes to while everything else waits.
  const write = (text: string): void => {
    if (broken) return;
    if (!isCorked) {
      isCorked = true;
      stdout.cork();
      setImmediate(() => {
        isCorked = false;
        stdout.uncork();
      });
    }
    stdout.write(text);
  };
  const reportDropped = (): void => {
    const count = dropped;
    dropped = 0;
    const message = `${count} events were dropped: stdout is read too slowly`;
    write(`${JSON.stringify({ event: 'error', code: 'QUEUE_FULL', message })}\n`);
  };
  const event = (line: OutputLine, droppable = false): void => {
    if (!json) return;
    if (droppable && stdout.writableLength > OUTPUT_BACKLOG_BYTES) {
      if (dropped === 0) stdout.once('drain', reportDropped);
      dropped += 1;
      return;
    }
    write(`${JSON.stringify(line)}\n`);
  };
  return {
    json,
    event,
    say: (text) => {
      if (!json) write(`${text}\n`);
    },
    warn: (text) => void stderr.write(`${text}\n`),
    logger: createLogger(stderr, options.level),
    get broken() {
      return broken;
    },
    onBroken: (handler) => void brokenHandlers.push(handler),
    flush: async () => {
      await Promise.all([flushed(stdout, () => broken), flushed(stderr, () => false)]);
    },
  };
}

function createLogger(stderr: Writable, level: string): LoggerPort {
  const lowest = level === 'silent' ? LEVELS.length : Math.max(0, LEVELS.indexOf(level as LogLevel));
  return {
    log: (of, message, fields) => {
      if (LEVELS.indexOf(of) < lowest) return;
      stderr.write(`${of} ${message}${fields === undefined ? '' : ` ${safeJson(fields)}`}\n`);
    },
  };
}

/** One JSON object a line, for machines that gather logs. `silent` logs nothing. */
export function jsonLogger(stderr: Writable, level: LogLevel | 'silent', now: () => number): LoggerPort {
  const lowest = level === 'silent' ? LEVELS.length : LEVELS.indexOf(level);
  return {
    log: (of, message, fields) => {
      if (LEVELS.indexOf(of) < lowest) return;
      const time = new Date(now()).toISOString();
      stderr.write(`${safeJson({ time, level: of, message, ...fields })}\n`);
    },
  };
}

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    // Log fields should be plain; a log line must not end the process when they are not.
    return '{}';
  }
}

function flushed(stream: Writable, isBroken: () => boolean): Promise<void> {
  if (isBroken() || stream.destroyed || stream.writableEnded) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('error', () => resolve());
    stream.once('close', () => resolve());
    stream.write('', () => resolve());
  });
}
