/** Goal: every state of the hub's charts is reached by its events, and no event of another session's life moves an ended one. */
import { describe, expect, test } from 'vitest';
import { type AnyStateMachine, createActor, fromCallback } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import type { FederationInput, FederationPort } from '../../hub/federation/federation.events.ts';
import { HUB_FAREWELL_MAX_MS, HUB_FAREWELL_STEP_MS } from '../../hub/federation/limits.ts';
import type { CloseReason, HubEvent, HubMachineEvent, ServerCommand, SessionPort } from '../../hub/hub.events.ts';
import { hubMachine, sessionMachine, shardMachine } from '../../hub/index.ts';
import { MeshError } from '../../runtime/errors.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { idOf } from './hub-kit.ts';

const CLOSE: CloseReason = { status: 1008, reason: 'r', end: 'refused' };

/** A session's port that notes what is asked of it. */
function fakeSession(answers: { mustProve?: boolean; isIdHeld?: boolean } = {}): SessionPort & { asked: string[] } {
  const asked: string[] = [];
  return {
    id: 1,
    peerId: idOf(1),
    asked,
    mustProve: () => answers.mustProve ?? false,
    isIdHeld: () => answers.isIdHeld ?? false,
    bind: () => undefined,
    rest: () => void asked.push('rest'),
    greet: () => void asked.push('greet'),
    claimId: () => void asked.push('claimId'),
    setGate: (gate) => void asked.push(`gate ${gate}`),
    close: ({ status }) => void asked.push(`close ${status}`),
    withdraw: (end) => void asked.push(`withdraw ${end}`),
    terminate: () => void asked.push('terminate'),
    toJSON: () => 'session:1',
  };
}

interface Node {
  readonly id: string;
  readonly type: string;
  readonly states: Readonly<Record<string, Node>>;
}
const leaves = (node: Node): string[] => {
  const children = Object.values(node.states);
  return children.length === 0 ? [node.id] : children.flatMap(leaves);
};

/** Leaf ids that shortest paths over the machine's own events reach. */
function reached(machine: AnyStateMachine, input: unknown, extra: readonly { type: string }[]): Set<string> {
  const plain = machine.events.filter((type) => !extra.some((event) => event.type === type)).map((type) => ({ type }));
  const paths = getShortestPaths(machine, {
    events: [...plain, ...extra] as never,
    input,
    serializeState: (snapshot) => JSON.stringify((snapshot as { value: unknown }).value),
  });
  const ids = new Set<string>();
  for (const path of paths) {
    for (const node of (path.state as unknown as { _nodes: { id: string; type: string }[] })._nodes) ids.add(node.id);
  }
  return ids;
}

describe('session', () => {
  test('every state is reached', () => {
    const all = new Set<string>();
    for (const [answers, isWoken] of [
      [{}, false],
      [{}, true],
      [{ mustProve: true }, false],
      [{ isIdHeld: true }, false],
    ] as const) {
      const events = [
        { type: 'session.close', reason: CLOSE },
        { type: 'hub.unlinked', reason: 'r' },
      ];
      for (const id of reached(sessionMachine, { session: fakeSession(answers), isWoken }, events)) all.add(id);
    }
    // These decide at once and are never seen from outside.
    const unseen = ['session.arriving', 'session.admitting'];
    expect(leaves(sessionMachine.root).filter((id) => !all.has(id))).toEqual(unseen);
  });

  test('ending: the client is told, then nothing goes in or out, then the others hear; the socket is cut at last', () => {
    const clock = new HeapClock();
    const session = fakeSession();
    const actor = createActor(sessionMachine, { input: { session, isWoken: false }, clock }).start();
    actor.send({ type: 'session.close', reason: CLOSE });
    actor.send({ type: 'hub.drain' });
    actor.send({ type: 'id.lost' });
    expect(actor.getSnapshot().value).toBe('closing');
    clock.runFor(2_000);
    expect(session.asked).toEqual([
      'greet',
      'claimId',
      'gate open',
      'close 1008',
      'gate shut',
      'withdraw refused',
      'terminate',
    ]);
    actor.send({ type: 'socket.closed' });
    expect(actor.getSnapshot().status).toBe('done');
  });

  test('a slow reader is cut sooner; waits for announcements and proofs end', () => {
    for (const [answers, isWoken, events, state, status, waitMs] of [
      [{}, true, ['socket.congested'], 'slow', 1013, 0],
      [{}, false, [], 'closing', 1008, 30_000],
      [{}, true, ['peer.withdrew'], 'closing', 1008, 30_000],
      [{ mustProve: true }, false, [], 'closing', 1008, 30_000],
      [{ isIdHeld: true }, false, ['frame.early'], 'closing', 1008, 0],
      [{}, true, ['id.lost'], 'closing', 4001, 0],
    ] as const) {
      const clock = new HeapClock();
      const session = fakeSession(answers);
      const actor = createActor(sessionMachine, { input: { session, isWoken }, clock }).start();
      for (const type of events) actor.send({ type });
      clock.runFor(waitMs);
      expect(actor.getSnapshot().value).toBe(state);
      expect(session.asked).toContain(`close ${status}`);
    }
  });
});

describe('shard', () => {
  test('a session that is over is dropped; one that fails costs its own socket', () => {
    const abandoned: number[] = [];
    const board = {
      sweep: () => undefined,
      drain: () => undefined,
      abandon: (id: number) => void abandoned.push(id),
      toJSON: () => '',
    };
    const actor = createActor(shardMachine, { input: { board } }).start();
    let tell: Parameters<SessionPort['bind']>[0] = () => undefined;
    actor.send({ type: 'session.opened', session: { ...fakeSession(), bind: (to) => (tell = to) } });
    expect(Object.keys(actor.getSnapshot().children)).toEqual(['session:1']);
    tell({ type: 'socket.closed' });
    expect(Object.keys(actor.getSnapshot().children)).toEqual([]);
    const broken = {
      ...fakeSession(),
      id: 2,
      bind: (to: typeof tell) => (tell = to),
      withdraw: () => {
        throw new Error('a bug');
      },
    };
    actor.send({ type: 'session.opened', session: broken });
    tell({ type: 'session.close', reason: CLOSE });
    expect(abandoned).toEqual([2]);
    expect(actor.getSnapshot()).toMatchObject({ status: 'active', children: {} });
    actor.stop();
  });

  test('an announced session has no actor; what happens to it wakes its chart, once for several events', () => {
    const board = { sweep: () => undefined, drain: () => undefined, abandon: () => undefined, toJSON: () => '' };
    const actor = createActor(shardMachine, { input: { board } }).start();
    let tell: Parameters<SessionPort['bind']>[0] = () => undefined;
    const session: ReturnType<typeof fakeSession> = { ...fakeSession(), bind: (to) => (tell = to) };
    actor.send({ type: 'session.opened', session });
    tell({ type: 'peer.announced' });
    expect([Object.keys(actor.getSnapshot().children), session.asked.at(-1)]).toEqual([[], 'rest']);
    actor.send({ type: 'session.woken', session, event: { type: 'peer.withdrew' } });
    expect(actor.getSnapshot().children['session:1']?.getSnapshot().value).toBe('greeting');
    actor.send({ type: 'session.woken', session, event: { type: 'session.close', reason: CLOSE } });
    expect(actor.getSnapshot().children['session:1']?.getSnapshot().value).toBe('closing');
    expect(session.asked.filter((what) => what === 'greet')).toHaveLength(1);
    actor.stop();
  });
});

type StateValue = string | { readonly [key: string]: StateValue };
const leavesOf = (value: StateValue, path = ''): string[] =>
  typeof value === 'string'
    ? [`${path}${value}`]
    : Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, `${path}${key}.`));

describe('hub', () => {
  const board = { sweep: () => undefined, drain: () => undefined, abandon: () => undefined, toJSON: () => '' };
  const input = { board, shards: 1, cleanupIntervalMs: 1_000 };
  const address = { url: 'ws://x', http: 'http://x', hubId: idOf(1), port: 1 };
  const events: HubMachineEvent[] = [
    { type: 'server.listening', address },
    { type: 'server.failed', error: new MeshError('ADDRESS_IN_USE', 'taken') },
    { type: 'fact.reported', fact: { type: 'session.opened', peerId: idOf(1) } },
    { type: 'hub.stop' },
    { type: 'server.closed' },
  ];

  test('every state is reached', () => {
    const ignored = ['socket.opened', 'session.woken', 'xstate.error.actor.*', 'xstate.error.actor.server'].map(
      (type) => ({ type }),
    );
    const machine = hubMachine;
    const skipped = new Set(ignored.map((event) => event.type));
    const plain = machine.events.filter((type) => !skipped.has(type) && !events.some((event) => event.type === type));
    // A hub among hubs has something to tell first, and is asked twice whether all of it was heard.
    let asked = 0;
    const plane = { isAllConfirmed: () => ++asked % 2 === 0 } as FederationPort;
    const values = new Set<string>();
    for (const federation of [undefined, { plane } as FederationInput]) {
      const paths = getShortestPaths(machine, {
        events: [...plain.map((type) => ({ type })), ...events] as never,
        input: { ...input, federation },
        serializeState: (snapshot) => JSON.stringify((snapshot as { value: unknown }).value),
      });
      for (const { state } of paths)
        for (const leaf of leavesOf((state as { value: StateValue }).value)) values.add(leaf);
    }
    const within = ['sockets.closing', 'sockets.closed', 'farewell.telling', 'farewell.said'];
    const modes = Object.keys(machine.states).filter((mode) => mode !== 'draining');
    expect([...values].sort()).toEqual([...modes, ...within.map((leaf) => `draining.${leaf}`)].sort());
  });

  test('a draining hub goes on until other hubs have heard all, and no longer than they may take', () => {
    for (const [confirmsAfter, saidMs] of [
      [3, 3 * HUB_FAREWELL_STEP_MS],
      [Number.POSITIVE_INFINITY, HUB_FAREWELL_MAX_MS],
    ] as const) {
      const clock = new HeapClock();
      let asked = 0;
      let haltedMs = -1;
      const plane = {
        isAllConfirmed: () => ++asked >= confirmsAfter,
        halt: () => {
          haltedMs = clock.now();
        },
      } as FederationPort;
      const quiet = fromCallback(() => undefined);
      const server = fromCallback<ServerCommand, { board: typeof board }>(({ sendBack, receive }) => {
        sendBack({ type: 'server.listening', address });
        // The last socket of a client goes at once.
        receive(() => sendBack({ type: 'server.closed' }));
      });
      const machine = hubMachine.provide({ actors: { server: server as never, federation: quiet as never } });
      const actor = createActor(machine, { clock, input: { ...input, federation: { plane } as FederationInput } });
      actor.start();
      clock.runFor(1);
      const startMs = clock.now();
      actor.send({ type: 'hub.stop' });
      clock.runFor(10_000);
      expect([haltedMs - startMs, actor.getSnapshot().value]).toEqual([saidMs, 'stopped']);
    }
  });

  test('sweeps go on while it listens and at no other time; draining ends in a cut', () => {
    const clock = new HeapClock();
    const commands: string[] = [];
    let sweeps = 0;
    let sendBack: (event: HubMachineEvent) => void = () => undefined;
    const server = fromCallback<ServerCommand, { board: typeof board }>(({ sendBack: send, receive }) => {
      sendBack = send as typeof sendBack;
      receive((command) => {
        commands.push(command.type);
        if (command.type === 'server.cut') sendBack({ type: 'server.closed' });
      });
    });
    const machine = hubMachine.provide({ actors: { server: server as never } });
    const actor = createActor(machine, { clock, input: { ...input, board: { ...board, sweep: () => void sweeps++ } } });
    const emitted: string[] = [];
    actor.on('*', (event: HubEvent) => emitted.push(event.type));
    actor.start();
    clock.runFor(5_000);
    expect(sweeps).toBe(0);
    sendBack({ type: 'server.listening', address });
    clock.runFor(5_500);
    expect(sweeps).toBe(5);
    actor.send({ type: 'hub.stop' });
    clock.runFor(10_000);
    expect(sweeps).toBe(5);
    expect(commands).toEqual(['server.drain', 'server.cut']);
    expect(emitted).toEqual(['hub.listening', 'hub.stopped']);
    expect(actor.getSnapshot()).toMatchObject({ status: 'done', value: 'stopped' });
  });

  test('a server that never says anything, or was not provided, ends the hub with an error', () => {
    for (const [isProvided, waitMs] of [
      [true, 10_000],
      [false, 0],
    ] as const) {
      const clock = new HeapClock();
      const silent = fromCallback<ServerCommand, { board: typeof board }>(() => undefined);
      const machine = isProvided ? hubMachine.provide({ actors: { server: silent as never } }) : hubMachine;
      const actor = createActor(machine, { clock, input });
      const emitted: string[] = [];
      actor.on('*', (event: HubEvent) => emitted.push(event.type));
      actor.start();
      clock.runFor(waitMs);
      expect(emitted).toEqual(['error', 'hub.stopped']);
      expect(actor.getSnapshot().value).toBe('failed');
    }
  });
});
