/** How a peer actor ends: the remote leaves, or the mesh releases it, in every state. */
import { describe, expect, it } from 'vitest';
import { DRAIN_TIMEOUT_MS } from '../../machines/shared/limits.ts';
import { LOW, offer, type Peer, RELEASED_IN, start } from './peer-kit.ts';

export const ends = (): void => {
  describe('a remote that leaves', () => {
    const goodbye = (peer: Peer) => {
      const { attempt: of } = peer.run.context.memory;
      return { type: 'signal.close', signal: { kind: 'close', attempt: of, reason: 'left' } } as const;
    };
    it.each([
      ['dialing', () => start(), goodbye],
      ['answering', () => start({ offer: offer(50) }), goodbye],
      [
        'handshaking',
        () => {
          const peer = start();
          peer.link.last.tell({ type: 'link.opened' });
          return peer;
        },
        () => ({ type: 'link.farewell', reason: 'left', alternatives: [] }) as const,
      ],
    ])('while %s is gone, and not dialed again', (_name, make, leave) => {
      const peer = make();
      peer.types();
      peer.run.send(leave(peer));
      expect(peer.types()).toEqual([]);
      expect(peer.run.output).toEqual({ remote: LOW, reason: 'left', alternatives: [] });
      expect(peer.link.last.freed).toBe(true);
      expect(peer.run.clock.pending).toBe(0);
    });
  });

  describe('release', () => {
    it.each(Object.entries(RELEASED_IN))('while %s tells the remote and ends in time', (_name, { make, told }) => {
      const peer = make();
      peer.types();
      peer.run.send({ type: 'peer.release', reason: 'left' });
      if (told === 'CLOSE') {
        expect(peer.link.last.commands.at(-1)).toEqual({ type: 'link.close', reason: 'left', alternatives: [] });
        peer.run.clock.runFor(DRAIN_TIMEOUT_MS);
      } else {
        expect(peer.types()).toEqual(told === 'close' ? ['close'] : []);
      }
      expect(peer.run.output).toEqual({ remote: LOW, reason: 'left', alternatives: [] });
      expect(peer.link.last.freed).toBe(true);
      expect(peer.run.clock.pending).toBe(0);
    });
  });
};
