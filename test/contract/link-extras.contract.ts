/** The part of the link contract that not every adapter can do more of than the least: lanes, and restarts of ICE. */
import { FRAME_BYTES_MAX } from '../../machines/shared/limits.ts';
import type { LinkSignal } from '../../runtime/ports/signaling.ts';
import { check, turn, until } from './contract.ts';
import {
  type Case,
  closePair,
  type End,
  type LinkHarness,
  openPair,
  type Pair,
  pair,
  patterned,
  same,
} from './link-ends.ts';

/** Bulk under way when a control frame is to overtake it. */
const WAITING_BYTES = 4_194_304;

/** The first byte names the lane, the next two the place in it. */
const tagged = (lane: number, n: number, size: number): Uint8Array => {
  const frame = new Uint8Array(size);
  frame.set([lane, n & 255, n >> 8]);
  return frame;
};

export const laneCases: Readonly<Record<string, Case>> = {
  'keeps the order within each lane, both ways': async (harness) => {
    const ends = await openPair(harness);
    const count = 200;
    for (const end of [ends.left, ends.right]) {
      for (let n = 0; n < count; n++) {
        check(end.link.send(tagged(0, n, 10 + n), 'control'), 'control accepted');
        check(end.link.send(tagged(1, n, 1_000 + n), 'bulk'), 'bulk accepted');
      }
    }
    const arrived = (end: End) => end.frames.length === 2 * count;
    await until(harness, () => arrived(ends.left) && arrived(ends.right), 'all frames of both lanes');
    for (const end of [ends.left, ends.right]) {
      for (const [lane, size] of [
        [0, 10],
        [1, 1_000],
      ] as const) {
        const frames = end.frames.filter((frame) => frame[0] === lane);
        check(frames.length === count, `${frames.length} frames of lane ${lane}`);
        for (const [n, frame] of frames.entries())
          check(same(frame, tagged(lane, n, size + n)), `${n} of lane ${lane}`);
      }
    }
    await closePair(harness, ends);
  },
  'lets control pass before the bulk that waits': async (harness) => {
    if (harness.hasLanes !== true) return;
    const ends = await openPair(harness);
    // Enough waits that the adapter holds some of it back: engines take a megabyte at once, and send as fast as we call.
    let bulk = 0;
    while (ends.left.link.bufferedBytes < WAITING_BYTES && bulk < 1_500) {
      for (let n = 0; n < 64; n++) ends.left.link.send(tagged(1, bulk++, FRAME_BYTES_MAX), 'bulk');
      // What has arrived is read meanwhile: behind a busy thread both lanes pile up, and are read one after the other.
      await turn(harness);
    }
    const waiting = Math.floor(ends.left.link.bufferedBytes / FRAME_BYTES_MAX);
    ends.left.link.send(tagged(0, 0, 10));
    await until(harness, () => ends.right.frames.length > bulk, 'all frames');
    const overtaken = bulk - ends.right.frames.findIndex((frame) => frame[0] === 0);
    check(overtaken >= waiting / 2, `control overtook ${overtaken} of ${waiting} frames of bulk that waited`);
    await closePair(harness, ends);
  },
  'counts what waits over both lanes, and tells when both drained': async (harness) => {
    const ends = await openPair(harness);
    const count = 64;
    const half = FRAME_BYTES_MAX / 2;
    for (let n = 0; n < count; n++) {
      ends.left.link.send(tagged(1, n, half), 'bulk');
      ends.left.link.send(tagged(0, n, half), 'control');
    }
    if (ends.left.link.bufferedBytes > count * half) {
      await until(harness, () => ends.left.drains > 0, 'onDrain');
    }
    await until(harness, () => ends.right.frames.length === 2 * count, 'all frames');
    await closePair(harness, ends);
  },
  'delivers the bulk that was sent before close': async (harness) => {
    const ends = await openPair(harness);
    const count = 50;
    // The bytes may be used again at once: what waits is the adapter's own copy.
    const frame = new Uint8Array(FRAME_BYTES_MAX);
    for (let n = 0; n < count; n++) {
      frame.set(tagged(1, n, 3));
      ends.left.link.send(frame, 'bulk');
    }
    ends.left.link.send(tagged(0, 0, 3), 'control');
    ends.left.close();
    await until(harness, () => ends.right.closes > 0 && ends.left.closes > 0, 'closed');
    const bulk = ends.right.frames.filter((each) => each[0] === 1);
    check(ends.right.frames.length === count + 1, `${ends.right.frames.length} of ${count + 1} frames arrived`);
    for (const [n, each] of bulk.entries()) check(each[1] === n, `frame ${n} in its place`);
    await closePair(harness, ends);
  },
};

export const identityCases: Readonly<Record<string, Case>> = {
  'tells by what certificates its ends are known, each as the other does, and no two the same': async (harness) => {
    const fresh = pair(harness);
    check(fresh.left.link.fingerprints === undefined, 'nothing is known before there is a description');
    await until(harness, () => fresh.left.opens > 0 && fresh.right.opens > 0, 'both ends open');
    const other = await openPair(harness);
    const seen = new Set<string>();
    for (const { left, right } of [fresh, other]) {
      const [ours, theirs] = [left.link.fingerprints, right.link.fingerprints];
      check(ours !== undefined && theirs !== undefined, 'both ends tell once they are open');
      check(
        ours.local === theirs.remote && ours.remote === theirs.local,
        `${ours.local} and ${ours.remote} on both ends`,
      );
      check(left.link.fingerprints?.local === ours.local, 'the same each time');
      seen.add(ours.local).add(ours.remote);
    }
    check(seen.size === 4, 'a certificate is used for one link');
    for (const ends of [fresh, other]) await closePair(harness, ends);
  },
  'takes in no restart of somebody else on a link that stands': async (harness) => {
    if (!canRestart(harness)) return;
    const ends = await openPair(harness);
    const stranger = await openPair(harness);
    const stolen: LinkSignal[] = [];
    stranger.left.onSignal = (signal) => void stolen.push(signal);
    stranger.left.link.restart();
    await until(harness, () => stolen.some(({ kind }) => kind === 'offer'), 'the offer of the stranger');
    const answered = answers(ends.right).length;
    const before = ends.right.link.fingerprints?.remote;
    for (const signal of stolen) ends.right.signal(signal);
    await harness.settle?.();
    // What is the other end's own is taken in as ever, and behind it nothing can still be under way.
    await checkFlow(harness, ends, 4);
    ends.left.link.restart();
    await until(harness, () => answers(ends.right).length > answered, 'an answer to the true end');
    const isBack = (end: End) => end.connectivity.includes('connected');
    await until(harness, () => isBack(ends.left) && isBack(ends.right), 'connected again');
    check(answers(ends.right).length === answered + 1, 'no answer to the stranger');
    check(ends.right.link.fingerprints?.remote === before, 'the same certificate');
    await checkFlow(harness, ends, 5);
    for (const each of [ends, stranger]) await closePair(harness, each);
  },
};

const canRestart = ({ left, right }: LinkHarness): boolean => left.capabilities.restart && right.capabilities.restart;
const offers = (end: End): LinkSignal[] => end.signals.filter(({ kind }) => kind === 'offer');
const answers = (end: End): LinkSignal[] => end.signals.filter(({ kind }) => kind === 'answer');

/** Frames still flow both ways. */
async function checkFlow(harness: LinkHarness, { left, right }: Pair, seed: number): Promise<void> {
  const frame = patterned(500, seed);
  const before = [left.frames.length, right.frames.length];
  check(left.link.send(frame) && right.link.send(frame, 'bulk'), 'the link takes frames');
  const came = (end: End, had = 0) => end.frames.length > had;
  await until(harness, () => came(left, before[0]) && came(right, before[1]), 'a frame each way');
  check(same(left.frames.at(-1), frame) && same(right.frames.at(-1), frame), 'the frames as sent');
}

async function restartFrom(harness: LinkHarness, near: 'left' | 'right', far: 'left' | 'right'): Promise<void> {
  if (!canRestart(harness)) return;
  const ends = await openPair(harness);
  const made = [offers(ends[near]).length, answers(ends[far]).length];
  ends[near].during(() => ends[near].link.restart());
  await until(
    harness,
    () => [near, far].every((side) => ends[side].connectivity.includes('connected')),
    'connected again',
  );
  check(offers(ends[near]).length === (made[0] ?? 0) + 1, 'one further offer');
  check(answers(ends[far]).length === (made[1] ?? 0) + 1, 'one further answer');
  await checkFlow(harness, ends, 1);
  await closePair(harness, ends);
}

export const restartCases: Readonly<Record<string, Case>> = {
  'does nothing on restart where it cannot, and before it is open': async (harness) => {
    const ends = pair(harness);
    ends.left.during(() => ends.left.link.restart());
    await until(harness, () => ends.left.opens + ends.right.opens === 2, 'both ends open');
    check(offers(ends.left).length === 1, 'one offer');
    if (!harness.left.capabilities.restart) {
      ends.left.during(() => ends.left.link.restart());
      await harness.settle?.();
      check(offers(ends.left).length === 1, 'no further offer');
    }
    await checkFlow(harness, ends, 2);
    await closePair(harness, ends);
    ends.left.during(() => ends.left.link.restart());
    await harness.settle?.();
    check(ends.left.afterClose === 0, 'nothing after the close');
  },
  'restarts from the end that offered': (harness) => restartFrom(harness, 'left', 'right'),
  'restarts from the end that answered': (harness) => restartFrom(harness, 'right', 'left'),
  'restarts from both ends at once, and again': async (harness) => {
    if (!canRestart(harness) || !harness.left.capabilities.rollback || !harness.right.capabilities.rollback) return;
    const ends = await openPair(harness);
    for (let round = 1; round <= 3; round++) {
      for (const end of [ends.left, ends.right]) end.connectivity.length = 0;
      const made = [answers(ends.left).length, answers(ends.right).length];
      const offered = offers(ends.left).length + offers(ends.right).length;
      // What one end says is held back until the other has offered too: the offers cross for certain.
      const held: (() => void)[] = [];
      let isHeld = true;
      const pass = (to: End) => (signal: LinkSignal) => {
        if (isHeld) held.push(() => to.signal(signal));
        else to.signal(signal);
      };
      ends.left.onSignal = pass(ends.right);
      ends.right.onSignal = pass(ends.left);
      ends.left.link.restart();
      ends.right.link.restart();
      await until(harness, () => offers(ends.left).length + offers(ends.right).length === offered + 2, 'two offers');
      isHeld = false;
      for (const deliver of held) deliver();
      const isBack = (end: End) => end.connectivity.includes('connected');
      await until(harness, () => isBack(ends.left) && isBack(ends.right), 'connected again');
      // LEFT is the smaller id: it rolls back and answers.
      check(answers(ends.left).length === (made[0] ?? 0) + 1, 'the smaller id answers');
      check(answers(ends.right).length === made[1], 'the larger id ignores the offer');
      await checkFlow(harness, ends, round);
    }
    await closePair(harness, ends);
  },
  'restarts again when the first offer was lost, and takes repeated signals as one': async (harness) => {
    if (!canRestart(harness)) return;
    const ends = await openPair(harness);
    ends.left.onSignal = () => undefined;
    const made = ends.left.signals.length;
    ends.left.link.restart();
    await until(harness, () => ends.left.signals.slice(made).some(({ kind }) => kind === 'offer'), 'the lost offer');
    ends.left.onSignal = (signal) => {
      ends.right.signal(signal);
      ends.right.signal(signal);
    };
    ends.right.onSignal = (signal) => {
      ends.left.signal(signal);
      ends.left.signal(signal);
    };
    ends.left.link.restart();
    const isBack = (end: End) => end.connectivity.includes('connected');
    await until(harness, () => isBack(ends.left) && isBack(ends.right), 'connected again');
    await checkFlow(harness, ends, 7);
    await closePair(harness, ends);
  },
  'ignores the answer to a restart that it gave up': async (harness) => {
    if (!canRestart(harness)) return;
    const ends = await openPair(harness);
    const late: LinkSignal[] = [];
    ends.right.onSignal = (signal) => {
      if (signal.kind === 'answer' && late.length === 0) late.push(signal);
      else ends.left.signal(signal);
    };
    ends.left.link.restart();
    await until(harness, () => late.length > 0, 'the first answer');
    const offered = offers(ends.left).length;
    ends.left.onSignal = () => undefined;
    ends.left.link.restart();
    await until(harness, () => offers(ends.left).length > offered, 'the second offer');
    for (const signal of late) ends.left.signal(signal);
    await harness.settle?.();
    const second = offers(ends.left).at(-1) as LinkSignal;
    ends.left.onSignal = (signal) => ends.right.signal(signal);
    ends.right.signal(second);
    const isBack = (end: End) => end.connectivity.includes('connected');
    await until(harness, () => isBack(ends.left) && isBack(ends.right), 'connected again');
    await checkFlow(harness, ends, 9);
    await closePair(harness, ends);
  },
};
