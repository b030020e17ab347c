/**
 * The page of the browser's contract runs: the adapters as an app would bundle them, the contract suites, and one link
 * that the test drives from outside. What the page needs of Node comes through exposed functions.
 */
import { defaultSignalingPort } from '../../adapters/default.browser.ts';
import { nativeLinkPort } from '../../adapters/webrtc-native.browser.ts';
import { simplePeerLinkPort } from '../../adapters/webrtc-simple-peer.browser.ts';
import { type Link, LinkError, type LinkPort } from '../../runtime/ports/link.ts';
import type { LinkSignal } from '../../runtime/ports/signaling.ts';
import { linkPortContract } from '../contract/link-port.contract.ts';
import { signalingPortContract } from '../contract/signaling-port.contract.ts';

/** What a driven link heard so far; frames as numbers, since they cross to Node as JSON. */
export interface Heard {
  signals: LinkSignal[];
  frames: number[][];
  opens: number;
  closes: number;
  error: string | undefined;
}

export interface ContractPage {
  /** Titles of the cases, links first. */
  readonly titles: readonly string[];
  run(title: string): Promise<void>;
  open(adapter: Adapter, initiator: boolean): void;
  signal(signal: LinkSignal): void;
  send(frames: readonly number[][]): boolean[];
  close(): void;
  heard(): Heard;
  /** Opens and closes `count` pairs of links, one after the other. */
  churn(adapter: Adapter, count: number): Promise<number>;
  /** Opens links, and keeps them, until the browser allows no more: how many, and what the next one ended with. Cuts them all. */
  exhaust(): Promise<{ readonly opened: number; readonly code: string }>;
}

export type Adapter = 'native' | 'simple-peer';

declare global {
  var contractPage: ContractPage;
  function hubStart(): Promise<string>;
  function hubStop(url: string): Promise<void>;
  function hubConnections(url: string): Promise<number>;
}

const cases = new Map<string, () => Promise<void>>();
let suite = '';
const runner = {
  describe: (name: string, body: () => void) => {
    suite = name;
    body();
  },
  it: (title: string, body: () => Promise<void>) => {
    cases.set(`${suite}: ${title}`, body);
  },
};

const turns = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve, 0));
};

const ports: Readonly<Record<Adapter, LinkPort>> = { native: nativeLinkPort(), 'simple-peer': simplePeerLinkPort() };
for (const [left, right] of [
  ['native', 'native'],
  ['simple-peer', 'simple-peer'],
  ['native', 'simple-peer'],
] as const) {
  const dispose = (): void => {
    for (const port of Object.values(ports)) port.dispose?.();
  };
  linkPortContract(
    `${left} to ${right}`,
    () => ({ left: ports[left], right: ports[right], settle: turns, hasLanes: right === 'native', dispose }),
    runner,
  );
}

signalingPortContract(
  'browser',
  async () => {
    const url = await hubStart();
    let connections = 0;
    const step = async (): Promise<void> => {
      connections = await hubConnections(url);
    };
    return {
      port: defaultSignalingPort(url),
      breakDown: () => hubStop(url),
      step,
      settle: turns,
      leaks: () => connections,
      dispose: () => hubStop(url),
    };
  },
  runner,
);

let link: Link | undefined;
const heard: Heard = { signals: [], frames: [], opens: 0, closes: 0, error: undefined };
const LEFT = '11'.repeat(20);
const RIGHT = 'ee'.repeat(20);

function churnOnce(port: LinkPort): Promise<void> {
  return new Promise((resolve, reject) => {
    let left: Link | undefined;
    let right: Link | undefined;
    let closes = 0;
    const handlers = (other: () => Link | undefined, onOpen: () => void) => ({
      onSignal: (signal: LinkSignal) => other()?.signal(signal),
      onOpen,
      onFrame: () => undefined,
      onDrain: () => undefined,
      onConnectivity: () => undefined,
      onClosed: (error?: Error) => {
        if (error !== undefined) reject(error);
        if (++closes === 2) resolve();
      },
    });
    const ids = { local: LEFT, remote: RIGHT };
    left = port.open(
      { ...ids, initiator: true },
      handlers(
        () => right,
        () => left?.close(),
      ),
    );
    right = port.open(
      { ...ids, initiator: false },
      handlers(
        () => left,
        () => undefined,
      ),
    );
  });
}

async function exhaust(): Promise<{ readonly opened: number; readonly code: string }> {
  const silent = { onSignal: () => undefined, onOpen: () => undefined, onFrame: () => undefined };
  for (let opened = 0; opened < 1_000; opened++) {
    const error = await new Promise<Error | undefined>((resolve) => {
      const options = { local: LEFT, remote: RIGHT, initiator: true };
      const handlers = { onDrain: () => undefined, onConnectivity: () => undefined, onClosed: resolve };
      ports.native.open(options, { ...silent, ...handlers, onSignal: () => resolve(undefined) });
    });
    if (error === undefined) continue;
    ports.native.dispose?.();
    return { opened, code: error instanceof LinkError ? error.code : error.name };
  }
  throw new Error('There is no end to it');
}

globalThis.contractPage = {
  titles: [...cases.keys()],
  run: (title) => (cases.get(title) ?? (() => Promise.reject(new Error(`No case ${title}`))))(),
  open: (adapter, initiator) => {
    link = ports[adapter].open(
      { local: initiator ? LEFT : RIGHT, remote: initiator ? RIGHT : LEFT, initiator },
      {
        onSignal: (signal) => heard.signals.push(signal),
        onOpen: () => {
          heard.opens++;
        },
        onFrame: (frame) => heard.frames.push([...frame]),
        onDrain: () => undefined,
        onConnectivity: () => undefined,
        onClosed: (error) => {
          heard.closes++;
          heard.error = error?.message;
        },
      },
    );
  },
  signal: (signal) => link?.signal(signal),
  send: (frames) => frames.map((frame) => link?.send(Uint8Array.from(frame)) ?? false),
  close: () => link?.close(),
  heard: () => heard,
  churn: async (adapter, count) => {
    for (let i = 0; i < count; i++) await churnOnce(ports[adapter]);
    return count;
  },
  exhaust,
};
