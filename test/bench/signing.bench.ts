/**
 * What signing costs: broadcasts through two data planes that are joined by plain calls, so that nothing but the mesh's own work
 * counts, signed and not, and the share of the time that goes into signatures. Usage: signing.bench.ts [BROADCASTS] [BYTES]
 */
import { createExchange, type RunningExchange } from '../../runtime/exchange/exchange.ts';
import { createIdentity, verifyClaim } from '../../runtime/identity/index.ts';
import type { Inlet } from '../../runtime/ports/exchange.ts';
import type { Identity } from '../../runtime/ports/identity.ts';
import type { Link } from '../../runtime/ports/link.ts';
import { systemRandom } from '../../runtime/random.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { fakePorts } from '../machines/harness.ts';
import { figure, medianOf } from './report.ts';

const [broadcasts = 5_000, bytes = 256] = process.argv.slice(2).map(Number);
const ATTEMPT = `${'0'.repeat(19)}1`;
const ROUNDS = 5;
/** Messages under way at one time, as a real link has them. */
const BATCH = 50;

/** Time spent within the identity's own functions, ms. */
interface Spent {
  signingMs: number;
  verifyingMs: number;
}

function timed(identity: Identity, spent: Spent): Identity {
  const measured = <T>(part: keyof Spent, act: () => T): T => {
    const startMs = performance.now();
    const result = act();
    spent[part] += performance.now() - startMs;
    return result;
  };
  return {
    peerId: identity.peerId,
    publicKey: identity.publicKey,
    sign: (message) => measured('signingMs', () => identity.sign(message)),
    verify: (claim) => measured('verifyingMs', () => verifyClaim(claim)),
  };
}

/** Takes everything that is passed on. */
const SINK: Link = {
  fingerprints: undefined,
  bufferedBytes: 0,
  signal: () => undefined,
  restart: () => undefined,
  close: () => undefined,
  send: () => true,
};
const THIRD = 'f'.repeat(40);

/** Sends all broadcasts from one end to the other. Returns ms. */
function run(signing: boolean, spent: Spent): number {
  const clock = new HeapClock(Date.now());
  let delivered = 0;
  const identities = [timed(createIdentity(), spent), timed(createIdentity(), spent)] as const;
  const ends = identities.map((identity) =>
    createExchange({
      ports: { ...fakePorts({ clock }), random: systemRandom, identity, signing },
      network: 'bench',
      maxPeers: 8,
      report: (fact) => {
        if (fact.type === 'inbox') delivered += fact.messages.length;
      },
    }),
  ) as [RunningExchange, RunningExchange];
  const inlets: Inlet[] = [];
  for (const [from, to] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const them = identities[to].peerId;
    const link: Link = {
      ...SINK,
      send: (frame) => {
        clock.setTimeout(() => inlets[to]?.receive(frame), 1);
        return true;
      },
    };
    inlets[from] = ends[from].attach(them, ATTEMPT, link, () => undefined);
    ends[from].admit(them, ATTEMPT);
  }
  // A peer that passes on what it hears checks it first.
  ends[1].attach(THIRD, ATTEMPT, SINK, () => undefined);
  ends[1].admit(THIRD, ATTEMPT);
  clock.runFor(100);
  const data = new Uint8Array(bytes);
  const startMs = performance.now();
  for (let n = 0; n < broadcasts; n++) {
    ends[0].broadcast(data, {});
    if (n % BATCH === BATCH - 1) clock.runFor(10);
  }
  clock.runFor(100);
  const ms = performance.now() - startMs;
  if (delivered !== broadcasts) throw new Error(`${delivered} of ${broadcasts} arrived`);
  for (const end of ends) end.stop();
  return ms;
}

const results = { signed: [] as number[], plain: [] as number[], signing: [] as number[], verifying: [] as number[] };
for (let round = 0; round < ROUNDS; round++) {
  const spent = { signingMs: 0, verifyingMs: 0 };
  results.plain.push(run(false, spent));
  const ms = run(true, spent);
  results.signed.push(ms);
  results.signing.push(spent.signingMs / ms);
  results.verifying.push(spent.verifyingMs / ms);
}
const rate = (ms: number): number => (broadcasts / ms) * 1_000;
const print = (...given: Parameters<typeof figure>): void => console.log(JSON.stringify(figure(...given)));
const plain = rate(medianOf(results.plain));
print(
  'signing',
  `broadcasts of ${bytes} B, signed, one end to the other, which passes them on, both in one thread`,
  '1/s',
  rate(medianOf(results.signed)),
  plain,
);
print('signing', 'share of the time spent signing', '', medianOf(results.signing));
print('signing', 'share of the time spent verifying', '', medianOf(results.verifying));
