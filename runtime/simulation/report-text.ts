/** The report of a run for people: figures in words, and plots that fit a terminal. */
import type { Figures } from './figures.ts';
import type { Sample, ScenarioResult } from './scenario.ts';

/** What only the process that ran it knows. */
export interface RunCost {
  readonly commit: string;
  readonly wallMs: number;
  /** CPU time of the process, ms: what `usPerEvent` is taken from, since other work slows the wall clock only. */
  readonly cpuMs: number;
  readonly usPerEvent: number;
  readonly kbPerPeer: number;
}

const BARS = '▁▂▃▄▅▆▇█';
const WIDTH = 60;

/** One line of bars, scaled from 0 to the largest value. */
export function sparkline(values: readonly number[], width = WIDTH): string {
  if (values.length === 0) return '';
  const columns = Math.min(width, values.length);
  const picked = Array.from({ length: columns }, (_, i) => {
    const from = Math.floor((i * values.length) / columns);
    const to = Math.max(from + 1, Math.floor(((i + 1) * values.length) / columns));
    return Math.max(...values.slice(from, to));
  });
  const top = Math.max(...picked);
  return picked.map((v) => (top === 0 ? BARS[0] : BARS[Math.round((v / top) * (BARS.length - 1))])).join('');
}

/** Rows of `label bar count`, one for each value from the smallest to the largest. */
export function histogram(values: readonly number[], width = 40): string[] {
  if (values.length === 0) return [];
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  const top = Math.max(...counts.values());
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return Array.from({ length: Math.min(64, high - low + 1) }, (_, i) => {
    const count = counts.get(low + i) ?? 0;
    return `${String(low + i).padStart(6)}  ${'█'.repeat(Math.ceil((count / top) * width))} ${count}`;
  });
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const percent = (share: number): string => `${(share * 100).toFixed(3).replace(/\.?0+$/, '')} %`;

function plots(samples: readonly Sample[]): string[] {
  const row = (name: string, of: (s: Sample) => number): string => {
    const values = samples.map(of);
    const last = values.at(-1) ?? 0;
    return `  ${name.padEnd(11)} ${sparkline(values)} ${Math.round(last * 10) / 10}`;
  };
  return [
    row('peers', (s) => s.living),
    row('components', (s) => s.components),
    row('links', (s) => s.degree),
    row('delivered', (s) => s.delivered),
  ];
}

/** `complete`: false when the run was stopped on its way. */
export function humanReport(name: string, result: ScenarioResult, cost: RunCost, complete = true): string {
  const { figures: f, notes, samples, topology } = result;
  const { delivery: d } = f;
  const lines = [
    '',
    `${name}: ${f.peers} peers made, ${f.living} alive in the end, seed ${f.seed}, ${seconds(f.simulatedMs)} simulated`,
    '',
    ...plots(samples),
    '',
    'Links each:',
    ...histogram(topology.map((peer) => peer.links.length)),
    '',
    `  components   ${f.components}; the largest holds ${percent(f.largest)}; ${f.isolated} without a link`,
    `  links        ${f.degree.min} to ${f.degree.max}, mean ${f.degree.mean}; diameter ${f.diameter}`,
    `  first link   p50 ${f.firstLinkMs.p50} ms, p99 ${f.firstLinkMs.p99} ms`,
    `  full degree  p50 ${f.fullDegreeMs.p50} ms, p99 ${f.fullDegreeMs.p99} ms`,
    `  signaling    ${f.signalsPerLink} signals a link by hubs, ${f.relayedPerLink} by the mesh; ${f.dialsPerJoin} dials a join`,
    `  delivery     ${d.delivered} of ${d.expected} (${percent(d.ratio)}) in ${d.broadcasts} broadcasts, ${d.duplicates} twice`,
    `  copies       ${f.rmr} in excess after the 5th of a source, ${f.rmrAll} over all`,
    `  last hop     mean ${f.lastHop.mean}, max ${f.lastHop.max}; latency p50 ${f.latencyMs.p50} ms, p99 ${f.latencyMs.p99} ms`,
    `  faults       ${words(f.faults)}`,
    ...(Object.keys(notes).length === 0 ? [] : [`  scenario     ${words(notes)}`]),
    ...(complete ? [`  left behind  ${f.leaks.actors} actors, ${f.leaks.timers} timers`] : []),
    `  cost         ${seconds(cost.wallMs)}, ${f.events} events at ${cost.usPerEvent} µs, ${cost.kbPerPeer} kB a peer`,
    `  hash         ${f.hash} (commit ${cost.commit})`,
    ...violations(f, complete),
  ];
  return lines.join('\n');
}

const words = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');

function violations(f: Figures, complete: boolean): string[] {
  if (f.violations.length === 0) return ['', complete ? 'Every invariant held.' : 'No invariant broke so far.'];
  const shown = f.violations.slice(0, 10);
  return [
    '',
    `${f.violations.length} violations:`,
    ...shown.map((v) => `  ${v.atMs} ms  ${v.property}: ${v.detail} (peers ${v.peers.join(', ')})`),
    ...(f.violations.length > shown.length ? ['  …'] : []),
  ];
}
