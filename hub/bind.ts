/**
 * Binding the addresses of a host name. `localhost` means both loopback addresses on one port, because clients resolve
 * it to either.
 */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { MeshError } from '../runtime/errors.ts';

/**
 * Connections that wait to be taken; the system may allow fewer. Beyond it the system drops what comes, and an honest newcomer tries again
 * after a second. Node takes one in a turn, some 10 us for one that is refused, so that whoever comes last waits for 20 ms.
 */
const HUB_BACKLOG = 2_048;
/** With port 0 the port that one address gave may be taken on the other: then another one is tried. */
const FREE_PORT_TRIES = 10;
/** The machine has no such address; the other one will do. */
const ABSENT = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']);

export interface Bound {
  readonly servers: readonly Server[];
  readonly port: number;
  /** As it stands in a URL: `127.0.0.1`, `[::1]`, a name. */
  readonly urlHost: string;
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host, backlog: HUB_BACKLOG }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const closeAll = (servers: readonly Server[]): void => {
  for (const server of servers) server.close();
};

function asMeshError(error: unknown, host: string, port: number): MeshError {
  if (error instanceof MeshError) return error;
  const code = codeOf(error);
  if (code === 'EADDRINUSE') {
    return new MeshError(
      'ADDRESS_IN_USE',
      `Port ${port} of ${host} is taken; choose another one, or 0 for a free one.`,
      {
        cause: error,
      },
    );
  }
  return new MeshError('BAD_OPTION', `${host}:${port} cannot be bound (${code}).`, { cause: error });
}

async function bindLoopback(create: () => Server, port: number): Promise<Bound> {
  const bound: { server: Server; urlHost: string }[] = [];
  let chosen = port;
  let absent: unknown;
  for (const [host, urlHost] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '[::1]'],
  ] as const) {
    const server = create();
    try {
      chosen = await listen(server, chosen, host);
      bound.push({ server, urlHost });
    } catch (error) {
      if (!ABSENT.has(codeOf(error))) {
        closeAll(bound.map((entry) => entry.server));
        throw error;
      }
      absent = error;
    }
  }
  const first = bound[0];
  if (first === undefined) throw absent;
  return { servers: bound.map((entry) => entry.server), port: chosen, urlHost: first.urlHost };
}

/** The host as a URL needs it. An address that means "all" is shown as the loopback one, which can be dialed. */
function urlHostOf(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

/** Listens; `create` makes one server for each address. Rejects with ADDRESS_IN_USE, or BAD_OPTION for a wrong host. */
export async function bind(create: () => Server, host: string, port: number): Promise<Bound> {
  for (let tries = FREE_PORT_TRIES; ; tries--) {
    try {
      if (host.toLowerCase() === 'localhost') return await bindLoopback(create, port);
      const server = create();
      return { servers: [server], port: await listen(server, port, host), urlHost: urlHostOf(host) };
    } catch (error) {
      if (port === 0 && tries > 1 && codeOf(error) === 'EADDRINUSE') continue;
      throw asMeshError(error, host, port);
    }
  }
}
