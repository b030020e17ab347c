/**
 * What a hub answers over plain HTTP: how it is, figures, hubs, tickets. Everything else goes to the operator's hook, or
 * is a 404.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isPeerId } from '../machines/shared/ids.ts';
import type { Access } from './access.ts';
import { tokenOf } from './admission.core.ts';
import type { HubsStats } from './federation/status.ts';
import { healthOf, readinessOf, type Vitals } from './health.core.ts';
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

/** A text of Prometheus' format, or the same as JSON. */
export interface MetricsSource {
  readonly contentType: string;
  text(): Promise<string>;
  json(): Promise<object>;
}

export interface HttpSources {
  stats(): HubStats;
  hubs(): readonly unknown[];
  hubsStats(): HubsStats;
  vitals(): Vitals;
  /** Loaded when it is first asked for. */
  metrics(): Promise<MetricsSource>;
  readonly hook: HttpHook | undefined;
  /** A hook or a page of ours threw. */
  failed(what: string, error: unknown): void;
}

interface Answer {
  readonly status: number;
  readonly body?: object | string;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function corsHeaders(settings: HubSettings, origin: string | undefined): Record<string, string> {
  const headers: Record<string, string> = {
    'Access-Control-Allow-Methods': 'GET, HEAD, POST, OPTIONS',
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

function health(sources: HttpSources): Answer {
  const { state, uptimeMs, connections, peers, hubs, networks } = sources.stats();
  const checks = healthOf(sources.vitals());
  const isWell = checks.every(({ ok }) => ok);
  const status = !isWell ? 'unhealthy' : state === 'listening' ? 'healthy' : state;
  const { isHub, mesh, connectedHubs, totalHubs, hubSockets } = sources.hubsStats();
  const body = {
    status,
    timestamp: new Date().toISOString(),
    uptime: uptimeMs / 1_000,
    isHub,
    connections,
    peers,
    hubs,
    networks,
    hubMesh: { ...mesh, connectedHubs, totalHubs, hubSockets },
    checks,
    memory: process.memoryUsage(),
  };
  return { status: isWell ? 200 : 503, body };
}

function readiness(sources: HttpSources): Answer {
  const checks = readinessOf(sources.vitals());
  const isReady = checks.every(({ ok }) => ok);
  const retry = isReady ? {} : { headers: { 'Retry-After': '5' } };
  return { status: isReady ? 200 : 503, body: { ready: isReady, checks }, ...retry };
}

async function metrics(sources: HttpSources, accept: string | undefined): Promise<Answer> {
  const source = await sources.metrics();
  if (accept?.includes('application/json') === true) return { status: 200, body: await source.json() };
  return { status: 200, body: await source.text(), contentType: source.contentType };
}

/** Pages that answer GET. */
function pageOf(path: string, sources: HttpSources, accept: string | undefined): Answer | Promise<Answer> | undefined {
  const timestamp = new Date().toISOString();
  switch (path) {
    case '/health':
      return health(sources);
    case '/ready':
      return readiness(sources);
    case '/metrics':
      return metrics(sources, accept);
    case '/stats':
      return { status: 200, body: { timestamp, ...sources.stats() } };
    case '/hubs': {
      const hubs = sources.hubs();
      return { status: 200, body: { timestamp, totalHubs: hubs.length, hubs } };
    }
    case '/hubstats':
      return { status: 200, body: { timestamp, ...sources.hubsStats() } };
    default:
      return undefined;
  }
}

/** `POST /ticket[?peerId=…]` with the token: a word that stands for it once. */
function ticket(request: IncomingMessage, access: Access): Answer {
  if (request.method !== 'POST') return notAllowed('/ticket', 'POST');
  if (!access.wantsToken) {
    return { status: 404, body: { code: 'NOT_FOUND', error: 'This hub asks for no token, and has no tickets.' } };
  }
  // Not by the query: it would stand in logs, as the token of a socket may.
  if (!access.isTokenRight(tokenOf(request.headers.authorization, { token: undefined }))) {
    return { status: 401, body: { code: 'UNAUTHORIZED', error: 'Authorization: Bearer … is missing or wrong.' } };
  }
  const peerId = new URLSearchParams(request.url?.split('?')[1]).get('peerId') ?? undefined;
  if (peerId !== undefined && !isPeerId(peerId)) {
    return { status: 400, body: { code: 'BAD_PEER_ID', error: 'peerId has 40 lower-case hex digits.' } };
  }
  const issued = access.issueTicket(peerId);
  if (issued !== undefined) return { status: 200, body: issued };
  return { status: 503, body: { code: 'RATE_LIMITED', error: 'Too many tickets are out.' } };
}

const notAllowed = (path: string, method: string): Answer => ({
  status: 405,
  body: { code: 'METHOD_NOT_ALLOWED', error: `${path} answers ${method}.` },
  headers: { Allow: method },
});

const FAILED: Answer = { status: 500, body: { code: 'INTERNAL', error: 'This request could not be handled.' } };
const MISSING: Answer = {
  status: 404,
  body: {
    code: 'NOT_FOUND',
    error: 'No such page: /health, /ready, /metrics, /stats, /hubs and /hubstats are here.',
  },
};

export function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  settings: HubSettings,
  sources: HttpSources,
  access: Access,
): void {
  const reply = ({ status, body, contentType, headers }: Answer): void => {
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const type = contentType ?? 'application/json; charset=utf-8';
    response.writeHead(status, {
      ...corsHeaders(settings, request.headers.origin),
      ...(body === undefined ? {} : { 'Content-Type': type, 'Cache-Control': 'no-store' }),
      ...headers,
      'Content-Length': Buffer.byteLength(text),
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  };
  const fail = (what: string, error: unknown): void => {
    sources.failed(what, error);
    if (response.headersSent) response.destroy();
    else reply(FAILED);
  };
  if (request.method === 'OPTIONS') return reply({ status: 200 });
  const path = (request.url ?? '/').split('?')[0] ?? '/';
  if (path === '/ticket') return reply(ticket(request, access));
  const page = pageOf(path, sources, request.headers.accept);
  if (page !== undefined) {
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply(notAllowed(path, 'GET'));
    void Promise.resolve(page).then(reply, (error: unknown) => fail(`The page ${path}`, error));
    return;
  }
  try {
    if (sources.hook?.(request, response) === true) return;
  } catch (error) {
    return fail('The http hook', error);
  }
  if (!response.headersSent) reply(MISSING);
}
