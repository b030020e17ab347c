/**
 * The environment of a Node process: addresses that vanish or come back, and times in which it did not run (a stopped
 * process, a machine asleep). Node tells of neither, so that both are looked at once a second.
 */
import { networkInterfaces } from 'node:os';
import { Observable, share } from 'rxjs';
import type { EnvironmentChange, EnvironmentPort } from '../runtime/ports/environment.ts';
import { Beat, realTime, type Time } from './environment-beat.ts';

export interface NodeEnvironmentOptions {
  readonly time?: Time;
  readonly interfaces?: typeof networkInterfaces;
}

/** Addresses by which others may reach us. Link-local ones of IPv6 come with every interface and say nothing. */
function addressesOf(interfaces: typeof networkInterfaces): Set<string> {
  const found = new Set<string>();
  for (const [name, addresses = []] of Object.entries(interfaces())) {
    for (const { internal, address } of addresses) {
      if (!internal && !address.startsWith('fe80:')) found.add(`${name} ${address}`);
    }
  }
  return found;
}

/** A network that had addresses and lost one, or had none and got one, is cut; one more address is only a change. */
function changeOf(before: ReadonlySet<string>, now: ReadonlySet<string>): EnvironmentChange | undefined {
  const isLost = [...before].some((address) => !now.has(address));
  const isFound = [...now].some((address) => !before.has(address));
  if (!isLost && !isFound) return undefined;
  return { type: 'network', cut: isLost || before.size === 0 };
}

export function nodeEnvironment(options: NodeEnvironmentOptions = {}): EnvironmentPort {
  const { time = realTime, interfaces = networkInterfaces } = options;
  const changes = new Observable<EnvironmentChange>((subscriber) => {
    let addresses = addressesOf(interfaces);
    const beat = new Beat(() => {
      const awayMs = beat.awayMs();
      if (awayMs > 0) subscriber.next({ type: 'woke', awayMs });
      const before = addresses;
      addresses = addressesOf(interfaces);
      const change = changeOf(before, addresses);
      if (change !== undefined) subscriber.next(change);
    }, time);
    return () => beat.stop();
  });
  return { changes: changes.pipe(share()) };
}

/** The one of this process. */
export const processEnvironment: EnvironmentPort = nodeEnvironment();
