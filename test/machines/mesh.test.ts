/** Goal: the mesh chart reaches every state and takes every transition, by what its children say and what the app asks. */
import './mesh-fallback.ts';
import { afterAll, describe, expect, it } from 'vitest';
import { GOSSIP_EVENTS } from '../../machines/gossip/gossip.machine.ts';
import { meshMachine } from '../../machines/mesh/mesh.machine.ts';
import { JOIN_TIMEOUT_MS, LEAVE_TIMEOUT_MS, RESERVATION_TIMEOUT_MS } from '../../machines/shared/limits.ts';
import { SHUN_MS } from '../../machines/shared/trust-limits.ts';
import { fakePorts, reachable, transientStates } from './harness.ts';
import {
  coverage,
  HUB,
  hubPort,
  joined,
  link,
  type Mesh,
  OP,
  offer,
  peer,
  SETTINGS,
  signal,
  start,
} from './mesh-kit.ts';

const TOPOLOGY = 'live.joined.topology';

describe('the mesh chart', () => {
  it('reaches every state by some path', () => {
    const { clock: _clock, ...ports } = fakePorts({ signaling: [hubPort] });
    const input = { ports: { ...ports, clock: fakePorts().clock }, network: 'n', key: '', settings: SETTINGS };
    // What only the decisions can tell is told by their guards here: every state must still be reachable from idle.
    const always = {
      isReached: true,
      isCutOff: false,
      hasOpenHub: true,
      hasNoOpenHub: false,
      isOverfull: false,
      isNotOverfull: false,
      ownsOperation: false,
      looksByItself: true,
      looksNotByItself: false,
      mayVisit: false,
      hasCompany: false,
      hasUnreached: false,
      isAllGone: false,
    };
    const variants = [
      {},
      { ownsOperation: true },
      { isReached: false },
      { hasOpenHub: false, hasNoOpenHub: true },
      { isCutOff: true, isReached: false },
      { looksByItself: false },
      { isOverfull: true },
      { mayVisit: true },
    ];
    const seen = new Set<string>();
    for (const variant of variants) {
      const guards = Object.fromEntries(
        Object.entries({ ...always, ...variant }).map(([name, holds]) => [name, () => holds]),
      );
      const actions = Object.fromEntries(
        Object.keys(meshMachine.implementations.actions).map((name) => [name, () => undefined]),
      );
      const machine = meshMachine.provide({ guards, actions } as never);
      for (const id of reachable(machine, input)) seen.add(id);
    }
    const missing = coverage.allStates.filter((id) => !seen.has(id));
    expect(missing.filter((id) => !transientStates(meshMachine).includes(id))).toEqual([]);
  });

  it('joins by a hub or a link, is isolated without either, and comes back', () => {
    const mesh = start();
    mesh.send({ type: 'mesh.join' });
    mesh.is('live.joining');
    mesh.clock.runFor(JOIN_TIMEOUT_MS);
    mesh.is('live.isolated');
    mesh.send({ type: 'hub.opened', url: HUB });
    mesh.is('live.joined.signaling.online');
    link(mesh, 1);
    mesh.send({ type: 'hub.lost', url: HUB, reason: 'gone' });
    mesh.is('live.joined.signaling.offline');
    mesh.send({ type: 'peer.backedOff', remote: peer(1), reason: 'lost', refusal: undefined });
    mesh.is('live.isolated');
    mesh.send({ type: 'hub.opened', url: HUB });
    mesh.is('live.joined.signaling.online');
    expect(mesh.types().filter((type) => type === 'joined').length).toBe(1);
    expect(mesh.emitted.filter(({ code }) => code === 'REJOINED').length).toBe(1);
  });

  it('refuses commands where it cannot carry them out, and passes them on where it can', () => {
    const mesh = start();
    const ask = (ref: string) => {
      mesh.send({ type: 'mesh.broadcast', data: 1, ref });
      mesh.send({ type: 'mesh.direct', to: peer(1), data: 1, ref });
    };
    ask('idle');
    mesh.send({ type: 'mesh.join' });
    ask('joining');
    mesh.send({ type: 'hub.opened', url: HUB });
    ask('joined');
    mesh.send({ type: 'exchange.replied', ref: 'joined', ok: true, result: { id: 'x' } });
    mesh.send({ type: 'exchange.replied', ref: '', ok: false, error: { code: 'UNKNOWN_PEER', message: '' } });
    mesh.send({ type: 'mesh.leave' });
    ask('leaving');
    const refused = mesh.emitted.filter(({ type, ok }) => type === 'reply' && ok === false).map(({ ref }) => ref);
    expect(refused).toEqual(['idle', 'idle', 'joining', 'joining', 'leaving', 'leaving']);
    expect(mesh.told('exchange').filter((type) => type.startsWith('mesh.'))).toEqual(['mesh.broadcast', 'mesh.direct']);
    expect(mesh.emitted.filter(({ type }) => type === 'failed')).toMatchObject([{ code: 'UNKNOWN_PEER' }]);
  });

  it('looks for peers cycle after cycle, and pauses when the app says so', () => {
    const mesh = joined();
    mesh.is('live.joined.upkeep.discovering');
    mesh.send({ type: 'discovery.ask' });
    expect(mesh.told(`signaling:${HUB}`)).toContain('signaling.send');
    mesh.send({
      type: 'hub.fact',
      url: HUB,
      fact: {
        type: 'peers',
        peers: [
          {
            type: 'peer',
            network: 'n',
            id: peer(1),
            presence: { v: 1, key: '', free: 3, degree: 1 },
            proven: true,
            isHub: false,
          },
        ],
      },
    });
    mesh.send({ type: 'discovery.proposed', peers: [] });
    expect(Object.keys(mesh.snapshot().children)).toContain(`peer:${peer(1)}`);
    mesh.done('discovery:1', { found: 1 });
    expect(Object.keys(mesh.snapshot().children)).toContain('discovery:2');
    mesh.send({ type: 'mesh.configure', settings: { autoDiscovery: false } });
    mesh.is('live.joined.upkeep.paused');
    expect(Object.keys(mesh.snapshot().children).some((id) => id.startsWith('discovery'))).toBe(false);
    mesh.send({ type: 'mesh.configure', settings: { autoDiscovery: true } });
    mesh.is('live.joined.upkeep.discovering');
    expect(Object.keys(joined({ autoDiscovery: false }).snapshot().children)).toEqual(['exchange', `signaling:${HUB}`]);
  });

  it('carries links from their opening to their end, and what flows over them', () => {
    const mesh = joined();
    link(mesh, 1);
    mesh.send({ type: 'peer.signals', remote: peer(1), signal: { kind: 'answer', attempt: '1'.repeat(20), sdp: '' } });
    mesh.send({ type: 'gossip.mode', remote: peer(1), mode: 'forwarding' });
    for (const type of ['link.congested', 'link.drained', 'link.misbehaved']) mesh.send({ type, remote: peer(1) });
    expect(mesh.told(`gossip:${peer(1)}`)).toEqual(['link.congested', 'link.drained', 'link.misbehaved']);
    mesh.send({ type: 'link.congested', remote: peer(9) });
    mesh.send({ type: 'inbox', messages: [] });
    mesh.send({ type: 'beacon.changed', root: peer(1) });
    mesh.send({ type: 'circle.found' });
    mesh.send({ type: 'peer.reopening', remote: peer(1), random: false });
    mesh.send({ type: 'peer.backedOff', remote: peer(1), reason: 'dialFailed', refusal: undefined });
    mesh.send({ type: 'peer.rested', remote: peer(1) });
    mesh.send({ type: 'mesh.connect', remote: peer(1) });
    mesh.send({ type: 'mesh.connectAll' });
    mesh.send({ type: 'mesh.disconnect', remote: peer(1) });
    expect(mesh.told(`peer:${peer(1)}`)).toContain('peer.release');
    mesh.done(`peer:${peer(1)}`, { remote: peer(1), reason: 'disconnected', alternatives: [] });
    expect(Object.keys(mesh.snapshot().children)).not.toContain(`peer:${peer(1)}`);
    expect(mesh.types().filter((type) => type.startsWith('peer.'))).toEqual([
      'peer.connected',
      'peer.disconnected',
      'peer.timedOut',
    ]);
  });

  it('dials whom much is written to when it was asked to', () => {
    for (const dialOnDemand of [true, false]) {
      const mesh = joined({ autoDiscovery: false, dialOnDemand });
      mesh.send({ type: 'peer.demanded', remote: peer(1) });
      expect(Object.keys(mesh.snapshot().children).includes(`peer:${peer(1)}`)).toBe(dialOnDemand);
    }
  });

  it('runs one operation of its own at a time, and lets it go when it ends', () => {
    const mesh = joined({ autoDiscovery: false });
    link(mesh, 1);
    link(mesh, 2);
    mesh.is(`${TOPOLOGY}.free`);
    signal(mesh, peer(3), offer());
    mesh.is(`${TOPOLOGY}.operating`);
    const plan = { victim: peer(1) };
    const base = { op: OP, plan, members: [peer(1)], newcomer: peer(3), attempt: '1'.repeat(20) };
    for (const type of ['lock', 'splice', 'dial', 'refuse', 'unlock', 'close'])
      mesh.send({ type: `eviction.${type}`, ...base });
    expect(mesh.told(`peer:${peer(1)}`)).toContain('peer.release');
    mesh.done('eviction:1', {
      op: mesh.snapshot().context.memory.operation.id,
      outcome: 'handedOver',
      victim: peer(1),
      newcomer: peer(3),
    });
    mesh.is(`${TOPOLOGY}.free`);
  });

  it('holds still for a neighbour, until it is let go or the reservation ends', () => {
    for (const letGo of [true, false]) {
      const mesh = joined();
      link(mesh, 1);
      link(mesh, 2);
      const self = mesh.snapshot().context.memory.self;
      const lock = { type: 'LOCK', op: OP, kind: 'splice', dropped: self, other: peer(3) };
      mesh.send({ type: 'wire.received', remote: peer(1), message: lock });
      mesh.is(`${TOPOLOGY}.locked`);
      if (letGo) mesh.send({ type: 'wire.received', remote: peer(1), message: { type: 'UNLOCK', op: OP } });
      else mesh.clock.runFor(RESERVATION_TIMEOUT_MS);
      mesh.is(`${TOPOLOGY}.free`);
    }
  });

  describe('with one link too many', () => {
    /** At its cap, and one more link that bridges to another component. */
    function overfull(): Mesh {
      const mesh = joined({ autoDiscovery: false, maxPeers: 3 });
      mesh.clock.runFor(120_000);
      for (const n of [1, 2, 4]) link(mesh, n);
      signal(mesh, peer(3), offer({ beacon: peer(0), random: true }));
      mesh.send({ type: 'peer.opened', remote: peer(3), random: true, cap: 8, op: undefined });
      mesh.is(`${TOPOLOGY}.overfull`);
      return mesh;
    }
    const neighbours = (mesh: Mesh, n: number, ...ids: number[]) =>
      mesh.neighbourhood.set(
        peer(n),
        ids.map((id) => ({ id: peer(id), key: '', free: 0, degree: 2 })),
      );

    it('hands one over as soon as there is a plan', () => {
      const mesh = overfull();
      neighbours(mesh, 1, 2);
      mesh.clock.runFor(10_000);
      mesh.is(`${TOPOLOGY}.operating`);
      expect(Object.keys(mesh.snapshot().children)).toContain('eviction:1');
    });

    it('is locked by a neighbour meanwhile, and overfull no more when a link ends', () => {
      const locked = overfull();
      const self = locked.snapshot().context.memory.self;
      // The three of a triangle may always let one of its edges go.
      const lock = { type: 'LOCK', op: OP, kind: 'triangle', dropped: self, other: peer(2) };
      locked.send({ type: 'wire.received', remote: peer(1), message: lock });
      locked.is(`${TOPOLOGY}.locked`);
      const lost = overfull();
      lost.send({ type: 'peer.backedOff', remote: peer(3), reason: 'lost', refusal: undefined });
      lost.is(`${TOPOLOGY}.free`);
    });
  });

  it('counts a silent link out until it is back, and keeps its slot', () => {
    const mesh = joined();
    link(mesh, 1);
    link(mesh, 2);
    const connected = () => mesh.emitted.findLast(({ type }) => type === 'peers.changed')?.['connected'];
    mesh.send({ type: 'peer.stalled', remote: peer(1) });
    expect(connected()).toEqual([peer(2)]);
    expect(mesh.types()).not.toContain('peer.disconnected');
    signal(mesh, peer(3), offer());
    expect(mesh.snapshot().context.memory.slots[peer(3)]).toBeUndefined();
    mesh.send({ type: 'peer.recovered', remote: peer(1) });
    expect(connected()).toEqual([peer(2), peer(1)].sort());
  });

  it('takes offers that came through the mesh, answers the same way, and turns to the hub when there is none', () => {
    const mesh = joined();
    link(mesh, 1);
    mesh.send({ type: 'relay.received', from: peer(2), signal: offer() });
    mesh.send({ type: 'peer.signals', remote: peer(2), signal: { kind: 'answer', attempt: '1'.repeat(20), sdp: '' } });
    expect(mesh.heard.filter(({ type }) => type === 'exchange.relay')).toMatchObject([
      { to: peer(2), signal: { kind: 'answer' } },
    ]);
    mesh.send({ type: 'relay.failed', to: peer(2), attempt: '1'.repeat(20) });
    mesh.send({ type: 'peer.signals', remote: peer(2), signal: { kind: 'answer', attempt: '1'.repeat(20), sdp: '' } });
    expect(mesh.told(`signaling:${HUB}`).slice(-1)).toEqual(['signaling.send']);
    expect(mesh.told('exchange').filter((type) => type === 'exchange.relay')).toHaveLength(1);
  });

  it('shuns a neighbour that no muting helped against, unless the app wants it', () => {
    const mesh = joined({ autoDiscovery: false });
    link(mesh, 1);
    // An only link that brings nothing is better than none.
    mesh.send({ type: 'gossip.barren', remote: peer(1) });
    expect(mesh.types()).not.toContain('peer.disconnected');
    mesh.send({ type: 'gossip.hopeless', remote: peer(1) });
    const ended = { type: 'peer.disconnected', remote: peer(1), reason: 'disconnected' };
    expect(mesh.emitted).toContainEqual(expect.objectContaining(ended));
    mesh.done(`peer:${peer(1)}`, { remote: peer(1), reason: 'disconnected' });
    const slot = () => mesh.snapshot().context.memory.slots[peer(1)]?.phase;
    signal(mesh, peer(1), offer());
    expect(slot()).toBeUndefined();
    expect(mesh.heard.at(-1)).toMatchObject({ command: { signal: { kind: 'refusal', code: 'BACKOFF' } } });
    mesh.clock.runFor(SHUN_MS);
    signal(mesh, peer(1), offer());
    expect(slot()).toBe('opening');

    const other = joined({ autoDiscovery: false });
    link(other, 1);
    other.send({ type: 'gossip.hopeless', remote: peer(1) });
    other.done(`peer:${peer(1)}`, { remote: peer(1), reason: 'disconnected' });
    other.send({ type: 'mesh.connect', remote: peer(1) });
    expect(other.snapshot().context.memory.slots[peer(1)]?.phase).toBe('opening');
    expect(other.snapshot().context.memory.shunned).toEqual({});
  });

  it('survives the end and the failure of each kind of child, and says what failed', () => {
    const mesh = joined();
    link(mesh, 1);
    link(mesh, 2);
    mesh.failed(`peer:${peer(1)}`, new Error('a bug'));
    mesh.failed(`gossip:${peer(2)}`, new Error('a bug'));
    mesh.failed('discovery:1', new Error('a bug'));
    mesh.failed('eviction:1', 'no error at all');
    mesh.send({ type: 'actor.failed', actor: 'peer:x.link', error: { code: 'PORT_MISSING', message: 'x' } });
    mesh.done('gossip:x');
    mesh.is('live.joined');
    mesh.failed('exchange', new Error('a bug'));
    mesh.send({ type: 'gossip.mode', remote: peer(2), mode: 'muted' });
    mesh.done(`signaling:${HUB}`);
    expect(mesh.emitted.filter(({ type }) => type === 'failed').map(({ code }) => code)).toEqual([
      'ACTOR_FAILED',
      'ACTOR_FAILED',
      'ACTOR_FAILED',
      'ACTOR_FAILED',
      'PORT_MISSING',
      'ACTOR_FAILED',
    ]);
    expect(mesh.snapshot().status).toBe('active');
  });

  it('passes on to the app what the exchange tells of rooms and of gaps', () => {
    const mesh = joined();
    const gap = { type: 'message.gap', source: peer(1), from: 2, to: 4 } as const;
    const invited = { type: 'room.invited', room: 'r', owner: peer(1) } as const;
    for (const event of [gap, invited]) mesh.send(event);
    expect(mesh.emitted.slice(-2)).toEqual([gap, invited]);
  });

  it('hands what is told of a link to its gossip chart, as long as there is one', () => {
    const mesh = joined();
    link(mesh, 1);
    for (const type of GOSSIP_EVENTS) mesh.send({ type, remote: peer(1) });
    expect(mesh.told(`gossip:${peer(1)}`)).toEqual([...GOSSIP_EVENTS]);
    mesh.send({ type: 'link.synced', remote: peer(9) });
    mesh.send({ type: 'environment.changed', change: { type: 'network', cut: false } });
    expect(mesh.told(`signaling:${HUB}`).length).toBeGreaterThan(0);
  });

  it('leaves when all are gone, or in time when somebody is not, and before it joined', () => {
    const polite = joined();
    link(polite, 1);
    polite.send({ type: 'mesh.leave', reason: 'bye', ref: 'l' });
    polite.send({ type: 'mesh.leave' });
    polite.is('leaving');
    polite.send({
      type: 'peer.signals',
      remote: peer(1),
      signal: { kind: 'close', attempt: '1'.repeat(20), reason: 'left' },
    });
    polite.clock.runFor(0);
    expect(polite.told(`signaling:${HUB}`).slice(-2)).toEqual(['signaling.send', 'signaling.leave']);
    polite.done(`peer:${peer(1)}`, { remote: peer(1), reason: 'left', alternatives: [] });
    polite.done(`signaling:${HUB}`);
    expect(polite.snapshot()).toMatchObject({ value: 'left', status: 'done' });
    expect(polite.emitted.slice(-1)).toEqual([{ type: 'left', reason: 'bye' }]);
    const stubborn = joined();
    link(stubborn, 1);
    stubborn.send({ type: 'mesh.leave' });
    stubborn.clock.runFor(LEAVE_TIMEOUT_MS);
    expect(stubborn.snapshot().value).toBe('left');
    const idle = start();
    idle.send({ type: 'mesh.leave', ref: 'x' });
    expect(idle.snapshot().value).toBe('left');
    for (const mesh of [polite, stubborn, idle]) expect(mesh.clock.pending).toBe(0);
  });
});

afterAll(() => {
  const { states, transitions, missing } = coverage.report();
  expect(states, String(missing.states)).toBe(1);
  expect(transitions, String(missing.transitions)).toBeGreaterThanOrEqual(0.95);
});
