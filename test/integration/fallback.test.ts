/** Goal: over a real hub and real links a peer that is alone is a guest of another network, and goes home for its own. */
import { expect, it } from 'vitest';
import { ask, type FleetPeer, oneComponent, statusOf, withFleet } from './fleet.ts';

const heard = ({ program, index }: FleetPeer): unknown[] =>
  program.of({ event: 'message', peer: index }).map(({ data }) => data);

it('a guest is heard by nobody of the other network, and leaves it for the first of its own', () =>
  withFleet(async (fleet) => {
    const { hub, url } = await fleet.hub();
    const members = await fleet.peers({ hub: url, network: 'global', count: 3 });
    const [loner] = await fleet.peers({ hub: url, network: 'demo', args: ['--fallback', 'global'] });
    if (loner === undefined) throw new Error('no peer');
    await loner.program.line({ event: 'status.changed', code: 'VISITING' });
    await loner.program.line({ event: 'peer.connected' });
    expect(await statusOf(loner)).toMatchObject({ network: 'demo', guestOf: 'global' });
    const [member] = await oneComponent([...members, loner]);
    await ask(loner, { cmd: 'broadcast', data: 'of demo' });
    const first = members.find(({ peerId }) => peerId === member?.peerId) as FleetPeer;
    await ask(first, { cmd: 'broadcast', data: 'of global' });
    await members[0]?.program.linesOf({ event: 'message', data: 'of global' }, 2);

    const [friend] = await fleet.peers({ hub: url, network: 'demo' });
    if (friend === undefined) throw new Error('no friend');
    await loner.program.line({ event: 'peer.connected', remote: friend.peerId });
    await hub.line({ event: 'peer.goodbye', peerId: loner.peerId, network: 'global' });
    await members[0]?.program.linesOf({ event: 'peer.disconnected', remote: loner.peerId, reason: 'left' }, 1);
    expect((await statusOf(loner)).guestOf).toBeUndefined();
    await ask(loner, { cmd: 'broadcast', data: 'at home' });
    await friend.program.line({ event: 'message', from: loner.peerId, data: 'at home' });
    expect(heard(loner)).toEqual([]);
    expect(members.flatMap(heard).filter((data) => data !== 'of global')).toEqual([]);
    const { exits, stderr } = await fleet.finish();
    expect(exits, stderr).toEqual([0, 0, 0, 0]);
  }));
