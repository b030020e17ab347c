/**
 * What every link adapter must do, as a suite that any adapter can be run against: the in-memory one, WebRTC in Node, in
 * a browser, or one of your own. It needs nothing but a test runner's `describe` and `it`.
 */
import { FRAME_BYTES_MAX, LINK_BUFFER_HIGH_BYTES, LINK_BUFFER_LOW_BYTES } from '../../machines/shared/limits.ts';
import type { LinkSignal } from '../../runtime/ports/signaling.ts';
import { type ContractRunner, check, turn, until } from './contract.ts';
import { type Case, checkEnd, closePair, End, type LinkHarness, openPair, pair, patterned, same } from './link-ends.ts';
import { identityCases, laneCases, restartCases } from './link-extras.contract.ts';

export type { LinkHarness } from './link-ends.ts';

/** A line of a description that holds a candidate. */
const INSIDE = /^a=candidate:.*\r?\n/gm;

const opening: Record<string, Case> = {
  'opens on both ends, once, with an offer, an answer and candidates': async (harness) => {
    const ends = await openPair(harness);
    check(ends.left.signals[0]?.kind === 'offer', 'the initiator offers first');
    check(ends.right.signals[0]?.kind === 'answer', 'the other end answers first');
    check(ends.left.signals.filter(({ kind }) => kind === 'offer').length === 1, 'one offer');
    check(
      [...ends.left.signals, ...ends.right.signals].some(
        (signal) => signal.kind === 'candidate' || signal.sdp.includes('a=candidate:'),
      ),
      'candidates are given out, one by one or in a description',
    );
    await closePair(harness, ends);
  },
  'carries its signals as JSON': async (harness) => {
    const left = new End(harness.left, true);
    const right = new End(harness.right, false);
    left.onSignal = (signal) => right.signal(JSON.parse(JSON.stringify(signal)) as LinkSignal);
    right.onSignal = (signal) => left.signal(JSON.parse(JSON.stringify(signal)) as LinkSignal);
    await until(harness, () => left.opens > 0 && right.opens > 0, 'both ends open');
    await closePair(harness, { left, right });
  },
  'takes candidates that came before their description': async (harness) => {
    const held: LinkSignal[] = [];
    // Those inside of the description are taken out of it, and come as if the engine had given them out one by one.
    const ends = pair(harness, (from, signal) => {
      if (from !== 'left' || signal.kind !== 'offer') return true;
      const inside = signal.sdp.match(INSIDE) ?? [];
      for (const line of inside) {
        const candidate = { candidate: line.trim().slice('a='.length), sdpMid: '0', sdpMLineIndex: 0 };
        ends.left.signals.push({ kind: 'candidate', ...candidate });
        ends.right.signal({ kind: 'candidate', ...candidate });
      }
      held.push({ ...signal, sdp: signal.sdp.replace(INSIDE, '') });
      return false;
    });
    await until(harness, () => ends.left.signals.some(({ kind }) => kind === 'candidate'), 'a candidate of the left');
    for (const signal of held) ends.right.signal(signal);
    await until(harness, () => ends.left.opens > 0 && ends.right.opens > 0, 'both ends open');
    await closePair(harness, ends);
  },
  'takes a repeated description as one': async (harness) => {
    const ends = pair(harness);
    const { left, right } = ends;
    left.onSignal = (signal) => {
      right.signal(signal);
      right.signal(signal);
    };
    right.onSignal = (signal) => {
      left.signal(signal);
      left.signal(signal);
    };
    await until(harness, () => left.opens > 0 && right.opens > 0, 'both ends open');
    await closePair(harness, ends);
  },
  'opens several links at a time, each for itself': async (harness) => {
    const pairs = [pair(harness), pair(harness), pair(harness)];
    await until(harness, () => pairs.every(({ left, right }) => left.opens + right.opens === 2), 'all open');
    for (const [i, { left }] of pairs.entries()) left.link.send(patterned(10, i));
    await until(harness, () => pairs.every(({ right }) => right.frames.length === 1), 'a frame each');
    for (const [i, { right }] of pairs.entries()) check(same(right.frames[0], patterned(10, i)), `frame of link ${i}`);
    for (const ends of pairs) await closePair(harness, ends);
  },
};

const carrying: Record<string, Case> = {
  'keeps order and borders of frames from 1 byte to 16 KiB, both ways': async (harness) => {
    const ends = await openPair(harness);
    const sizes = [1, 2, 3, 100, 1_199, 1_200, 1_201, 4_096, 16_383, FRAME_BYTES_MAX, 1, FRAME_BYTES_MAX];
    const sent = sizes.map((size, i) => patterned(size, i));
    for (const frame of sent) check(ends.left.link.send(frame) && ends.right.link.send(frame), 'accepted');
    const arrived = (end: End) => end.frames.length >= sent.length;
    await until(harness, () => arrived(ends.left) && arrived(ends.right), 'all frames');
    for (const end of [ends.left, ends.right]) {
      for (const [i, frame] of sent.entries()) check(same(end.frames[i], frame), `frame ${i} of ${frame.byteLength} B`);
    }
    await closePair(harness, ends);
  },
  'keeps the order of frames that are sent within onOpen': async (harness) => {
    const ends = pair(harness);
    for (const end of [ends.left, ends.right]) {
      end.onOpen = () => {
        for (let i = 0; i < 40; i++) check(end.link.send(patterned(8_000, i)), 'a link that opened takes frames');
      };
    }
    await until(harness, () => ends.left.frames.length + ends.right.frames.length === 80, 'all frames');
    for (const end of [ends.left, ends.right]) {
      // Which one came instead tells order from damage.
      const came = end.frames.map((frame) =>
        Array.from({ length: 40 }, (_, i) => i).find((i) => same(frame, patterned(8_000, i))),
      );
      for (const [i, nth] of came.entries()) check(nth === i, `frame ${i} in its place: ${came.join(' ')}`);
    }
    await closePair(harness, ends);
  },
  'carries 1,000 small frames in order': async (harness) => {
    const ends = await openPair(harness);
    for (let i = 0; i < 1_000; i++) ends.left.link.send(Uint8Array.of(i & 255, i >> 8, 7));
    await until(harness, () => ends.right.frames.length >= 1_000, '1,000 frames');
    for (const [i, frame] of ends.right.frames.entries()) {
      check(same(frame, Uint8Array.of(i & 255, i >> 8, 7)), `frame ${i}`);
    }
    await closePair(harness, ends);
  },
  'sends a view into a larger buffer as that view, and hands out bytes of the receiver alone': async (harness) => {
    const ends = await openPair(harness);
    const large = patterned(1_000, 5);
    const view = large.subarray(100, 200);
    ends.left.link.send(view);
    large.fill(0);
    await until(harness, () => ends.right.frames.length === 1, 'the frame');
    const frame = ends.right.frames[0] as Uint8Array;
    check(same(frame, patterned(1_000, 5).subarray(100, 200)), 'the bytes as they were at the time of the call');
    check(frame.buffer.byteLength === 100, 'a buffer of its own');
    await closePair(harness, ends);
  },
  'tells how much is buffered, and when it drained': async (harness) => {
    const ends = await openPair(harness);
    let sent = 0;
    // Some frames a turn, as an app sends: megabytes within one turn overrun the sockets of a loaded machine, and SCTP
    // then takes seconds to resend. An engine that is faster than this all along has nothing to drain.
    while (ends.left.link.bufferedBytes <= LINK_BUFFER_LOW_BYTES && sent < 2_000) {
      for (let i = 0; i < 8; i++) check(ends.left.link.send(patterned(FRAME_BYTES_MAX, sent++)), 'accepted');
      if (ends.left.link.bufferedBytes <= LINK_BUFFER_LOW_BYTES) await turn(harness);
    }
    const high = ends.left.link.bufferedBytes;
    // Earlier turns may have had a drain of their own.
    const before = ends.left.drains;
    check(high <= LINK_BUFFER_HIGH_BYTES, `${high} B are buffered`);
    if (high > LINK_BUFFER_LOW_BYTES) {
      await until(harness, () => ends.left.drains > before, 'onDrain');
      check(ends.left.link.bufferedBytes <= LINK_BUFFER_LOW_BYTES, 'the buffer is low when drained');
    }
    await until(harness, () => ends.right.frames.length === sent, 'all frames');
    await closePair(harness, ends);
  },
  'refuses what is no frame, and frames while it is not open': async (harness) => {
    const ends = pair(harness);
    check(!ends.left.link.send(Uint8Array.of(1)), 'not open yet');
    check(ends.left.link.bufferedBytes === 0, 'nothing is buffered');
    await until(harness, () => ends.left.opens > 0 && ends.right.opens > 0, 'both ends open');
    check(!ends.left.link.send(new Uint8Array(0)), 'an empty frame');
    check(!ends.left.link.send(new Uint8Array(FRAME_BYTES_MAX + 1)), 'a frame beyond 16 KiB');
    await closePair(harness, ends);
    check(!ends.left.link.send(Uint8Array.of(1)), 'closed');
    check(ends.left.link.bufferedBytes === 0, 'nothing is buffered');
  },
};

const closing: Record<string, Case> = {
  'closes from the left: both ends hear it once, without an error': (harness) => closeFrom(harness, 'left', 'right'),
  'closes from the right: both ends hear it once, without an error': (harness) => closeFrom(harness, 'right', 'left'),
  'delivers what was sent before close': async (harness) => {
    const ends = await openPair(harness);
    for (let i = 0; i < 50; i++) ends.left.link.send(patterned(FRAME_BYTES_MAX, i));
    ends.left.close();
    await until(harness, () => ends.right.closes > 0 && ends.left.closes > 0, 'closed');
    check(ends.right.frames.length === 50, `${ends.right.frames.length} of 50 frames arrived before the close`);
    await closePair(harness, ends);
  },
  'hands out nothing but onClosed after close': async (harness) => {
    const ends = await openPair(harness);
    ends.left.close();
    check(!ends.left.link.send(Uint8Array.of(1)), 'takes no frames');
    for (let i = 0; i < 10; i++) ends.right.link.send(patterned(1_000, i));
    await until(harness, () => ends.left.closes > 0 && ends.right.closes > 0, 'closed');
    check(ends.left.frames.length === 0, 'no frame after close');
    await closePair(harness, ends);
  },
  'closes before anything was exchanged': async (harness) => {
    const left = new End(harness.left, true);
    left.close();
    await until(harness, () => left.closes > 0, 'closed');
    check(left.error === undefined && left.opens === 0, 'no error, never open');
    const right = new End(harness.right, false);
    right.close();
    right.close();
    await until(harness, () => right.closes > 0, 'closed');
    await closePair(harness, { left, right });
  },
  'closes while its offer is under way, and takes late signals without harm': async (harness) => {
    const left = new End(harness.left, true);
    const right = new End(harness.right, false);
    left.onSignal = (signal) => right.signal(signal);
    await until(harness, () => right.signals.some(({ kind }) => kind === 'answer'), 'an answer');
    left.close();
    await until(harness, () => left.closes > 0, 'closed');
    for (const signal of right.signals) left.signal(signal);
    await closePair(harness, { left, right });
    for (const signal of left.signals) right.signal(signal);
    await harness.settle?.();
    check(left.opens === 0 && right.opens === 0, 'never open');
    checkEnd('left', left);
    checkEnd('right', right);
  },
};

async function closeFrom(harness: LinkHarness, near: 'left' | 'right', far: 'left' | 'right'): Promise<void> {
  const ends = await openPair(harness);
  ends[near].close();
  await until(harness, () => ends[near].closes > 0 && ends[far].closes > 0, 'both ends closed');
  check(ends[near].error === undefined, `an error where nobody erred: ${ends[near].error?.message}`);
  check(ends[far].error === undefined, `an error where nobody erred: ${ends[far].error?.message}`);
  await closePair(harness, ends);
  check((harness.leaks?.() ?? 0) === 0, `${harness.leaks?.()} things are still held`);
}

const failing: Record<string, Case> = {
  'ends in onClosed with an error on a bad offer': async (harness) => {
    const right = new End(harness.right, false);
    right.signal({ kind: 'offer', sdp: 'v=0\r\nnonsense' });
    await until(harness, () => right.closes > 0, 'closed');
    check(right.error instanceof Error, 'an error');
    checkEnd('right', right);
  },
  'ends in onClosed with an error on a description of the wrong kind': async (harness) => {
    const left = new End(harness.left, true);
    const other = new End(harness.left, true);
    await until(harness, () => left.signals.length > 0 && other.signals.length > 0, 'offers');
    left.signal(other.signals[0] as LinkSignal);
    await until(harness, () => left.closes > 0, 'closed');
    check(left.error instanceof Error, 'an error');
    await closePair(harness, { left, right: other });
  },
  'survives, or ends in onClosed on, a bad candidate': async (harness) => {
    const ends = await openPair(harness);
    ends.left.signal({ kind: 'candidate', candidate: 'candidate:nonsense', sdpMid: '0', sdpMLineIndex: 0 });
    ends.left.signal({ kind: 'candidate', candidate: '', sdpMid: null, sdpMLineIndex: null });
    ends.left.signal({ kind: 'candidate', candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host' });
    await closePair(harness, ends);
  },
  'does not open on the answer to another offer': async (harness) => {
    const dead = new End(harness.left, true);
    const right = new End(harness.right, false);
    dead.onSignal = (signal) => right.signal(signal);
    await until(harness, () => right.signals.some(({ kind }) => kind === 'answer'), 'an answer');
    dead.close();
    const left = new End(harness.left, true);
    await until(harness, () => left.signals.length > 0 && dead.closes > 0, 'an offer');
    for (const signal of right.signals) left.signal(signal);
    await harness.settle?.();
    check(left.opens === 0 && right.opens === 0, 'never open');
    await closePair(harness, { left, right });
    checkEnd('dead', dead);
  },
  'frees everything on dispose': async (harness) => {
    if (harness.left.dispose === undefined) return;
    const ends = await openPair(harness);
    harness.left.dispose();
    if (harness.right !== harness.left) harness.right.dispose?.();
    await until(harness, () => ends.left.closes > 0 && ends.right.closes > 0, 'closed');
    await closePair(harness, ends);
  },
};

/** The cases by name, for runners of another kind. */
export const linkPortCases: Readonly<Record<string, Case>> = {
  ...opening,
  ...carrying,
  ...closing,
  ...failing,
  ...identityCases,
  ...laneCases,
  ...restartCases,
};

/** Runs the suite against what `makeHarness` makes, anew for each case. */
export function linkPortContract(
  name: string,
  makeHarness: () => LinkHarness | Promise<LinkHarness>,
  { describe, it }: ContractRunner,
): void {
  describe(`link port contract: ${name}`, () => {
    for (const [title, run] of Object.entries(linkPortCases)) {
      it(title, async () => {
        const harness = await makeHarness();
        try {
          await run(harness);
        } finally {
          await harness.dispose?.();
        }
      });
    }
  });
}
