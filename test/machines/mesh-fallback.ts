/** How the mesh chart goes to another network as a guest, and home again; `mesh.test.ts` runs it. */
import { describe, expect, it } from 'vitest';
import { FALLBACK_AFTER_MS, FALLBACK_RETRY_MS } from '../../machines/shared/limits.ts';
import { HUB, link, offer, peer, signal, start } from './mesh-kit.ts';

describe('a mesh with a fallback', () => {
  it('is a guest elsewhere while it is alone, and goes home for somebody of its own', () => {
    const mesh = start({}, 'm');
    mesh.send({ type: 'mesh.join' });
    mesh.send({ type: 'hub.opened', url: HUB });
    mesh.is('live.joined.place.alone');
    link(mesh, 1);
    mesh.is('live.joined.place.home');
    mesh.done(`peer:${peer(1)}`, { remote: peer(1), reason: 'lost', alternatives: [] });
    signal(mesh, peer(1), offer());
    mesh.done(`peer:${peer(1)}`, { remote: peer(1), reason: 'dialFailed', alternatives: [] });
    mesh.clock.runFor(FALLBACK_AFTER_MS);
    mesh.is('live.joined.place.visiting');
    expect(mesh.snapshot().context.memory).toMatchObject({ at: 'm', unreached: [peer(1)] });
    expect([...mesh.snapshot().context.memory.ports.known]).toEqual([]);
    // Whom it could not reach does not call it home before its time has come.
    signal(mesh, peer(1), offer());
    mesh.is('live.joined.place.visiting');
    mesh.clock.runFor(FALLBACK_RETRY_MS);
    mesh.is('live.joined.place.alone');
    mesh.clock.runFor(FALLBACK_AFTER_MS);
    signal(mesh, peer(2), offer());
    mesh.is('live.joined.place.home');
    expect(mesh.snapshot().context.memory).toMatchObject({
      at: 'n',
      unreached: [],
      slots: { [peer(2)]: { network: 'n' } },
    });
    const sent = mesh.heard.filter(({ type }) => type === 'signaling.send').map(({ command }) => command);
    const moves = sent.filter(({ type }) => type === 'announce' || type === 'goodbye');
    expect(moves.map(({ type, network }) => [type, network])).toEqual([
      ['announce', 'n'],
      ...[1, 2].flatMap(() => [
        ['announce', 'm'],
        ['goodbye', 'm'],
      ]),
    ]);
  });
});
