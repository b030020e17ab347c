/** Finds Chromium, or installs it where that is possible, before any test of the project starts. */
import { chromiumPath } from './chromium.ts';

export default async function setup(): Promise<void> {
  process.env.CHROMIUM_PATH = await chromiumPath();
}
