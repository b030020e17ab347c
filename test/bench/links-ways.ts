/** The ways that benches send by: a bare data channel, the adapter alone, two meshes; and how fast one is. */
import { createMeshActor, type MeshActor } from '../../runtime/create-mesh.ts';
import type { Link } from '../../runtime/ports/link.ts';
import { bareClass, openBare, openLinks, portOf } from './links-ends.ts';

/** A way to send frames of one end to the other. */
export interface Way {
  send(bytes: Uint8Array): void;
  /** Called with each frame that arrives. */
  arrived: () => void;
  /** Sends a frame of 64 B to the other end and gets one back. */
  pingPong(): Promise<void>;
  close(): Promise<void>;
}

export async function bareWay(implementation: string): Promise<Way> {
  const pair = await openBare(await bareClass(implementation));
  const [from, to] = pair.channels;
  const echo = new Uint8Array(64);
  let isPinging = false;
  const way: Way = {
    send: (bytes) => from.send(bytes as Uint8Array<ArrayBuffer>),
    arrived: () => undefined,
    pingPong: () =>
      new Promise((resolve) => {
        isPinging = true;
        from.onmessage = () => resolve();
        from.send(echo);
      }),
    close: async () => pair.close(),
  };
  to.onmessage = () => {
    if (isPinging) to.send(echo);
    else way.arrived();
  };
  return way;
}

export async function adapterWay(implementation: string): Promise<Way> {
  let back: (() => void) | undefined;
  let right: Link | undefined;
  const echo = new Uint8Array(64);
  const ends = await openLinks(portOf(implementation), (side) => {
    if (side === 'left') back?.();
    else if (back !== undefined) right?.send(echo);
    else way.arrived();
  });
  const { left } = ends;
  right = ends.right;
  const way: Way = {
    send: (bytes) => {
      if (!left.send(bytes)) throw new Error('The link did not take a frame');
    },
    arrived: () => undefined,
    pingPong: () =>
      new Promise((resolve) => {
        back = resolve;
        left.send(echo);
      }),
    close: () => ends.close(),
  };
  return way;
}

const linked = (mesh: MeshActor): Promise<unknown> => new Promise((resolve) => mesh.on('peer.connected', resolve));

/** How a mesh of two says something to the other: told alone, or broadcast. */
export type Saying = 'told' | 'broadcast';

export async function meshWay(
  implementation: string,
  url: string,
  network: string,
  options: { readonly saying: Saying; readonly signing: boolean },
): Promise<Way> {
  const { saying, signing } = options;
  const rtc = portOf(implementation);
  const [a, b] = [0, 1].map(() => createMeshActor({ signaling: url, network, rtc, signing })) as [MeshActor, MeshActor];
  const links = [linked(a), linked(b)];
  await Promise.all([a.start().joined(), b.start().joined()]);
  await Promise.all(links);
  let back: (() => void) | undefined;
  const echo = new Uint8Array(64);
  const say = (mesh: MeshActor, to: string, bytes: Uint8Array): void => {
    if (saying === 'told') mesh.tell(to, bytes);
    else mesh.broadcast(bytes);
  };
  const [idA, idB] = [a.peerId, b.peerId];
  const way: Way = {
    send: (bytes) => say(a, idB, bytes),
    arrived: () => undefined,
    pingPong: () =>
      new Promise((resolve) => {
        back = resolve;
        say(a, idB, echo);
      }),
    close: async () => {
      await Promise.all([a.leave(), b.leave()]);
      rtc.dispose?.();
    },
  };
  const event = saying === 'told' ? 'told' : 'message';
  a.on(event, () => back?.());
  b.on(event, () => {
    if (back !== undefined) say(b, idA, echo);
    else way.arrived();
  });
  return way;
}

const WINDOW_BYTES = 1_048_576;
const WINDOW_MESSAGES = 4_096;

/** Sends `count` frames of `size`, so many at a time as fit the window. Resolves with frames a second. */
export async function rate(way: Way, size: number, count: number): Promise<number> {
  const frame = new Uint8Array(size).fill(7);
  const window = Math.min(WINDOW_MESSAGES, Math.floor(WINDOW_BYTES / size));
  let sent = 0;
  let arrived = 0;
  let done: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const more = (): void => {
    while (sent < count && sent - arrived < window) {
      way.send(frame);
      sent++;
    }
  };
  way.arrived = () => {
    arrived++;
    if (arrived === count) done();
    // A quarter of the window at a time: nobody sends one by one.
    else if (sent - arrived <= window * 0.75) more();
  };
  const startMs = performance.now();
  more();
  await all;
  return count / ((performance.now() - startMs) / 1_000);
}
