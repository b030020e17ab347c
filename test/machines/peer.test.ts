/** Goal: the peer chart reaches every state and takes every transition; nothing late, repeated or of an older attempt hurts a newer one. */
import { afterAll, describe, expect, it } from 'vitest';
import type { PeerContext } from '../../machines/peer/peer.events.ts';
import { peerMachine } from '../../machines/peer/peer.machine.ts';
import {
  DIAL_TIMEOUT_MS,
  FAILED_DIALS_MAX,
  PEER_BACKOFF_MAX_MS,
  PEER_BACKOFF_MIN_MS,
  RESUME_WINDOW_MS,
  SUSPECT_TIMEOUT_MS,
} from '../../machines/shared/limits.ts';
import type { Holds } from '../../machines/shared/memory.ts';
import { fakePort, fakePorts, reachable, transientStates } from './harness.ts';

import { ends } from './peer-ends.ts';
import { healing } from './peer-healing.ts';
import {
  answer,
  attempt,
  CLOSED,
  candidate,
  close,
  connect,
  coverage,
  FAILURES,
  HIGH,
  hello,
  LOW,
  OURS,
  offer,
  open,
  refusal,
  start,
} from './peer-kit.ts';
import { proofs } from './peer-proof.ts';

describe('the peer chart', () => {
  it('reaches every state by some path', () => {
    const inputOf = (peerId: string, restart: boolean) => {
      const ports = fakePorts({ identity: { peerId, publicKey: new Uint8Array(32), sign: () => new Uint8Array(64) } });
      const link = { ...ports.link, capabilities: { restart, rollback: false, media: false } };
      const attempts = { attempt: OURS, mark: OURS, random: false, cap: 8, dialTimeoutMs: DIAL_TIMEOUT_MS };
      return { ports: { ...ports, link }, remote: peerId === HIGH ? LOW : HIGH, ...attempts };
    };
    const events = [
      { type: 'signal.offer', signal: offer(200) },
      { type: 'signal.offer', signal: offer(250, { resume: OURS }) },
      { type: 'link.shaken', moved: true },
      answer(OURS),
      candidate(OURS),
      refusal(OURS),
      close(OURS),
      { type: 'signal.undeliverable', attempt: undefined },
      { type: 'link.unproven', code: 'PROOF_FAILED' },
      hello(LOW, OURS, { features: ['restart'] }),
      hello(HIGH, OURS),
      hello(LOW, attempt(200)),
      CLOSED,
      { type: 'link.farewell', reason: 'left', alternatives: [] },
      { type: 'link.signal', signal: { kind: 'offer', sdp: '' } },
      { type: 'peer.release', reason: 'left' },
      { type: 'peer.dial', attempt: OURS, random: false, cap: 8 },
      { type: 'peer.answer', offer: offer(300), cap: 8 },
    ];
    // What is said to the parent goes nowhere in a search.
    const quiet = { abandonHeir: () => undefined, disownHeir: () => undefined };
    const machine = peerMachine.provide({ actions: quiet });
    const seen = new Set<string>();
    // The end that begins, with ICE restarts, and the other one without.
    for (const input of [inputOf(HIGH, true), inputOf(LOW, false)]) {
      const more = ({ memory: { failures, heir } }: Holds<Pick<PeerContext, 'failures' | 'heir'>>) => [
        failures,
        heir !== undefined,
      ];
      for (const id of reachable(machine, input, events, more)) seen.add(id);
    }
    const missing = coverage.allStates.filter((id) => !seen.has(id));
    expect(missing.filter((id) => !transientStates(peerMachine).includes(id))).toEqual([]);
  });

  it('dials: offers with its attempt, takes the answer and candidates in, greets, and stands', () => {
    const { run, link, types, taken } = start({ op: '0'.repeat(16) });
    expect(link.last.input).toMatchObject({ remote: LOW, attempt: OURS, offer: undefined });
    link.last.tell({ type: 'link.signal', signal: { kind: 'offer', sdp: 'x' } });
    link.last.tell({ type: 'link.signal', signal: { kind: 'candidate', candidate: 'y' } });
    expect(run.take()).toEqual([
      {
        type: 'peer.signals',
        remote: LOW,
        signal: { kind: 'offer', attempt: OURS, sdp: 'x', random: false, op: '0'.repeat(16) },
      },
      { type: 'peer.signals', remote: LOW, signal: { kind: 'candidate', attempt: OURS, candidate: 'y' } },
    ]);
    run.send(answer(OURS));
    run.send(candidate(OURS));
    expect(taken()).toEqual([OURS, OURS]);
    link.last.tell({ type: 'link.opened' });
    expect(link.last.commands.at(-1)).toEqual({ type: 'link.greet', random: false, cap: 8, mark: OURS });
    run.send(hello(LOW, OURS));
    expect(link.last.commands.at(-1)).toEqual({ type: 'link.prove' });
    expect(types()).toEqual([]);
    link.last.tell({ type: 'link.proven' });
    expect(link.last.commands.at(-1)).toEqual({ type: 'link.admit' });
    expect(types()).toEqual(['peer.opened']);
    run.clock.runFor(PEER_BACKOFF_MAX_MS);
    expect(types()).toEqual([]);
  });

  it('waits as long as people take who carry its signals, and from their answer on as long as ever', () => {
    const patienceMs = 100 * DIAL_TIMEOUT_MS;
    const { run, taken } = start({ patienceMs });
    run.clock.runFor(patienceMs - 1);
    expect(run.value).toEqual({ link: 'dialing' });
    run.send(answer(OURS));
    expect(taken()).toEqual([OURS]);
    run.clock.runFor(DIAL_TIMEOUT_MS - 1);
    expect(run.value).toEqual({ link: 'dialing' });
    run.clock.runFor(1);
    expect(run.value).toEqual({ backingOff: 'waiting' });
    // The next attempt takes another way, or is told anew.
    run.send({ type: 'peer.dial', attempt: attempt(200), random: false, cap: 8 });
    run.clock.runFor(DIAL_TIMEOUT_MS);
    expect(run.value).toEqual({ backingOff: 'waiting' });
    run.send({ type: 'peer.answer', offer: offer(300), cap: 8, patienceMs });
    run.clock.runFor(patienceMs - 1);
    expect(run.value).toEqual({ link: 'answering' });
    run.clock.runFor(1);
    expect(run.value).toEqual({ backingOff: 'waiting' });
  });

  it('answers an offer with the offer’s attempt', () => {
    const { run, link, remote } = start({ offer: offer(50, { random: true }) });
    expect(link.last.input).toMatchObject({ attempt: attempt(50), offer: { sdp: 'offer 50' } });
    link.last.tell({ type: 'link.signal', signal: { kind: 'answer', sdp: 'a' } });
    expect(run.take()).toEqual([
      { type: 'peer.signals', remote, signal: { kind: 'answer', attempt: attempt(50), sdp: 'a' } },
    ]);
    link.last.tell({ type: 'link.opened' });
    run.send(hello(LOW, attempt(50), { random: true }));
    link.last.tell({ type: 'link.proven' });
    expect(run.take()).toMatchObject([{ type: 'peer.opened', random: true, cap: 4 }]);
  });

  describe('glare', () => {
    it('on crossing offers the larger id keeps its attempt', () => {
      const peer = start({ self: HIGH, remote: LOW });
      peer.run.send({ type: 'signal.offer', signal: offer(101) });
      expect(peer.run.context.memory.attempt).toBe(OURS);
      expect(peer.link.runs.length).toBe(1);
    });

    it('and the smaller drops its own and answers; its slot opens anew', () => {
      const peer = start({ self: LOW, remote: HIGH });
      peer.run.send({ type: 'signal.offer', signal: offer(90, { random: true }) });
      expect(peer.link.runs.map(({ freed }) => freed)).toEqual([true, false]);
      expect(peer.link.last.input).toMatchObject({ attempt: attempt(90) });
      expect(peer.run.take()).toEqual([{ type: 'peer.reopening', remote: HIGH, random: true }]);
      peer.run.send(answer(OURS));
      peer.run.send(candidate(OURS));
      expect(peer.taken()).toEqual([]);
      open(peer, { random: true });
      // Its HELLO voids the offer that it dropped, so that a copy that comes late breaks nothing.
      expect(peer.link.last.commands.find(({ type }) => type === 'link.greet')).toMatchObject({ mark: OURS });
    });

    it('a crossing offer that comes after the link stood breaks nothing', () => {
      const late = attempt(99);
      const peer = connect({}, { mark: late });
      peer.run.take();
      peer.run.send({ type: 'signal.offer', signal: offer(99) });
      expect(peer.types()).toEqual([]);
      expect(peer.link.runs.length).toBe(1);
    });
  });

  describe('late, repeated and foreign signals', () => {
    it.each([answer, candidate, refusal, close])('of another attempt do nothing while dialing (%o)', (make) => {
      const { run, link, types, taken } = start();
      for (const n of [99, 101]) run.send(make(attempt(n)));
      run.send({ type: 'signal.undeliverable', attempt: attempt(99) });
      expect(types()).toEqual([]);
      expect(taken()).toEqual([]);
      expect(link.last.freed).toBe(false);
    });

    it('repeated and older offers do nothing while answering, handshaking, proving and connected', () => {
      const peer = start({ offer: offer(50) });
      const again = () => {
        for (const n of [50, 49]) peer.run.send({ type: 'signal.offer', signal: offer(n) });
        for (const make of [candidate, close]) peer.run.send(make(attempt(49)));
        expect(peer.types()).toEqual([]);
        expect(peer.link.runs.length).toBe(1);
      };
      again();
      peer.link.last.tell({ type: 'link.opened' });
      again();
      peer.run.send(hello(LOW, attempt(50)));
      again();
      peer.link.last.tell({ type: 'link.proven' });
      peer.types();
      again();
    });

    it('a late offer that the mesh admitted while this peer backs off gives its slot back, and no splice comes twice', () => {
      const peer = start({ offer: offer(50) });
      peer.link.last.tell(CLOSED);
      peer.run.send({ type: 'peer.dial', attempt: attempt(150), random: false, cap: 8 });
      peer.run.send(refusal(attempt(150), 'SPLICE', { op: '0'.repeat(16), via: [] }));
      peer.run.take();
      peer.run.send({ type: 'peer.answer', offer: offer(50), cap: 8 });
      expect(peer.run.take()).toMatchObject([{ type: 'peer.backedOff', refusal: undefined }]);
      expect(peer.run.value).toEqual({ backingOff: 'waiting' });
      peer.run.send({ type: 'peer.answer', offer: offer(51), cap: 8 });
      expect(peer.run.value).toEqual({ link: 'answering' });
    });

    it('an offer that was answered before is void for a later dial of ours as well', () => {
      const peer = start({ self: LOW, remote: HIGH, offer: offer(50) });
      peer.link.last.tell(CLOSED);
      peer.run.send({ type: 'peer.dial', attempt: attempt(150), random: false, cap: 8 });
      peer.run.send({ type: 'signal.offer', signal: offer(50) });
      expect(peer.run.value).toEqual({ link: 'dialing' });
      expect(peer.run.context.memory.attempt).toBe(attempt(150));
    });

    it('an offer while draining is too late: the link ends', () => {
      const peer = connect();
      peer.run.send({ type: 'peer.release', reason: 'evicted', alternatives: [] });
      peer.run.send({ type: 'signal.offer', signal: offer(300) });
      expect(peer.run.value).toEqual({ link: 'draining' });
      peer.link.last.tell(CLOSED);
      expect(peer.run.output).toMatchObject({ reason: 'evicted' });
    });
  });

  describe('refusals', () => {
    it('are reported with what they said, wait, and are no failures', () => {
      const { run, types } = start();
      run.send(refusal(OURS, 'BUSY'));
      expect(run.take()).toMatchObject([{ type: 'peer.backedOff', reason: 'refused', refusal: { code: 'BUSY' } }]);
      expect(run.context.memory).toMatchObject({ failures: 0, setbacks: 1 });
      run.clock.runFor(PEER_BACKOFF_MIN_MS * 1.2);
      expect(types()).toEqual(['peer.rested']);
    });

    it('a SPLICE may be dialed at once, and otherwise waits like any other', () => {
      const dialed = start();
      dialed.run.send(refusal(OURS, 'SPLICE', { op: '0'.repeat(16), via: [] }));
      expect(dialed.types()).toEqual(['peer.backedOff']);
      dialed.run.send({ type: 'peer.dial', attempt: attempt(101), random: true, cap: 8, op: '0'.repeat(16) });
      expect(dialed.link.last.input).toMatchObject({ attempt: attempt(101) });
      const refused = start();
      refused.run.send(refusal(OURS, 'SPLICE', { op: '0'.repeat(16), via: [] }));
      refused.types();
      refused.run.clock.runFor(PEER_BACKOFF_MIN_MS - 1);
      expect(refused.types()).toEqual([]);
    });
  });

  describe('failures', () => {
    it.each(Object.entries(FAILURES))(
      '%s: the link port is freed, the slot is given back, the back-off runs',
      (name, act) => {
        for (const options of [{}, { offer: offer(50) }]) {
          if (name.startsWith('the hub') && 'offer' in options) continue;
          const peer = start(options);
          act(peer);
          expect(peer.link.last.freed).toBe(true);
          const types = peer.types();
          expect(types.filter((type) => type !== 'close')).toEqual(['peer.backedOff']);
          expect(peer.run.context.memory).toMatchObject({ failures: 1, setbacks: 1, reason: 'dialFailed' });
          expect(peer.run.clock.pending).toBe(1);
          peer.run.clock.runFor(PEER_BACKOFF_MIN_MS * 1.2);
          expect(peer.types()).toEqual(['peer.rested']);
        }
      },
    );

    it.each(['no answer in time', 'the link closed'])('%s: the remote is told, so that it frees its slot', (name) => {
      for (const options of [{}, { offer: offer(50) }]) {
        const peer = start(options);
        FAILURES[name]?.(peer);
        expect(peer.types()).toContain('close');
      }
    });

    it(`ends as dialFailed after ${FAILED_DIALS_MAX} dials in a row, with longer and longer waits`, () => {
      const peer = start();
      const waits: number[] = [];
      for (let n = 1; peer.run.output === undefined; n++) {
        peer.run.clock.runFor(DIAL_TIMEOUT_MS);
        if (n === FAILED_DIALS_MAX) break;
        const began = peer.run.clock.now();
        while (peer.run.value && JSON.stringify(peer.run.value) !== '{"backingOff":"ready"}') peer.run.clock.step();
        waits.push(peer.run.clock.now() - began);
        peer.run.send({ type: 'peer.dial', attempt: attempt(100 + n), random: false, cap: 8 });
      }
      expect(peer.run.output).toEqual({ remote: LOW, reason: 'dialFailed', alternatives: [] });
      expect(waits).toEqual([...waits].sort((a, b) => a - b));
      expect(waits.length).toBe(FAILED_DIALS_MAX - 1);
      expect(peer.run.clock.pending).toBe(0);
    });

    it('a link port that throws is contained, reported, and backed off from', () => {
      const link = fakePort(({ type }) => {
        if (type === 'link.greet') throw new Error('broken adapter');
      });
      const { run, types } = start({ link });
      link.last.tell({ type: 'link.opened' });
      expect(run.take()).toMatchObject([
        { type: 'actor.failed', actor: `peer:${LOW}.link`, error: { message: 'broken adapter' } },
        { type: 'peer.backedOff', reason: 'dialFailed' },
      ]);
      expect(run.failures).toEqual([]);
      run.clock.runFor(PEER_BACKOFF_MIN_MS * 1.2);
      expect(types()).toEqual(['peer.rested']);
    });
  });

  describe('the link that stands', () => {
    it('is suspected when quiet, healthy when lively again, and lost when it stays quiet', () => {
      const peer = connect();
      peer.types();
      peer.run.send({ type: 'link.quiet' });
      peer.run.clock.runFor(SUSPECT_TIMEOUT_MS - 1);
      peer.run.send({ type: 'link.lively' });
      peer.run.clock.runFor(SUSPECT_TIMEOUT_MS * 2);
      expect(peer.types()).toEqual(['peer.recovered']);
      peer.run.send({ type: 'link.quiet' });
      peer.run.send({ type: 'link.silent' });
      peer.run.clock.runFor(RESUME_WINDOW_MS);
      expect(peer.run.take().at(-1)).toMatchObject({ type: 'peer.backedOff', reason: 'lost' });
      expect(peer.link.last.freed).toBe(true);
    });

    it('is held and let go by an operation, without a change to what it carries', () => {
      const peer = connect();
      peer.run.send({ type: 'peer.hold' });
      expect(peer.run.value).toEqual({ link: { connected: { health: 'healthy', hold: 'handingOver' } } });
      peer.run.send({ type: 'peer.unhold' });
      expect(peer.run.value).toEqual({ link: { connected: { health: 'healthy', hold: 'free' } } });
    });

    it('closes with the reason the remote gave, and is backed off from when it is merely gone', () => {
      const told = connect();
      told.run.send({
        type: 'link.farewell',
        reason: 'evicted',
        alternatives: [{ id: HIGH, key: '', free: 1, degree: 1 }],
      });
      expect(told.run.output).toMatchObject({ reason: 'evicted', alternatives: [{ id: HIGH }] });
      const gone = connect();
      gone.types();
      gone.link.last.tell(CLOSED);
      expect(gone.run.take()).toMatchObject([{ type: 'peer.backedOff', reason: 'lost' }]);
    });
  });

  describe('the proof', proofs);

  describe('healing', healing);

  describe('the end', ends);
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBeGreaterThanOrEqual(0.95);
});
