/**
 * Finds the browsers, or installs them where that is possible, before any test of the project starts. Where there is no
 * Chromium, each test that needs it fails with the same advice: a throw here would keep every other test from running. The
 * test in Firefox is skipped without it, and says why.
 */
import { chromiumPath } from './chromium.ts';
import { firefoxPath } from './firefox.ts';

function complain(error: unknown): string {
  const trouble = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${trouble}\n`);
  return trouble;
}

export default async function setup(): Promise<void> {
  try {
    process.env.CHROMIUM_PATH = await chromiumPath();
  } catch (error) {
    complain(error);
  }
  try {
    process.env.FIREFOX_PATH = await firefoxPath();
  } catch (error) {
    process.env.FIREFOX_TROUBLE = complain(error);
  }
}
