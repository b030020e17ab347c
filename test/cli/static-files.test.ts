/** Goal: the page's files are served with the right headers, and nothing outside their folder ever is. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { staticFiles } from '../../runtime/cli/static-files.ts';

let folder = '';
let port = 0;
let hook: ReturnType<typeof staticFiles>;
const server = createServer((incoming, response) => {
  if (!hook(incoming, response)) response.writeHead(404).end('hub');
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'page-'));
  const page = join(folder, 'page');
  await mkdir(join(page, 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'secret');
  await writeFile(join(page, 'index.html'), '<h1>page</h1>');
  await writeFile(join(page, '.hidden'), 'hidden');
  await writeFile(join(page, 'assets', 'main-Ab12Cd34.js'), 'void 0');
  await symlink(join(folder, 'secret.txt'), join(page, 'link.txt'));
  hook = staticFiles(page);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  port = (server.address() as AddressInfo).port;
});

afterAll(async () => {
  await new Promise((closed) => server.close(closed));
  await rm(folder, { recursive: true });
});

/** Raw, because `fetch` would tidy up the paths that matter here. */
function get(path: string, options: { method?: string; headers?: Record<string, string> } = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
    })
      .on('error', reject)
      .end();
  });
}

it('serves the page, its assets for ever, and a check for change', async () => {
  const page = await get('/?name=x');
  expect(page).toMatchObject({ status: 200, body: '<h1>page</h1>' });
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
  });
  const asset = await get('/assets/main-Ab12Cd34.js');
  expect(asset.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  });
  expect(await get('/', { headers: { 'if-none-match': String(page.headers['etag']) } })).toMatchObject({ status: 304 });
  expect(await get('/index.html', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
});

it.each([
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/assets/../../secret.txt',
  '/..%5csecret.txt',
  '//secret.txt',
  '/link.txt',
  '/.hidden',
  '/assets',
  '/assets/',
  '/index.html%00.js',
  '/%zz',
  '/health',
  `/${'a'.repeat(5_000)}`,
])('leaves %s to the hub', async (path) => {
  expect(await get(path)).toMatchObject({ status: 404, body: 'hub' });
});

it('leaves other methods to the hub', async () => {
  expect(await get('/', { method: 'POST' })).toMatchObject({ status: 404 });
});
