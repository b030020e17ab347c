/**
 * Serves the files of one folder over HTTP: the demo page. Reads only regular files inside the folder, whatever the path
 * in the request says, and has no directory listing.
 */
import { createReadStream, realpathSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
};

/** A file whose name carries a hash of its content, as Vite names assets. */
const HASHED = /-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/;
const PATH_CHARS_MAX = 1_024;

/** The path inside the folder that a request's URL names; undefined for anything that is no plain path. Pure. */
export function requestedPath(url: string): string | undefined {
  if (url.length > PATH_CHARS_MAX) return undefined;
  const [raw = ''] = url.split(/[?#]/, 1);
  let path: string;
  try {
    path = decodeURIComponent(raw);
  } catch {
    // Broken percent-encoding names nothing.
    return undefined;
  }
  if (!path.startsWith('/') || /[\0\\]/.test(path)) return undefined;
  const parts = path.split('/').slice(1);
  if (parts.some((part, index) => part.startsWith('.') || (part === '' && index < parts.length - 1))) return undefined;
  return path.endsWith('/') ? `${path.slice(1)}index.html` : path.slice(1);
}

/** Hashed names never change their content; all others are asked for again each time. Pure. */
export const cacheControl = (path: string): string =>
  HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache';

/**
 * A handler for GET and HEAD that says at once whether it took the request: it leaves unknown paths to others. It looks at
 * the file synchronously, because the hub wants its answer in the same turn; only the content is streamed.
 */
export function staticFiles(folder: string): (request: IncomingMessage, response: ServerResponse) => boolean {
  return (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return false;
    const path = requestedPath(request.url ?? '');
    if (path === undefined) return false;
    const found = findFile(folder, path);
    if (found === undefined) return false;
    const headers = {
      'content-type': CONTENT_TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream',
      'content-length': found.bytes,
      'cache-control': cacheControl(path),
      'x-content-type-options': 'nosniff',
      etag: found.etag,
    };
    if (request.headers['if-none-match'] === found.etag) {
      response.writeHead(304, { etag: found.etag, 'cache-control': headers['cache-control'] }).end();
      return true;
    }
    response.writeHead(200, headers);
    if (request.method === 'HEAD') response.end();
    else send(found.file, response);
    return true;
  };
}

function findFile(folder: string, path: string) {
  try {
    const root = realpathSync(folder);
    const file = realpathSync(join(root, path));
    // A symbolic link may point out of the folder: what counts is where the file really is.
    if (!file.startsWith(root + sep)) return undefined;
    const about = statSync(file);
    if (!about.isFile()) return undefined;
    return { file, bytes: about.size, etag: `"${about.size.toString(36)}-${Math.floor(about.mtimeMs).toString(36)}"` };
  } catch {
    // No such file, or not readable: somebody else may answer the request.
    return undefined;
  }
}

function send(file: string, response: ServerResponse): void {
  const stream = createReadStream(file);
  // The headers are out: a read error can only cut the connection.
  stream.on('error', () => response.destroy());
  response.on('close', () => stream.destroy());
  stream.pipe(response);
}
