/**
 * What a hub answers over plain HTTP: health, figures, hubs. Everything else goes to the operator's hook, or is a 404.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { HubsStats } from './federation/status.ts';
import type { HttpHook, HubSettings } from './options.ts';

/** The figures of a hub. */
export interface HubStats {
  readonly state: string;
  readonly uptimeMs: number;
  /** Sockets. */
  readonly connections: number;
  /** Announced peers, hubs among them. */
  readonly peers: number;
  /** Peers that announced themselves as hubs. */
  readonly hubs: number;
  readonly networks: number;
  /** Counts since the start. */
  readonly counters: Readonly<Record<string, unknown>>;
}

export interface HttpSources {
  stats(): HubStats;
  hubs(): readonly unknown[];
  hubsStats(): HubsStats;
  readonly hook: HttpHook | undefined;
  /** A hook threw. */
  hookFailed(error: unknown): void;
}

function corsHeaders(settings: HubSettings, origin: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {
    'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS',
    'Access-Control-Allow-Headers': 'Content-Type, Authorization',
  };
  if (settings.origins === undefined) headers['Access-Control-Allow-Origin'] = '*';
  else {
    headers['Vary'] = 'Origin';
    if (origin !== undefined && settings.origins.has(origin.toLowerCase()))
      headers['Access-Control-Allow-Origin'] = origin;
  }
  return headers;
}

function bodyOf(path: string, sources: HttpSources): object | undefined {
  const timestamp = new Date().toISOString();
  switch (path) {
    case '/health': {
      const { state, uptimeMs, connections, peers, hubs, networks } = sources.stats();
      const status = state === 'listening' ? 'healthy' : state;
      const uptime = uptimeMs / 1_000;
      return {
        status,
        timestamp,
        uptime,
        isHub: sources.hubsStats().isHub,
        connections,
        peers,
        hubs,
        networks,
        memory: process.memoryUsage(),
      };
    }
    case '/stats':
      return { timestamp, ...sources.stats() };
    case '/hubs': {
      const hubs = sources.hubs();
      return { timestamp, totalHubs: hubs.length, hubs };
    }
    case '/hubstats':
      return { timestamp, ...sources.hubsStats() };
    default:
      return undefined;
  }
}

export function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  settings: HubSettings,
  sources: HttpSources,
): void {
  const headers = corsHeaders(settings, request.headers.origin);
  const reply = (status: number, body?: object): void => {
    const text = body === undefined ? '' : JSON.stringify(body);
    response.writeHead(status, {
      ...headers,
      ...(body === undefined ? {} : { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' }),
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  if (request.method === 'OPTIONS') return reply(200);
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  const body = bodyOf(path, sources);
  if (body !== undefined) {
    if (request.method === 'GET' || request.method === 'HEAD') return reply(200, body);
    return reply(405, { code: 'METHOD_NOT_ALLOWED', error: `${path} answers GET.` });
  }
  try {
    if (sources.hook?.(request, response) === true) return;
  } catch (error) {
    sources.hookFailed(error);
    if (response.headersSent) response.destroy();
    else reply(500, { code: 'INTERNAL', error: 'This request could not be handled.' });
    return;
  }
  if (!response.headersSent)
    reply(404, { code: 'NOT_FOUND', error: 'No such page: /health, /stats, /hubs and /hubstats are here.' });
}
