/** Goal: a peer that did not run for a minute, and was given up by all, hears what was said meanwhile, each message once. */
import { expect, it } from 'vitest';
import { Simulation } from '../../runtime/testing.ts';

it.each([1, 2])('seed %i', (seed) => {
  const simulation = new Simulation({ seed });
  const peers = simulation.addPeers(12, 1_000);
  simulation.runFor(15_000);
  const [sleeper, ...others] = peers;
  if (sleeper === undefined) throw new Error('no peer');
  const heard: unknown[] = [];
  sleeper.mesh.on('message', ({ data }) => void heard.push(data));
  const said: string[] = [];
  const say = (): void => {
    const speaker = others[said.length % others.length];
    const word = `word ${said.length}`;
    said.push(word);
    speaker?.mesh.broadcast(word);
  };
  const lost: string[] = [];
  for (const { mesh } of others) {
    mesh.on('peer.disconnected', ({ remote, reason }) => {
      if (remote === sleeper.peerId) lost.push(reason);
    });
  }
  simulation.sleep(sleeper);
  for (let second = 0; second < 60; second++) {
    say();
    simulation.runFor(1_000);
  }
  // Nobody holds a link to it any more.
  expect(lost.length).toBeGreaterThan(0);
  expect(new Set(lost)).toEqual(new Set(['lost']));
  simulation.wake(sleeper);
  simulation.runFor(5_000);
  say();
  simulation.runFor(2_000);
  expect([...heard].sort()).toEqual([...said].sort());
  const { violations, leaks } = simulation.finish();
  expect(violations).toEqual([]);
  expect(leaks).toEqual({ actors: 0, timers: 0 });
});
