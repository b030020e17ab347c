/**
 * A real Chromium for tests. Nothing is downloaded by playwright: the browser is that of `CHROMIUM_PATH`, of the system,
 * or (as root on Debian and its kin) the one that apt installs.
 */
import { type Browser, chromium, type LaunchOptions } from 'playwright-core';
import { browserPath } from './debian.ts';

const ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where Chromium is. Installs it by apt when this process may; otherwise rejects and says what to do. */
export const chromiumPath = (): Promise<string> =>
  browserPath({
    name: 'Chromium',
    package: 'chromium',
    variable: 'CHROMIUM_PATH',
    candidates: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  });

/** Starts Chromium, headless, with a fresh profile. The caller closes it: `await browser.close()`. */
export async function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  return chromium.launch({
    ...options,
    executablePath: await chromiumPath(),
    args: [...ARGS, ...(options.args ?? [])],
  });
}
