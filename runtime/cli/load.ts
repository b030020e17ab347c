/** `xstate-mesh load`: loads hubs with clients that signal each other, and tells how they bore it. */
import { defineCommand, EXIT_FAILED, EXIT_GOOD, UsageError } from './command.ts';
import type { HistogramBar } from './latency-histogram.ts';
import type { LoadProgress, LoadResult } from './load-types.ts';
import { LOAD_TOKEN_FLAG, tokenIn } from './token.ts';

const DAY_S = 86_400;

/** Seconds with decimals as ms. */
function seconds(name: string, text: string, minMs: number): number {
  const value = Number(text);
  const ms = Math.round(value * 1_000);
  if (text.trim() === '' || !Number.isFinite(value) || ms < minMs || value > DAY_S) {
    throw new UsageError(`--${name} must be seconds from ${minMs / 1_000} to ${DAY_S}, not "${text}"`);
  }
  return ms;
}

function checkHub(text: string): string {
  try {
    const { protocol } = new URL(text);
    if (protocol === 'ws:' || protocol === 'wss:') return text;
  } catch {
    // No URL: said below.
  }
  throw new UsageError(`--hub must be a ws:// or wss:// URL, not "${text}"`);
}

export const loadCommand = defineCommand(
  {
    name: 'load',
    summary: 'Load hubs with clients that signal each other',
    flags: [
      {
        kind: 'list',
        name: 'hub',
        value: 'URL[,URL]',
        default: ['ws://localhost:3000'],
        itemsMax: 16,
        describe: 'Hubs; clients are spread over them, so that signals cross hubs that are linked',
      },
      { kind: 'integer', name: 'clients', value: 'N', default: 100, min: 2, max: 20_000, describe: 'Sockets' },
      {
        kind: 'text',
        name: 'duration',
        value: 'S',
        default: '10',
        describe: 'Seconds of load, once all are connected: 0.1 to 86400',
      },
      {
        kind: 'text',
        name: 'interval',
        value: 'S',
        default: '1',
        describe: 'Seconds between two signals of a client: 0.001 to 86400',
      },
      {
        kind: 'integer',
        name: 'networks',
        value: 'M',
        default: 1,
        min: 1,
        max: 10_000,
        describe: 'Networks of clients',
      },
      { kind: 'integer', name: 'bytes', value: 'N', default: 300, min: 0, max: 60_000, describe: 'Size of a signal' },
      LOAD_TOKEN_FLAG,
    ],
    notes: [
      'A hub drops what a socket sends above its RATE_LIMIT, 500 in 10 s: an interval of 0.02 s is its least.',
      'Exit code 1 when a client could not connect or fell out, or a signal was lost or came twice.',
    ],
    examples: ['xstate-mesh load --clients 1000 --duration 30 --interval 0.5 --networks 10 --json'],
  },
  async (values, { dependencies, output, stopped }) => {
    const options = {
      hubs: values.hub.map(checkHub),
      clients: values.clients,
      durationMs: seconds('duration', values.duration, 100),
      intervalMs: seconds('interval', values.interval, 1),
      networks: values.networks,
      bytes: values.bytes,
      token: values.token ?? tokenIn(dependencies.env, LOAD_TOKEN_FLAG.env),
    };
    output.say(`Loading ${options.hubs.join(', ')} with ${options.clients} clients`);
    const result = await dependencies.load(
      options,
      (progress) => {
        output.event({ event: 'progress', ...progress }, true);
        output.say(describeProgress(progress));
      },
      stopped,
    );
    for (const line of describeResult(result)) output.say(line);
    output.event({ event: 'result', ...result });
    const isGood = result.failed + result.dropped + result.lost + result.doubled === 0;
    return isGood ? EXIT_GOOD : EXIT_FAILED;
  },
);

const ms = (value: number | null): string => (value === null ? '-' : `${value} ms`);

/** Pure. */
export function describeProgress({ phase, elapsedMs, connected, sent, received, p99Ms }: LoadProgress): string {
  const at = `${(elapsedMs / 1_000).toFixed(0)} s`.padStart(6);
  return `${at}  ${phase.padEnd(10)}  ${connected} connected  ${sent} sent  ${received} received  p99 ${ms(p99Ms)}`;
}

const BAR_CHARS = 40;

function bar({ leMs, count }: HistogramBar, largest: number): string {
  const bound = leMs === null ? 'more' : `<= ${leMs} ms`;
  return `  ${bound.padStart(10)}  ${'#'.repeat(Math.ceil((count / largest) * BAR_CHARS))} ${count}`;
}

/** The result for people. Pure. */
export function describeResult(result: LoadResult): string[] {
  const { joinMs, latencyMs, histogram, errors } = result;
  const largest = Math.max(1, ...histogram.map(({ count }) => count));
  const problems = Object.entries(errors).map(([code, count]) => `${code} ${count}`);
  return [
    `${result.connected} of ${result.clients} clients connected (${result.failed} failed, ${result.dropped} fell out), join p50 ${ms(joinMs.p50)}, p99 ${ms(joinMs.p99)}`,
    `${result.received} of ${result.sent} signals arrived, ${result.lost} lost, ${result.doubled} twice: ${result.perSecond} a second`,
    `latency p50 ${ms(latencyMs.p50)}, p90 ${ms(latencyMs.p90)}, p99 ${ms(latencyMs.p99)}, at most ${ms(latencyMs.max)}`,
    ...histogram.map((entry) => bar(entry, largest)),
    ...(problems.length === 0 ? [] : [`errors: ${problems.join(', ')}`]),
  ];
}
