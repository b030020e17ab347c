/** Goal: whatever happens to a peer chart, in whatever order, it frees what it holds and fails nobody. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  answer,
  attempt,
  CLOSED,
  candidate,
  close,
  connect,
  HIGH,
  hello,
  LOW,
  OURS,
  offer,
  refusal,
  start,
} from './peer-kit.ts';

it('any order of events keeps one link port at most alive, and none when it has ended', () => {
  const ids = fc.constantFrom(OURS, attempt(90), attempt(200), attempt(300));
  const event = fc.oneof(
    ids.map((id) => ({ type: 'signal.offer', signal: offer(Number.parseInt(id.slice(0, 12), 16)) })),
    ids.map(answer),
    ids.map(candidate),
    ids.map((id) => refusal(id)),
    ids.map(close),
    ids.map((id) => hello(LOW, id, { features: ['restart'] })),
    ids.map((id) => ({
      type: 'signal.offer',
      signal: offer(Number.parseInt(id.slice(0, 12), 16), { resume: OURS }),
    })),
    ids.map((id) => ({ type: 'signal.offer', signal: { ...offer(0), attempt: id, restart: 1 } })),
    ids.map((id) => ({ type: 'signal.undeliverable', attempt: id, unknown: true })),
    ids.map((id) => ({ type: 'signal.undeliverable', attempt: id })),
    ids.map((id) => ({ type: 'peer.dial', attempt: id, random: false, cap: 8 })),
    ids.map((id) => ({ type: 'peer.answer', offer: offer(Number.parseInt(id.slice(0, 12), 16)), cap: 8 })),
    fc.constantFrom(
      { type: 'link.opened' },
      CLOSED,
      { type: 'link.quiet' },
      { type: 'link.silent' },
      { type: 'link.lively' },
      { type: 'link.failed' },
      { type: 'link.found' },
      { type: 'link.shaken', moved: true },
      { type: 'link.closed', error: 'ice failed' },
      { type: 'heir.opened' },
      { type: 'heir.closed', error: undefined },
      { type: 'heir.signal', signal: { kind: 'offer', sdp: 'x' } },
      { type: 'heir.hello', resumes: true },
      { type: 'heir.hello', resumes: false },
      { type: 'peer.hold' },
      { type: 'link.farewell', reason: 'left', alternatives: [] },
      { type: 'peer.release', reason: 'left' },
      { type: 'tick' },
    ),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), fc.boolean(), fc.boolean(), (events, larger, stands) => {
      const options = larger ? { restart: true } : { self: LOW, remote: HIGH, restart: true };
      const peer = stands ? connect(options, { features: ['restart'] }) : start(options);
      for (const next of events) {
        if (peer.run.output !== undefined) break;
        const { heir, session } = peer.run.context.memory;
        if (next.type === 'tick') peer.run.clock.runFor(2_000);
        else if (next.type !== 'heir.hello') peer.run.send(next as never);
        else if (heir !== undefined)
          peer.run.send(hello(peer.remote, heir, 'resumes' in next && next.resumes ? { resume: session } : {}));
        // An heir lives within the ladder only.
        if (peer.run.context.memory.heir !== undefined && peer.run.output === undefined)
          expect(JSON.stringify(peer.run.value)).toContain('restarting');
        const alive = peer.link.runs.filter(({ freed }) => !freed).length;
        expect(alive).toBe(JSON.stringify(peer.run.value).startsWith('{"link"') ? 1 : 0);
        expect(peer.run.failures).toEqual([]);
      }
      peer.run.stop();
      expect(peer.link.runs.every(({ freed }) => freed)).toBe(true);
      expect(peer.run.clock.pending).toBe(0);
    }),
    { numRuns: 400 },
  );
});
