/** Goal: in a real browser an identity outlives its page, leaves it only when it may, and is never in two tabs at once. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { servedPage } from './served-page.ts';

const { browser, open } = servedPage('identity-page.ts');

interface Shown {
  readonly peerId: string;
  readonly name: string;
  readonly isExclusive: boolean;
  readonly signs: boolean;
  readonly exported: string;
}

/** Opens an identity, or tells why not. */
const opened = (page: Page, options: object = {}): Promise<Shown> =>
  page.evaluate(async (given) => {
    try {
      const { identity, name, isExclusive, exportText } = await openIdentity(given);
      let exported = '';
      try {
        exported = exportText();
      } catch (error) {
        exported = (error as { code: string }).code;
      }
      return { peerId: identity.peerId, name, isExclusive, signs: await signs(identity), exported };
    } catch (error) {
      return { peerId: '', name: (error as { code: string }).code, isExclusive: false, signs: false, exported: '' };
    }
  }, options);

test('an identity outlives its page, its secret stays in the browser, and a second tab gets another one', async () => {
  const context = await browser().newContext();
  const page = await open(context);
  const first = await opened(page);
  expect(first).toMatchObject({ name: 'default', isExclusive: true, signs: true, exported: 'BAD_IDENTITY' });
  const tab = await open(context);
  const second = await opened(tab);
  expect(second).toMatchObject({ name: 'default~2', isExclusive: true, signs: true });
  expect(second.peerId).not.toBe(first.peerId);
  expect(await opened(tab, { ifUsed: 'fail' })).toMatchObject({ name: 'IDENTITY_IN_USE' });
  await page.reload();
  await page.waitForFunction(() => document.title === 'ready');
  expect(await opened(page)).toEqual(first);
  expect(await opened(tab, { name: 'work' })).toMatchObject({ name: 'work', signs: true });
  await context.close();
});

test('an identity moves to another browser as text, when it was made for that', async () => {
  const [here, there] = [await browser().newContext(), await browser().newContext()];
  const [mine, yours] = [await open(here), await open(there)];
  const first = await opened(mine, { exportable: true });
  expect(JSON.parse(first.exported)).toMatchObject({ peerId: first.peerId });
  const moved = await opened(yours, { importText: first.exported });
  // The browser keeps the key now, and shows it to nobody.
  expect(moved).toMatchObject({ peerId: first.peerId, signs: true, exported: 'BAD_IDENTITY' });
  expect(await opened(mine, { name: 'other' })).toMatchObject({ signs: true });
  expect(await opened(mine, { name: 'third', importText: '{"secretKey":"x"}' })).toMatchObject({
    name: 'BAD_IDENTITY',
  });
  for (const context of [here, there]) await context.close();
});

test('without WebCrypto and Web Locks, as on an insecure origin, there is a seed, and no promise that it is alone', async () => {
  const context = await browser().newContext();
  await context.addInitScript(() => {
    Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined });
    Object.defineProperty(Navigator.prototype, 'locks', { value: undefined });
  });
  const page = await open(context);
  const first = await opened(page);
  expect(first).toMatchObject({ name: 'default', isExclusive: false, signs: true });
  expect(JSON.parse(first.exported)).toMatchObject({ peerId: first.peerId });
  await page.reload();
  await page.waitForFunction(() => document.title === 'ready');
  expect(await opened(page)).toEqual(first);
  await context.close();
});
