/** An example's page as any bundler makes it, from the sources, and the Chromium that opens it; both for one test file. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { build, defaultClientConditions } from 'vite';
import { launchChromium } from '../setup/chromium.ts';

export interface BuiltExample {
  readonly folder: string;
  readonly browser: Browser;
  dispose(): Promise<void>;
}

/** @param name a folder of `examples` */
export async function buildExample(name: string): Promise<BuiltExample> {
  const folder = await mkdtemp(join(tmpdir(), `${name}-`));
  await build({
    root: fileURLToPath(new URL(`../../examples/${name}`, import.meta.url)),
    base: './',
    configFile: false,
    logLevel: 'warn',
    resolve: { conditions: ['xstate-mesh-source', ...defaultClientConditions] },
    build: { target: 'es2022', outDir: folder, emptyOutDir: true },
  });
  const browser = await launchChromium();
  return {
    folder,
    browser,
    async dispose() {
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
