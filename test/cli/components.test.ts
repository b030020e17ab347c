/** Goal: islands are counted by what both ends of a link say. */
import { expect, it } from 'vitest';
import { countComponents, type PeerLinks } from '../../runtime/cli/components.ts';

const peer = (peerId: string, ...links: string[]): PeerLinks => ({
  peerId,
  links: links.map((link) => ({ peerId: link, state: 'connected.healthy' })),
});

it('counts components', () => {
  expect(countComponents([])).toBe(0);
  expect(countComponents([peer('a')])).toBe(1);
  expect(countComponents([peer('a', 'b'), peer('b', 'a', 'c'), peer('c', 'b')])).toBe(1);
  expect(countComponents([peer('a', 'b'), peer('b', 'a'), peer('c')])).toBe(2);
});

it('does not count a link that one end denies, that is not open, or that leads elsewhere', () => {
  expect(countComponents([peer('a', 'b'), peer('b')])).toBe(2);
  const dialing: PeerLinks = { peerId: 'b', links: [{ peerId: 'a', state: 'dialing' }] };
  expect(countComponents([peer('a', 'b'), dialing])).toBe(2);
  expect(countComponents([peer('a', 'browser'), peer('b', 'browser')])).toBe(2);
});
