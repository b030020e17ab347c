/**
 * Finds Chromium, or installs it where that is possible, before any test of the project starts. Where there is none, each
 * test that needs it fails with the same advice: a throw here would keep every other test from running.
 */
import { chromiumPath } from './chromium.ts';

export default async function setup(): Promise<void> {
  try {
    process.env.CHROMIUM_PATH = await chromiumPath();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}
