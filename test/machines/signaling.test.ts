/** Goal: the signaling chart reaches every state and takes every transition: it proves, stays open, notices a dead socket, comes back. */
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  DRAIN_TIMEOUT_MS,
  HUB_CONNECT_TIMEOUT_MS,
  HUB_MOVE_TIMEOUT_MS,
  HUB_PING_MS,
  HUB_PROOF_TIMEOUT_MS,
  RECONNECT_MAX_MS,
  RECONNECT_MIN_MS,
  SHAKEN_ANSWER_MS,
} from '../../machines/shared/limits.ts';
import { reconnectMs } from '../../machines/signaling/signaling.core.ts';
import { signalingMachine } from '../../machines/signaling/signaling.machine.ts';
import type { SignalingPort } from '../../runtime/ports/signaling.ts';
import { Coverage, type FakePort, fakePort, fakePorts, reachable, runUnderParent, transientStates } from './harness.ts';

const coverage = new Coverage(signalingMachine);
const CHALLENGE = { nonce: 'n', proof: 'required', host: 'h' } as const;
const OPTIONAL = { ...CHALLENGE, proof: 'optional' } as const;
const welcome = (challenge?: object) => ({ type: 'hub.welcome', ...(challenge === undefined ? {} : { challenge }) });
const connect = () => ({ send: () => true, close: () => undefined });
const PORT: SignalingPort = {
  url: 'memory:',
  connect,
  elsewhere: (url) => (url.startsWith('memory:') ? { url, connect } : undefined),
};

function start(prover: FakePort = fakePort(), socket: FakePort = fakePort()) {
  const ports = fakePorts({ signaling: [PORT] });
  const machine = signalingMachine.provide({ actors: { socket: socket.logic, prover: prover.logic } as never });
  const run = runUnderParent(machine, { ports, index: 0, network: 'n' }, ports.clock, coverage.inspect);
  const commands = () => socket.last.commands.map((command) => command.command ?? command);
  const types = () => run.take().map((report) => (report.type === 'hub.fact' ? report.fact.type : report.type));
  /** Lets the back-off pass, to the next socket. */
  const reconnect = () => {
    const before = socket.runs.length;
    while (socket.runs.length === before) if (!run.clock.step()) throw new Error('it never comes back');
  };
  return { run, socket, prover, commands, types, reconnect };
}
/** One that is open, by a proof that gave it a resume token. */
function open(challenge: object = CHALLENGE) {
  const all = start();
  all.run.send(welcome(challenge));
  all.prover.last.tell({ type: 'proof.made', key: 'k', sig: 's' });
  all.run.send({ type: 'hub.proven', resume: 'token', ttlMs: 60_000 });
  expect(all.types()).toEqual(['hub.opened']);
  return all;
}

describe('the signaling chart', () => {
  it('reaches every state by some path', () => {
    const seen = reachable(
      signalingMachine,
      { ports: fakePorts({ signaling: [PORT] }), index: 0, network: 'n' },
      [
        welcome(),
        welcome(CHALLENGE),
        { type: 'hub.proven', resume: 'token', ttlMs: 60_000 },
        { type: 'hub.closed', code: 1006, reason: '' },
        { type: 'hub.refused', code: 'PROOF_FAILED', message: '' },
        { type: 'proof.made', key: 'k', sig: 's' },
        { type: 'signaling.send', command: { type: 'ping' } },
      ],
      ({ challenge, resume, failures }: { challenge?: object; resume?: string; failures: number }) => [
        challenge,
        resume,
        failures > 0,
      ],
    );
    const missing = coverage.allStates.filter((id) => !seen.has(id));
    expect(missing.filter((id) => !transientStates(signalingMachine).includes(id))).toEqual([]);
  });

  it('opens at once where nobody asks for a proof, and carries facts and commands', () => {
    const { run, types, commands } = start();
    run.send({ type: 'signaling.send', command: { type: 'ping' } });
    expect(commands()).toEqual([]);
    run.send(welcome());
    const facts = ['peers', 'gone', 'discovered', 'signal', 'refused', 'ignored'];
    for (const fact of facts) run.send({ type: `hub.${fact}`, network: 'n' });
    expect(types()).toEqual(['hub.opened', ...facts]);
    run.send({ type: 'signaling.send', command: { type: 'discover', network: 'n' } });
    expect(commands()).toEqual([{ type: 'discover', network: 'n' }]);
  });

  it('signs a challenge, then resumes with its token, and signs again when that is refused or too old', () => {
    const { run, socket, prover, commands, types, reconnect } = open();
    expect(commands()).toEqual([{ type: 'prove', key: 'k', sig: 's' }]);
    run.send({ type: 'hub.closed', code: 1006, reason: 'gone' });
    expect(run.take()).toEqual([{ type: 'hub.lost', url: 'memory:', reason: 'gone' }]);
    expect(socket.last.freed).toBe(true);
    reconnect();
    run.send(welcome(CHALLENGE));
    expect(commands()).toEqual([{ type: 'resume', resume: 'token' }]);
    run.send({ type: 'hub.refused', code: 'RATE_LIMITED', message: '' });
    expect(prover.runs.length).toBe(1);
    run.send({ type: 'hub.refused', code: 'PROOF_FAILED', message: '' });
    expect(prover.runs.length).toBe(2);
    prover.last.tell({ type: 'proof.made', key: 'k', sig: 's2' });
    run.send({ type: 'hub.proven', resume: 'second', ttlMs: 60_000 });
    expect(types()).toEqual(['hub.opened']);
    run.clock.runFor(61_000);
    while (commands().at(-1)?.type !== 'prove') {
      if (prover.runs.length === 2) reconnect();
      run.send(welcome(CHALLENGE));
      prover.last.tell({ type: 'proof.made', key: 'k', sig: 's3' });
    }
    expect(prover.runs.length).toBe(3);
  });

  it('backs off with the hub’s words when its proof is refused, when it is refused at once, and when the signer fails', () => {
    const { run, prover, types, reconnect } = start();
    run.send(welcome(CHALLENGE));
    prover.last.tell({ type: 'proof.made', key: 'k', sig: 's' });
    run.send({ type: 'hub.refused', code: 'RATE_LIMITED', message: '' });
    expect(types()).toEqual([]);
    run.send({ type: 'hub.refused', code: 'PROOF_FAILED', message: 'no' });
    expect(types()).toEqual(['refused', 'hub.lost']);
    expect(run.context.reason).toBe('PROOF_FAILED: no');
    reconnect();
    run.send({ type: 'hub.refused', code: 'TOO_MANY_CONNECTIONS', message: 'full' });
    expect(types()).toEqual(['refused', 'hub.lost']);
    reconnect();
    run.send(welcome(CHALLENGE));
    prover.last.tell({ type: 'proof.failed', why: 'locked' });
    expect(run.take()).toEqual([{ type: 'hub.lost', url: 'memory:', reason: 'the signer failed: locked' }]);
    expect(run.context.failures).toBe(3);
  });

  it('opens without a verdict where proofs are optional, and gives up where they are not', () => {
    const optional = start();
    optional.run.send(welcome(OPTIONAL));
    optional.run.clock.runFor(HUB_PROOF_TIMEOUT_MS);
    expect(optional.types()).toEqual(['hub.opened']);
    const required = start();
    required.run.send(welcome(CHALLENGE));
    required.run.clock.runFor(HUB_PROOF_TIMEOUT_MS);
    expect(required.run.take()).toEqual([{ type: 'hub.lost', url: 'memory:', reason: 'no answer in time' }]);
  });

  it('gives a silent socket up: before its first word, and when a ping stays unanswered', () => {
    const { run, types, commands, reconnect } = start();
    run.clock.runFor(HUB_CONNECT_TIMEOUT_MS);
    expect(types()).toEqual(['hub.lost']);
    reconnect();
    run.send(welcome());
    expect(types()).toEqual(['hub.opened']);
    run.clock.runFor(HUB_PING_MS);
    expect(commands()).toEqual([{ type: 'ping' }]);
    run.send({ type: 'hub.pong' });
    run.clock.runFor(HUB_PING_MS * 2 - 1);
    expect(types()).toEqual([]);
    run.clock.runFor(1);
    expect(types()).toEqual(['hub.lost']);
  });

  it('proves its socket soon after we were away, and renews it at once when the network is another', () => {
    const { run, socket, types, commands } = open();
    const away = { type: 'signaling.shaken', cut: false };
    run.send(away);
    expect(commands().at(-1)).toEqual({ type: 'ping' });
    run.send({ type: 'hub.pong' });
    run.clock.runFor(SHAKEN_ANSWER_MS);
    expect(types()).toEqual([]);
    run.send(away);
    run.clock.runFor(SHAKEN_ANSWER_MS);
    expect(run.take()).toEqual([{ type: 'hub.lost', url: 'memory:', reason: 'no answer in time' }]);
    expect(socket.runs.length).toBe(2);
    expect(run.value).toEqual({ session: 'connecting' });
    // A socket that is only being opened is as dead as one that stood.
    run.send({ type: 'signaling.shaken', cut: true });
    expect(socket.runs.map(({ freed }) => freed)).toEqual([true, true, false]);
    run.send(welcome());
    expect(types()).toEqual(['hub.lost', 'hub.opened']);
    run.send({ type: 'signaling.shaken', cut: true });
    expect(run.take()).toEqual([{ type: 'hub.lost', url: 'memory:', reason: 'our network changed' }]);
    run.send({ type: 'hub.closed', code: 1006, reason: '' });
    expect(run.value).toBe('backingOff');
    run.send(away);
    expect(run.value).toEqual({ session: 'connecting' });
    run.send(welcome());
    run.send({ type: 'signaling.leave' });
    run.send({ type: 'signaling.shaken', cut: true });
    expect(run.value).toEqual({ session: 'leaving' });
  });

  it('says goodbye, closes, and ends when the socket did, or in time', () => {
    const polite = open();
    polite.run.send({ type: 'signaling.leave' });
    polite.run.send({ type: 'signaling.leave' });
    expect(polite.commands().slice(1)).toEqual([{ type: 'goodbye' }, { type: 'socket.close' }]);
    polite.run.send({ type: 'hub.closed', code: 1000, reason: '' });
    expect(polite.run.value).toBe('closed');
    const deaf = open();
    deaf.run.send({ type: 'signaling.leave' });
    deaf.run.clock.runFor(DRAIN_TIMEOUT_MS);
    expect(deaf.run.value).toBe('closed');
    const waiting = start();
    waiting.run.send({ type: 'hub.closed', code: 1013, reason: '' });
    expect(waiting.run.context.reason).toBe('closed with 1013');
    waiting.run.send({ type: 'signaling.leave' });
    expect(waiting.run.value).toBe('closed');
    for (const { run } of [polite, deaf, waiting]) expect(run.clock.pending).toBe(0);
  });

  it('goes to a hub that its draining one names, at once, without its token; then to the next, and home at last', () => {
    const { run, socket, types, commands, reconnect } = open();
    // Its own port, one that the port does not lead to, and one twice.
    run.send({ type: 'hub.draining', hubs: ['memory:', 'memory:b', 'http://c', 'memory:b', 'memory:d'] });
    expect(run.take()).toEqual([{ type: 'hub.lost', url: 'memory:', reason: 'it shuts down' }]);
    expect(socket.runs.map(({ freed }) => freed)).toEqual([true, false]);
    const [first, second] = run.context.places as string[];
    expect([first, second].sort()).toEqual(['memory:b', 'memory:d']);
    const dialed = () => (socket.last.input as { port: { url: string } }).port.url;
    expect(dialed()).toBe(first);
    run.send(welcome(CHALLENGE));
    expect(commands()).toEqual([]); // it signs anew
    run.send({ type: 'hub.proven', resume: 'of another', ttlMs: 60_000 });
    expect(run.take()).toEqual([{ type: 'hub.opened', url: 'memory:', at: first }]);
    run.send({ type: 'hub.closed', code: 1006, reason: '' });
    expect(run.context.resume).toBeUndefined();
    reconnect();
    expect(dialed()).toBe(second);
    run.send({ type: 'hub.refused', code: 'UNAUTHORIZED', message: '' });
    reconnect();
    expect(dialed()).toBe('memory:');
    run.send(welcome());
    types();
    // Elsewhere its own hub is as good as any.
    run.clock.runFor(RECONNECT_MAX_MS);
    run.send({ type: 'hub.draining', hubs: ['memory:b'] });
    run.send(welcome());
    run.clock.runFor(RECONNECT_MAX_MS);
    run.send({ type: 'hub.draining', hubs: ['memory:'] });
    expect([dialed(), run.value]).toEqual(['memory:', { session: 'connecting' }]);
    run.send(welcome());
    expect(types()).toEqual(['hub.lost', 'hub.opened', 'hub.lost', 'hub.opened']);
    // Nobody else is there: it waits for its own hub.
    run.send({ type: 'hub.draining', hubs: [] });
    expect(run.value).toBe('backingOff');
    expect(types()).toEqual(['hub.lost']);
  });

  it('does not wait long for a named hub that says nothing', () => {
    const { run, reconnect, socket } = open();
    run.send({ type: 'hub.draining', hubs: ['memory:b'] });
    run.take();
    run.clock.runFor(HUB_MOVE_TIMEOUT_MS);
    expect(run.take()).toEqual([{ type: 'hub.lost', url: 'memory:', reason: 'no answer in time' }]);
    reconnect();
    expect((socket.last.input as { port: { url: string } }).port.url).toBe('memory:');
    run.clock.runFor(HUB_MOVE_TIMEOUT_MS);
    expect(run.take()).toEqual([]);
  });

  it('does not run from one draining hub to the next without a pause', () => {
    const { run, reconnect } = open();
    const drain = { type: 'hub.draining', hubs: ['memory:b', 'memory:c'] };
    run.send(drain);
    expect(run.value).toEqual({ session: 'connecting' });
    run.send(drain);
    expect(run.value).toBe('backingOff');
    reconnect();
    run.send(welcome());
    run.clock.runFor(RECONNECT_MAX_MS);
    run.send(drain);
    expect(run.value).toEqual({ session: 'connecting' });
    run.send(welcome());
    run.send({ type: 'signaling.leave' });
    run.send(drain);
    expect(run.value).toEqual({ session: 'leaving' });
  });

  it('contains and reports a socket or a signer that throws, and comes back', () => {
    const failing = fakePort(() => {
      throw new Error('broken port');
    });
    const { run, types, reconnect, socket } = start(fakePort(), failing);
    run.send(welcome());
    run.send({ type: 'signaling.send', command: { type: 'ping' } });
    expect(types()).toEqual(['hub.opened', 'actor.failed', 'hub.lost']);
    reconnect();
    expect(socket.runs.length).toBe(2);
    // Without a provided signer the chart's own stand-in throws PORT_MISSING.
    const ports = fakePorts({ signaling: [PORT] });
    const unsigned = signalingMachine.provide({ actors: { socket: fakePort().logic } as never });
    const second = runUnderParent(unsigned, { ports, index: 0, network: 'n' }, ports.clock, coverage.inspect);
    second.send(welcome(CHALLENGE));
    expect(second.take()).toMatchObject([
      { type: 'actor.failed', error: { code: 'PORT_MISSING' } },
      { type: 'hub.lost' },
    ]);
    expect(second.failures).toEqual([]);
  });
});

describe('its core', () => {
  it('never waits longer than the maximum, and the longest wait grows with each failure', () => {
    const jitter = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.nat(10_000), jitter, (failures, spread) => {
        const ms = reconnectMs(failures, spread);
        expect(ms).toBeGreaterThanOrEqual(0);
        expect(ms).toBeLessThanOrEqual(RECONNECT_MAX_MS);
        expect(reconnectMs(failures + 1, spread)).toBeGreaterThanOrEqual(ms);
      }),
    );
    expect(reconnectMs(0, 0.999_999)).toBe(RECONNECT_MIN_MS);
    expect(reconnectMs(9, 0.999_999)).toBe(RECONNECT_MAX_MS);
  });
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBeGreaterThanOrEqual(0.95);
});
