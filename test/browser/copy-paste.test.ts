/** Goal: two pages in a real browser link by nothing but texts copied from one to the other, as the example shows it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { staticFiles } from '../../runtime/cli/static-files.ts';
import { type BuiltExample, buildExample } from './built-example.ts';

let example: BuiltExample;

beforeAll(async () => {
  example = await buildExample('copy-paste');
});
afterAll(() => example.dispose());

/** Presses a button and gives the text that the page has then to hand over. */
async function textAfter(page: Page, button: string, heading: RegExp): Promise<string> {
  await page.click(button);
  await page.locator('#what', { hasText: heading }).waitFor();
  return page.inputValue('#mine');
}

test('two tabs link by copy and paste, and talk', async () => {
  const files = staticFiles(example.folder);
  const server = createServer((request, response) => {
    if (!files(request, response)) response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const [mine, yours] = [await example.browser.newContext(), await example.browser.newContext()];
  try {
    const errors: string[] = [];
    const open = async (context: typeof mine, hash = ''): Promise<Page> => {
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(String(error)));
      await page.goto(origin + hash);
      return page;
    };
    const ada = await open(mine);
    const invitation = await textAfter(ada, '#invite', /invitation/);
    // An invitation may come as a link.
    const bob = await open(yours, `#invite=${invitation}`);
    const offer = await textAfter(bob, '#accept', /Hand this back/);
    await ada.fill('#given', offer.slice(1));
    await ada.click('#accept');
    await ada.locator('#trouble', { hasText: /^BAD_/ }).waitFor();
    await ada.fill('#given', offer);
    const answer = await textAfter(ada, '#accept', /Hand this back/);
    await bob.fill('#given', answer);
    await bob.click('#accept');
    for (const page of [ada, bob]) await page.locator('#state', { hasText: /linked to [0-9a-f]{8}$/ }).waitFor();
    await bob.fill('#words', 'hello by paste');
    await bob.press('#words', 'Enter');
    await ada.locator('#said', { hasText: 'hello by paste' }).waitFor();
    expect(errors).toEqual([]);
  } finally {
    await mine.close();
    await yours.close();
    server.close();
  }
});
