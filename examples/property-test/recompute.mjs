/**
 * Goal: recompute a run's figures from its trace alone, with nothing of the simulator: components, copies, hops,
 * deliveries, signals and dials.
 *
 *   node dist/runtime/cli/main.js simulate --peers 50 --trace run.jsonl
 *   node examples/property-test/recompute.mjs run.jsonl
 *
 * Prints one JSON line. The format of a trace is in docs/simulator.md.
 */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** @typedef {{ source: number, nth: number, sinceMs: number, got: Map<number, number>, again: number, copies: number }} Told */

/** @param {Iterable<string> | AsyncIterable<string>} lines */
export async function recompute(lines) {
  /** @type {Map<number, { joinedMs?: number, away: boolean, gone: boolean, links: Set<number> }>} */
  const peers = new Map();
  /** @type {Map<string, Told>} */
  const told = new Map();
  /** @type {Map<number, number>} */
  const bySource = new Map();
  const sent = { hub: 0, mesh: 0, offers: 0, links: 0 };
  let firstSaidMs = Infinity;
  let ended = false;
  for await (const line of lines) {
    if (line === '' || line.startsWith('{')) continue;
    const [kind, atMs, a, b, c, d] = JSON.parse(line);
    if (kind === 'measured') ended = true;
    // What follows are the farewells: the figures are those of before.
    if (ended) continue;
    const peer = peers.get(a);
    // Who plays a role owes no delivery.
    if (kind === 'peer') peers.set(a, { away: c !== undefined, gone: false, links: new Set() });
    else if (kind === 'joined' && peer) peer.joinedMs ??= atMs;
    else if (kind === 'sleep' && peer) peer.away = true;
    else if (kind === 'end' && peer) peer.away = peer.gone = true;
    else if (kind === 'link' && peer && c === 0) peer.links.delete(b);
    else if (kind === 'link' && peer) {
      peer.links.add(b);
      // A link has come about when its second end reports it.
      if (peers.get(b)?.links.has(a)) sent.links++;
    } else if (kind === 'signal') {
      sent[d === 'hub' ? 'hub' : 'mesh']++;
      if (c === 'offer') sent.offers++;
    } else if (kind === 'say') {
      firstSaidMs = Math.min(firstSaidMs, atMs);
      const nth = (bySource.get(a) ?? 0) + 1;
      bySource.set(a, nth);
      told.set(b, { source: a, nth, sinceMs: firstSaidMs, got: new Map(), again: 0, copies: 0 });
    } else if (kind === 'copy') {
      const message = told.get(c);
      if (message) message.copies++;
    } else if (kind === 'got') {
      const message = told.get(b);
      if (!message) continue;
      if (message.got.has(a)) message.again++;
      else message.got.set(a, c);
    }
  }
  const perLink = (/** @type {number} */ count) => (sent.links === 0 ? 0 : round(count / sent.links));
  return {
    components: componentsOf(peers),
    ...deliveries(peers, told),
    signalsPerLink: perLink(sent.hub),
    relayedPerLink: perLink(sent.mesh),
    dialsPerJoin: peers.size === 0 ? 0 : round(sent.offers / peers.size),
  };
}

const round = (/** @type {number} */ value) => Math.round(value * 1000) / 1000;

/** @param {Map<number, { gone: boolean, links: Set<number> }>} peers */
function componentsOf(peers) {
  const living = new Map([...peers].filter(([, peer]) => !peer.gone));
  const seen = new Set();
  let count = 0;
  for (const start of living.keys()) {
    if (seen.has(start)) continue;
    count++;
    const queue = [start];
    seen.add(start);
    for (let index = queue.pop(); index !== undefined; index = queue.pop()) {
      for (const other of living.get(index)?.links ?? []) {
        // A link counts when both ends report it.
        if (seen.has(other) || !living.get(other)?.links.has(index)) continue;
        seen.add(other);
        queue.push(other);
      }
    }
  }
  return count;
}

/**
 * @param {Map<number, { joinedMs?: number, away: boolean }>} peers
 * @param {Map<string, Told>} told
 */
function deliveries(peers, told) {
  let expected = 0;
  let delivered = 0;
  let duplicates = 0;
  let hopSum = 0;
  let hopMax = 0;
  const all = { copies: 0, first: 0 };
  const grown = { copies: 0, first: 0 };
  for (const { source, nth, sinceMs, got, again, copies } of told.values()) {
    for (const [index, peer] of peers) {
      if (index === source || peer.away || peer.joinedMs === undefined || peer.joinedMs > sinceMs) continue;
      expected++;
      if (got.has(index)) delivered++;
    }
    duplicates += again;
    const last = Math.max(0, ...got.values());
    hopSum += last;
    hopMax = Math.max(hopMax, last);
    for (const sum of nth > 5 ? [all, grown] : [all]) {
      sum.copies += copies;
      sum.first += got.size;
    }
  }
  const excess = (/** @type {typeof all} */ sum) => (sum.first === 0 ? 0 : round(sum.copies / sum.first - 1));
  return {
    delivery: { broadcasts: told.size, expected, delivered, duplicates },
    rmr: excess(grown),
    rmrAll: excess(all),
    lastHop: { mean: told.size === 0 ? 0 : round(hopSum / told.size), max: hopMax },
  };
}

const file = process.argv[2];
if (file !== undefined && import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  console.log(JSON.stringify(await recompute(createInterface({ input: createReadStream(file) }))));
}
