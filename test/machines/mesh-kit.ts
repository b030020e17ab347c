/** What the tests of the mesh chart share: a mesh whose children write down what they are told and are spoken for by the test. */
import { expect } from 'vitest';
import { type AnyEventObject, type AnyMachineSnapshot, createActor, fromCallback } from 'xstate';
import type { MeshSettings } from '../../machines/mesh/mesh.events.ts';
import { meshMachine } from '../../machines/mesh/mesh.machine.ts';
import { JOIN_TIMEOUT_MS } from '../../machines/shared/limits.ts';
import type { Exchange } from '../../runtime/ports/exchange.ts';
import type { OfferSignal, PeerAd } from '../../runtime/ports/signaling.ts';
import { Coverage, fakePorts } from './harness.ts';

export const coverage = new Coverage(meshMachine);
export const HUB = 'memory:';
export const OP = '0'.repeat(16);
export const peer = (n: number): string => n.toString(16).padStart(40, 'a');
export const SETTINGS: MeshSettings = {
  maxPeers: 2,
  minPeers: undefined,
  autoDiscovery: true,
  eviction: true,
  xorRouting: true,
  dialOnDemand: false,
  joinTimeoutMs: JOIN_TIMEOUT_MS,
  dialTimeoutMs: 10_000,
  directTimeoutMs: 5_000,
};
export const hubPort = { url: HUB, connect: () => ({ send: () => true, close: () => undefined }) };

export function start(settings: Partial<MeshSettings> = {}, fallback?: string) {
  /** What neighbours told of theirs. */
  const neighbourhood = new Map<string, PeerAd[]>();
  /** What the exchange finds of the links. */
  const found = {
    heardLately: undefined as number | undefined,
    isAlarmed: false,
    dear: new Set<string>(),
    borne: new Set<string>(),
  };
  const relays = { reaches: () => false, originate: () => undefined };
  const merits = {
    heardLately: () => found.heardLately,
    alarm: () => undefined,
    isAlarmed: () => found.isAlarmed,
    hasBorne: (id: string) => found.borne.has(id),
    isDear: (id: string) => found.dear.has(id),
  };
  const heard: (AnyEventObject & { readonly child: string })[] = [];
  /** A child that writes down what it is told and lets the test speak for it. */
  const child = (kind: string) =>
    fromCallback(({ receive, self }) => {
      receive((event) => void heard.push({ ...event, child: self.id }));
      const neighbours = (id: string) => neighbourhood.get(id) ?? [];
      if (kind === 'exchange')
        ports.exchange = { neighbours, merits, relays, redundant: () => [] } as Partial<Exchange> as Exchange;
    });
  const ports = fakePorts({ signaling: [hubPort] });
  const kinds = ['exchange', 'signaling', 'discovery', 'peer', 'eviction', 'gossip'];
  const machine = meshMachine.provide({
    actors: Object.fromEntries(kinds.map((kind) => [kind, child(kind)])) as never,
  });
  const input = { ports, network: 'n', fallback, key: '', settings: { ...SETTINGS, ...settings } };
  const actor = createActor(machine, { id: 'mesh', input, clock: ports.clock as never, inspect: coverage.inspect });
  const emitted: AnyEventObject[] = [];
  actor.on('*', (event) => void emitted.push(event));
  actor.start();
  const send = (event: AnyEventObject): void => actor.send(event as never);
  const snapshot = () => actor.getSnapshot() as AnyMachineSnapshot;
  const done = (actorId: string, output?: unknown) => send({ type: `xstate.done.actor.${actorId}`, actorId, output });
  const failed = (actorId: string, error: unknown) => send({ type: `xstate.error.actor.${actorId}`, actorId, error });
  return {
    actor,
    emitted,
    heard,
    neighbourhood,
    found,
    send,
    done,
    failed,
    snapshot,
    clock: ports.clock,
    live: () => (snapshot().value as { live?: unknown }).live,
    told: (id: string) => heard.filter(({ child: name }) => name === id).map(({ type }) => type),
    types: () => emitted.map(({ type }) => type),
    is: (state: string) => expect(snapshot().matches(state as never), state).toBe(true),
  };
}
export type Mesh = ReturnType<typeof start>;

export function joined(settings: Partial<MeshSettings> = {}): Mesh {
  const mesh = start(settings);
  mesh.send({ type: 'mesh.join' });
  mesh.send({ type: 'hub.opened', url: HUB });
  mesh.is('live.joined');
  return mesh;
}
export const offer = (more: Partial<OfferSignal> = {}): OfferSignal => ({
  kind: 'offer',
  attempt: '1'.repeat(20),
  sdp: '',
  key: '',
  random: false,
  degree: 0,
  cap: 8,
  free: 8,
  ...more,
});
export const signal = (mesh: Mesh, from: string, what: object) =>
  mesh.send({ type: 'hub.fact', url: HUB, fact: { type: 'signal', network: 'n', from, signal: what } });
export function link(mesh: Mesh, n: number, random = true): void {
  signal(mesh, peer(n), offer({ random }));
  mesh.send({ type: 'peer.opened', remote: peer(n), random, cap: 8, op: undefined });
}
