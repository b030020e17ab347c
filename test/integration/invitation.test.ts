/**
 * Goal: real processes over real WebRTC link by nothing but texts that somebody copies from one to the other: two that never
 * heard of a hub, and a newcomer to a mesh whose hub was killed.
 */
import { expect, it } from 'vitest';
import {
  ask,
  type Fleet,
  type FleetPeer,
  oneComponent,
  standingLinks,
  statusesOf,
  statusOf,
  until,
  withFleet,
} from './fleet.ts';
import { broadcastAll } from './scenarios.ts';

const NETWORK = 'by-invitation';
/**
 * The newcomer's WebRTC. Over node-datachannel on one machine about one such link of sixty fails: the host's checks are through
 * when the answer comes, and libdatachannel may check the certificate before it has noted whose it must be.
 */
const GUEST = ['--rtc', 'roamhq'];

/** A peer without any hub, as soon as it answers. */
async function lonelyPeer(fleet: Fleet, args: readonly string[] = []): Promise<FleetPeer> {
  const program = fleet.cli(['peer', '--json', '--hub', 'none', '--network', NETWORK, ...args]);
  program.say({ cmd: 'status', ref: 'here' });
  const { peerId } = await program.line({ event: 'reply', ref: 'here' });
  return { program, index: 0, peerId: String(peerId) };
}

async function textOf(peer: FleetPeer, command: Readonly<Record<string, unknown>>): Promise<string | null> {
  const { ok, result, error } = await ask(peer, command);
  expect(error).toBeUndefined();
  expect(ok).toBe(true);
  return (result as { text: string | null }).text;
}

/** What two people do: three texts, copied and pasted. */
async function handTexts(host: FleetPeer, guest: FleetPeer): Promise<string[]> {
  const invitation = await textOf(host, { cmd: 'invite' });
  const offer = await textOf(guest, { cmd: 'accept', text: invitation });
  const answer = await textOf(host, { cmd: 'accept', text: offer });
  expect(await textOf(guest, { cmd: 'accept', text: answer })).toBeNull();
  await guest.program.line({ event: 'peer.connected', remote: host.peerId });
  await host.program.line({ event: 'peer.connected', remote: guest.peerId });
  return [invitation, offer, answer].map(String);
}

it('two peers that know no hub link by texts alone', () =>
  withFleet(async (fleet) => {
    const [ada, bob] = await Promise.all([lonelyPeer(fleet), lonelyPeer(fleet, GUEST)]);
    const texts = await handTexts(ada, bob);
    for (const text of texts) expect(text).toMatch(/^[\w-]{100,8000}$/);
    await bob.program.line({ event: 'joined' });
    const { deliveries } = await broadcastAll([ada, bob], 4);
    expect(deliveries).toBe(4);
    // Each text counts once; what comes of a second time harms nothing.
    const again = await ask(ada, { cmd: 'accept', text: texts[1] });
    expect(again).toMatchObject({ ok: false, error: { code: 'ALREADY_USED' } });
    expect(standingLinks(await statusOf(ada)).map(({ peerId }) => peerId)).toEqual([bob.peerId]);
    const { exits } = await fleet.finish();
    expect(exits).toEqual([0, 0]);
  }));

it('a mesh whose hub was killed takes in a newcomer that has only an invitation', () =>
  withFleet(async (fleet) => {
    const { hub, url } = await fleet.hub();
    // Everybody has as many links as it may: the newcomer is let in all the same.
    const members = await fleet.peers({ hub: url, network: NETWORK, count: 5, args: ['--max-peers', '4'] });
    await oneComponent(members);
    await Promise.all(members.map((peer) => ask(peer, { cmd: 'connectAll' })));
    const { program } = members[0] as FleetPeer;
    for (let isFull = false; !isFull; ) {
      const seen = program.lines.length;
      isFull = (await statusesOf(members)).every((status) => standingLinks(status).length === 4);
      const isNews = () => program.lines.slice(seen).some(({ event }) => event === 'peer.connected');
      if (!isFull) await until([program], 'a further link', isNews);
    }
    hub.child.kill('SIGKILL');
    await members[0]?.program.linesOf({ event: 'hub.disconnected' }, 5);

    const zoe = await lonelyPeer(fleet, [...GUEST, '--max-peers', '4']);
    await handTexts(members[2] as FleetPeer, zoe);
    // The others are found through the mesh itself.
    await zoe.program.linesOf({ event: 'peer.connected' }, 2);
    const everybody = [...members, zoe];
    await oneComponent(everybody);
    const { deliveries } = await broadcastAll(everybody, 12);
    expect(deliveries).toBe(60);
    expect(standingLinks(await statusOf(zoe)).length).toBeGreaterThan(1);
    const { exits } = await fleet.finish();
    expect(exits.filter((code) => code !== 0)).toEqual(['SIGKILL']);
  }));
