/** Goal: a client that keeps to no rule costs the hub no more than its own socket, and an operator's slip costs nothing. */
import { describe, expect, it } from 'vitest';
import { connect, eventOf, idOf, join, startHub } from './hub-kit.ts';

describe('control frames', () => {
  it('a flood of pings counts as frames do and ends its socket', async () => {
    const { url, hub } = await startHub();
    const client = await join(url, idOf(1));
    const bystander = await join(url, idOf(2));
    for (let i = 0; i < 6_000; i++) client.socket.ping();
    expect(await client.closed).toEqual({ code: 1008, reason: 'Rate limit exceeded' });
    await bystander.settle();
    expect(hub.getStats().connections).toBe(1);
  });

  it('unasked pongs count too', async () => {
    const { url } = await startHub();
    const client = await join(url, idOf(1));
    for (let i = 0; i < 6_000; i++) client.socket.pong();
    expect((await client.closed).code).toBe(1008);
  });

  it('a ping within the limit is answered with its own data', async () => {
    const { url } = await startHub();
    const client = await connect(url, idOf(1));
    const answer = new Promise((resolve) => client.socket.once('pong', (data) => resolve(String(data))));
    client.socket.ping('here');
    expect(await answer).toBe('here');
  });
});

describe('listeners', () => {
  it('one that rejects is reported like one that throws', async () => {
    const { url, hub } = await startHub();
    const reported = eventOf<{ error: { code: string } }>(hub, 'error');
    hub.on('peer.announced', async () => {
      throw new Error('a slip');
    });
    await join(url, idOf(1));
    expect((await reported).error.code).toBe('LISTENER_THREW');
  });
});
