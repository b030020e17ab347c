/**
 * Goal: hubs move from sockets to a mesh of their own and back, and nothing that clients sent through them is lost or
 * arrives twice (20 runs of 10,000 signals: `npm run test:migration`); a hub that dies takes nobody with it.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { HubActor, HubEvent } from '../../hub/index.ts';
import { createMeshActor } from '../../runtime/index.ts';
import { startHub } from './hub-kit.ts';
import { allHubs, FALL_BACK, MIGRATE, runSignals, stateOf } from './signal-run.ts';

describe('migration', () => {
  test('signals before, during and after it, and through the loss of every link: once each', async () => {
    const { sent, received, doubled, errors, steps, counters } = await runSignals([...MIGRATE, ...FALL_BACK], 1_500, 2);
    expect({ lost: sent - received, doubled, errors }).toEqual({ lost: 0, doubled: 0, errors: [] });
    expect(sent).toBeGreaterThanOrEqual(1_500);
    // It was no empty show: each step saw signals, frames were sent again, and the charts were where they should be.
    for (const { signals } of steps) expect(signals).toBeGreaterThan(0);
    expect(steps[1]?.states).toEqual(['peerToPeer', 'peerToPeer', 'peerToPeer']);
    expect(steps[3]?.states).not.toContain('peerToPeer');
    expect(counters['resent']).toBeGreaterThan(0);
  });

  test('its events; sockets close and /hubstats says so; a hub that comes later is taken in', async () => {
    const options = { meshMigrationDelayMs: 100 };
    const first = await startHub(options);
    const second = await startHub({ ...options, bootstrapHubs: first.url });
    const seen: HubEvent[] = [];
    second.hub.on('*', (event) => seen.push(event));
    const isMigrated = (hub: HubActor): boolean => stateOf(hub) === 'peerToPeer' && hub.getHubsStats().hubSockets === 0;
    await allHubs([first.hub, second.hub], isMigrated);
    const names = seen.map(({ type }) => type).filter((type) => /^(hub|bootstrap)\./.test(type));
    expect(names).toEqual([
      'bootstrap.connected',
      'hub.discovered',
      'hub.p2pConnected',
      'hub.meshReady',
      'hub.meshMigrated',
    ]);
    expect(seen).toContainEqual({ type: 'hub.meshReady', p2pConnections: 1, totalHubs: 1 });
    expect(seen).toContainEqual({ type: 'hub.meshMigrated', migratedCount: 1, p2pConnections: 1 });
    expect(await (await fetch(`${second.http}/hubstats`)).json()).toMatchObject({
      connectedHubs: 1,
      hubSockets: 0,
      hubs: [{ peerId: first.hub.hubId, via: 'mesh', p2p: true, socket: false }],
      bootstrapHubs: [{ connected: false, state: 'relieved' }],
      mesh: { state: 'peerToPeer', p2pConnections: 1 },
    });
    const third = await startHub({ ...options, bootstrapHubs: first.url });
    await allHubs(
      [first.hub, second.hub, third.hub],
      (hub) => isMigrated(hub) && hub.getHubsStats().connectedHubs === 2,
    );
    // One that stops says so: the others need not wait for it.
    await third.hub.shutdown();
    await allHubs([first.hub, second.hub], (hub) => isMigrated(hub) && hub.getHubsStats().totalHubs === 1);
  });

  test('peers with a list of hubs find each other when their common hub dies, within 10 s', async () => {
    const first = await startHub({ meshMigrationDelayMs: 100 });
    const second = await startHub({ meshMigrationDelayMs: 100, bootstrapHubs: first.url });
    const third = await startHub({ meshMigrationDelayMs: 100, bootstrapHubs: first.url });
    await allHubs([first.hub, second.hub, third.hub], (hub) => hub.getHubsStats().connectedHubs === 2);
    first.hub.stop(); // without a word
    const startMs = performance.now();
    const ada = createMeshActor({ signaling: [first.url, second.url], network: 'failover' });
    const bob = createMeshActor({ signaling: [first.url, third.url], network: 'failover' });
    const linked = new Promise((resolve) => ada.on('peer.connected', resolve));
    await Promise.all([ada.start().joined(), bob.start().joined()]);
    await linked;
    expect(performance.now() - startMs).toBeLessThan(10_000);
    await Promise.all([ada.leave(), bob.leave()]);
  });

  test('a hub that stands alone loads no native WebRTC', () => {
    const program = `
      const { createHubActor } = await import(${JSON.stringify(join(process.cwd(), 'dist/hub/index.js'))});
      const hub = createHubActor({ port: 0 });
      await hub.start().listening();
      const loaded = process.report.getReport().sharedObjects.filter((path) => /wrtc|datachannel/.test(path));
      await hub.shutdown();
      console.log(JSON.stringify({ loaded }));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ loaded: [] });
  });
});
