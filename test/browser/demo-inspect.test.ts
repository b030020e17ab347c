/**
 * Goal: the browser example of inspection works with any bundler's output: a click opens the inspector's window, and the
 * actors of the page's mesh with their live states arrive there. The Stately page itself is replaced by one that speaks
 * its handshake, so that the test needs no internet.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createHubActor } from '../../hub/index.ts';
import { staticFiles } from '../../runtime/cli/static-files.ts';
import { createMeshActor } from '../../runtime/index.ts';
import { type BuiltExample, buildExample } from './built-example.ts';

/** Says that it listens, as the Stately inspector does, and keeps what it is told. */
const INSPECTOR_PAGE = `<!doctype html><title>inspector</title><script>
  window.events = [];
  addEventListener('message', ({ data }) => window.events.push(data));
  opener.postMessage({ type: '@statelyai.connected' }, '*');
</script>`;

interface InspectorWindow {
  readonly events: readonly { type: string; sessionId: string; name?: string; snapshot?: { value?: unknown } }[];
}

let example: BuiltExample;

beforeAll(async () => {
  example = await buildExample('inspect');
});
afterAll(() => example.dispose());

test('a click opens the inspector, and the mesh shows in it, peers and states', async () => {
  const hub = createHubActor({ port: 0, http: staticFiles(example.folder) }).start();
  const { url, http } = await hub.listening();
  const other = createMeshActor({ signaling: url, network: 'inspected' }).start();
  const context = await example.browser.newContext();
  const errors: string[] = [];
  try {
    await context.route('https://stately.ai/**', (route) =>
      route.fulfill({ contentType: 'text/html', body: INSPECTOR_PAGE }),
    );
    const page = await context.newPage();
    // A page that fails must say so at once, rather than let the wait for its window run out.
    const failed = new Promise<never>((_, reject) => page.once('pageerror', reject));
    failed.catch((error: Error) => errors.push(String(error.stack ?? error)));
    await page.goto(`${http}/?hub=${encodeURIComponent(url)}`);
    const opened = context.waitForEvent('page');
    await page.click('button');
    const inspector = await Promise.race([opened, failed]);
    const peer = `peer:${other.peerId}`;
    await inspector.waitForFunction((name) => {
      const { events } = window as unknown as InspectorWindow; // our own page, above
      const id = events.find((event) => event.type === '@xstate.actor' && event.name === name)?.sessionId;
      const states = events.filter((event) => event.type === '@xstate.snapshot' && event.sessionId === id);
      return states.some(({ snapshot }) => JSON.stringify(snapshot?.value ?? '').includes('connected'));
    }, peer);
    await page.locator('output', { hasText: 'joined' }).waitFor();
    expect(errors).toEqual([]);
  } finally {
    await context.close();
    await other.leave();
    await hub.shutdown();
  }
});
