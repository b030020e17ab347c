/**
 * Goal: what npm publishes works for a stranger: its types resolve, Node imports every entry, its command line starts, and
 * a bundler's output and the script-tag build run in a real browser.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import type { Browser } from 'playwright-core';
import { createLogger, build as viteBuild } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHubActor } from '../../hub/index.ts';
import { ROOT } from '../lint/source.ts';
import { launchChromium } from '../setup/chromium.ts';
import { type Consumer, createConsumer } from './consumer.ts';

const NODE_ENTRIES = [
  'xstate-mesh',
  'xstate-mesh/hub',
  'xstate-mesh/identity',
  'xstate-mesh/storage',
  'xstate-mesh/testing',
  'xstate-mesh/inspect',
  'xstate-mesh/adapters/memory',
  'xstate-mesh/adapters/simple-peer',
  'xstate-mesh/adapters/roamhq',
  'xstate-mesh/adapters/native',
  'xstate-mesh/adapters/node-datachannel',
  'xstate-mesh/adapters/websocket',
  'xstate-mesh/adapters/invitation',
];

let consumer: Consumer;
beforeAll(async () => {
  consumer = await createConsumer();
});
afterAll(() => consumer?.remove());

describe('the tarball', () => {
  it('holds what ships, and nothing else', () => {
    const { files } = consumer;
    for (const path of ['LICENSE', 'README.md', 'package.json', 'dist/runtime/index.js', 'dist/runtime/index.d.ts']) {
      expect(files, path).toContain(path);
    }
    expect(files.filter((path) => /^(?:test|examples|node_modules|\.)|\/\.|\.tgz$/.test(path))).toEqual([]);
  });

  it('maps every module back to a source that ships too', () => {
    const { files } = consumer;
    const modules = files.filter((path) => /^dist\/(?:machines|runtime|adapters|hub)\/.*\.js$/.test(path));
    expect(modules.length).toBeGreaterThan(20);
    const missing = modules.filter((path) => !files.includes(path.replace(/^dist\//, '').replace(/js$/, 'ts')));
    expect(missing).toEqual([]);
  });
});

describe('types', () => {
  const nodeFile = `${NODE_ENTRIES.map((name, i) => `import * as m${i} from '${name}';\nexport type M${i} = typeof m${i};`).join('\n')}
import { createMeshActor } from 'xstate-mesh';
const mesh = createMeshActor({ signaling: [], network: 'demo' });
mesh.on('message', ({ from, data, hops }) => [from.length, data, hops.toFixed()]);
// @ts-expect-error There is no such option.
createMeshActor({ signalling: [] });
`;
  const ours = (lines: readonly string[]) => lines.filter((line) => /xstate-mesh|^(?:app|\S*consumer)/.test(line));

  it('resolve under NodeNext', async () => {
    consumer.write('app.ts', nodeFile);
    const options = { module: 'NodeNext', target: 'ES2022', lib: ['ES2023', 'DOM'], types: ['node'] };
    expect(ours(await consumer.typeErrors(options, ['app.ts']))).toEqual([]);
  });

  it('resolve under a bundler, in a browser app without types of Node', async () => {
    consumer.write('app-browser.ts', `import { createMeshActor } from 'xstate-mesh';\ncreateMeshActor({}).start();\n`);
    const options = {
      module: 'ESNext',
      moduleResolution: 'Bundler',
      customConditions: ['browser'],
      target: 'ES2022',
      lib: ['ES2023', 'DOM', 'DOM.Iterable'],
      types: [],
    };
    expect(ours(await consumer.typeErrors(options, ['app-browser.ts']))).toEqual([]);
  });

  it('would show an import that does not resolve', async () => {
    consumer.write('app-bad.ts', `import 'xstate-mesh/nothing';\nexport {};\n`);
    const options = { module: 'NodeNext', target: 'ES2022', types: ['node'] };
    expect(await consumer.typeErrors(options, ['app-bad.ts'])).toHaveLength(1);
  });
});

describe('Node', () => {
  it.each(NODE_ENTRIES)('imports %s', async (name) => {
    const script = `console.log(Object.keys(await import('${name}')).length)`;
    const count = await consumer.run(process.execPath, '--input-type=module', '-e', script);
    expect(Number(count)).toBeGreaterThan(0);
  });

  it('makes a mesh actor with an id', async () => {
    const script = `import { createMeshActor } from 'xstate-mesh'; console.log(createMeshActor({ signaling: [] }).peerId)`;
    const id = await consumer.run(process.execPath, '--input-type=module', '-e', script);
    expect(id.trim()).toMatch(/^[0-9a-f]{40}$/);
  });

  it('runs the first example of the README as it stands, against a real hub, to its end', async () => {
    const example = /```js\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))?.[1] ?? '';
    expect(example).toContain("'ws://localhost:3000'");
    const hub = createHubActor({ port: 0 }).start();
    try {
      const { url } = await hub.listening();
      consumer.write('readme.mjs', example.replace('ws://localhost:3000', url));
      // Rejects when it exits with anything but 0.
      const printed = await consumer.run(process.execPath, 'readme.mjs');
      expect(printed).toMatch(/^broadcast [0-9a-f]{40} \{ hello: 'everyone' \}$/m);
      expect(printed).toMatch(/^direct [0-9a-f]{40} just you$/m);
      expect(printed).toMatch(/id: '[0-9a-f]{32}',\s+to: '[0-9a-f]{40}',\s+hops: 1,\s+ms: /);
      expect(hub.getPeers()).toEqual([]);
    } finally {
      await hub.shutdown();
    }
  });

  it('runs the example of invitations in docs/api.md, without any hub', async () => {
    const blocks = readFileSync(join(ROOT, 'docs/api.md'), 'utf8').matchAll(/```js\n(.*?)```/gs);
    const example = [...blocks].map(([, code = '']) => code).find((code) => code.includes('invitationSignaling')) ?? '';
    // As it stands but for its WebRTC: see GUEST in test/integration/invitation.test.ts.
    const rtc = `import { nativeRoamhqLinkPort } from 'xstate-mesh/adapters/roamhq';\n`;
    const linked = example.replace('signaling: [texts] }', 'signaling: [texts], rtc: nativeRoamhqLinkPort() }');
    expect(linked).not.toBe(example);
    consumer.write('invitations.mjs', rtc + linked);
    const printed = await consumer.run(process.execPath, 'invitations.mjs');
    expect(printed).toMatch(/id: '[0-9a-f]{32}',\s+to: '[0-9a-f]{40}',\s+hops: 1,\s+ms: /);
  });

  it('starts the command line', async () => {
    expect(await consumer.run('npx', '--no-install', 'xstate-mesh', '--help')).toContain('xstate-mesh');
  });
});

describe('browsers', () => {
  const MAIN = `import { createMeshActor } from 'xstate-mesh';
const mesh = createMeshActor({ signaling: [], network: 'demo' }).start();
document.title = mesh.peerId;
`;
  let browser: Browser;
  let server: Server;
  let origin: string;
  const warnings: string[] = [];

  beforeAll(async () => {
    consumer.write(
      'site/index.html',
      '<!doctype html><title>wait</title><script type="module" src="./main.js"></script>',
    );
    consumer.write('site/main.js', MAIN);
    const logger = createLogger('warn', { allowClearScreen: false });
    logger.warn = (message) => void warnings.push(message);
    logger.warnOnce = (message) => void warnings.push(message);
    await viteBuild({
      root: join(consumer.folder, 'site'),
      configFile: false,
      customLogger: logger,
      build: { outDir: join(consumer.folder, 'www'), emptyOutDir: true },
    });
    const script = join(consumer.folder, 'node_modules/xstate-mesh/dist/browser/xstate-mesh.global.js');
    consumer.write('www/global.js', readFileSync(script, 'utf8'));
    const tag = `document.title = XStateMesh.createMeshActor({ signaling: [], network: 'demo' }).start().peerId;`;
    consumer.write(
      'www/tag.html',
      `<!doctype html><title>wait</title><script src="./global.js"></script><script>${tag}</script>`,
    );
    server = await serve(join(consumer.folder, 'www'));
    origin = `http://localhost:${(server.address() as AddressInfo).port}`;
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it('get a bundle without a word of warning: no Node module, no polyfill', () => expect(warnings).toEqual([]));

  it.each(['index.html', 'tag.html'])('run %s', async (name) => {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => void errors.push(String(error)));
    page.on('console', (message) => void (message.type() === 'error' && errors.push(message.text())));
    await page.route('**/favicon.ico', (route) => route.fulfill({ status: 204 }));
    await page.goto(`${origin}/${name}`);
    await expect.poll(() => (errors.length > 0 ? errors : page.title()), { timeout: 10_000 }).toMatch(/^[0-9a-f]{40}$/);
    expect(errors).toEqual([]);
    await page.close();
  });
});

/** Serves a folder on a free port of the loopback. */
async function serve(folder: string): Promise<Server> {
  const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    try {
      const body = readFileSync(join(folder, pathname));
      response.writeHead(200, { 'content-type': types[extname(pathname)] ?? 'application/octet-stream' }).end(body);
    } catch {
      // Not there: say so, as any server does.
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => void server.listen(0, 'localhost', resolve));
  return server;
}
