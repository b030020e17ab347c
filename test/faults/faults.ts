/**
 * What links must survive between hosts, as functions that throw when they do not and return figures when they do.
 * `main.ts` runs them; the shortest one is among the tests of every run.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ask, type Fleet, type FleetPeer, must, oneComponent, withFleet } from '../integration/fleet.ts';
import { ALL, from, type Host, Lab, lossOf } from './lab.ts';
import { Talk } from './talk.ts';

export type Figures = Readonly<Record<string, number>>;

/** The link must be in use again this soon after the network is. */
export const IN_USE_WITHIN_MS = 5_000;
const SETTLE_MS = 15_000;

interface Stage {
  readonly lab: Lab;
  readonly fleet: Fleet;
  readonly hosts: readonly [Host, Host];
  readonly a: FleetPeer;
  readonly b: FleetPeer;
  readonly talk: Talk;
}

/** Two hosts with a peer each, linked and talking, and a hub at the router. Nothing of it outlives the scenario. */
async function between<T>(rtc: string, scenario: (stage: Stage) => Promise<T>): Promise<T> {
  const lab = new Lab('a', 'b');
  try {
    return await withFleet(async (fleet) => {
      const { url } = await fleet.hub(['--port', '0'], { HOST: '0.0.0.0' }, lab.within);
      const hub = `ws://${lab.gateway}:${new URL(url).port}`;
      const hosts = lab.hosts as readonly [Host, Host];
      const options = { hub, network: 'faults', args: ['--rtc', rtc] };
      const [a, b] = (await Promise.all(hosts.map(({ within }) => fleet.peers({ ...options, within })))).flat();
      must(a !== undefined && b !== undefined, 'two peers');
      await oneComponent([a, b]);
      const talk = new Talk(a, b);
      talk.start();
      await talk.heardAgain(SETTLE_MS);
      try {
        return await scenario({ lab, fleet, hosts, a, b, talk });
      } finally {
        talk.stop();
      }
    });
  } finally {
    lab.close();
  }
}

const disconnects = ({ a, b }: Stage): number =>
  [a, b].reduce((sum, { program }) => sum + program.of({ event: 'peer.disconnected' }).length, 0);

/** After the network is back: when it was in use, and that nothing was lost. The app must not have heard of it. */
async function recovered(stage: Stage, mayBreak = false): Promise<Figures> {
  const { firstMs, bothMs } = await stage.talk.heardAgain(IN_USE_WITHIN_MS * 4);
  const { sent, missed, acknowledged } = await stage.talk.settle(SETTLE_MS);
  must(mayBreak || disconnects(stage) === 0, 'the app was told that the link is lost');
  must(bothMs <= IN_USE_WITHIN_MS, `in use again after ${bothMs} ms only`);
  return { firstMs, bothMs, sent, missed, acknowledged };
}

/**
 * Nothing passes between the hosts for a while, nor (`hubToo`) to the hub. TCP is dropped as well: ICE takes to it where
 * UDP alone is cut.
 */
export const blackout = (rtc: string, ms: number, hubToo = false): Promise<Figures> =>
  between(rtc, async (stage) => {
    const { lab, talk } = stage;
    lab.drop(ALL, hubToo);
    // What was under way has arrived by then.
    await pause(500);
    const before = talk.heard;
    await pause(ms - 500);
    must(talk.heard === before, `${talk.heard - before} messages came through the blackout`);
    must(lab.dropped > 0, 'nothing was dropped');
    lab.heal();
    return recovered(stage);
  });

/** Packets of one direction only are dropped. */
export const oneWay = (rtc: string, ms: number): Promise<Figures> =>
  between(rtc, async (stage) => {
    const { lab, hosts } = stage;
    lab.drop(from(hosts[0]));
    await pause(ms);
    must(lab.dropped > 0, 'nothing was dropped');
    lab.heal();
    return recovered(stage);
  });

/** A share of all packets is lost: the link stands, everything comes, later. */
export const loss = (rtc: string, percent: number, ms: number): Promise<Figures> =>
  between(rtc, async (stage) => {
    const { lab, talk } = stage;
    lab.drop(lossOf(percent));
    const before = talk.heard;
    await pause(ms);
    const during = talk.heard - before;
    const dropped = lab.dropped;
    must(dropped > 0, 'nothing was dropped');
    // What was said is to arrive while packets are still lost.
    const { sent, missed, acknowledged } = await talk.settle(SETTLE_MS);
    must(disconnects(stage) === 0, 'the app was told that the link is lost');
    return { during, dropped, sent, missed, acknowledged };
  });

/** One host gets another address, and its old one is gone. */
export const readdress = (rtc: string): Promise<Figures> =>
  between(rtc, async (stage) => {
    stage.lab.readdress(stage.hosts[0]);
    // What was under way to the other end has arrived before it is listened to anew.
    await pause(200);
    return recovered(stage);
  });

/** A process is stopped so long that the other end gives it up, and goes on: it hears what was said meanwhile. */
export const stopped = (rtc: string, ms: number): Promise<Figures> =>
  between(rtc, async (stage) => {
    const { a, b } = stage;
    const { child } = a.program;
    child.kill('SIGSTOP');
    await pause(ms);
    child.kill('SIGCONT');
    const figures = await recovered(stage, true);
    const status = await ask(b, { cmd: 'status' });
    must(JSON.stringify(status['result']).includes('connected.healthy'), 'the link does not stand');
    return figures;
  });
