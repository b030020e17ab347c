/**
 * Runs every test of the project, one vitest project a kind. `unit` takes every folder of test/ that no other project
 * names, so that a new folder is never left out. Sources are tested as they are (condition `xstate-mesh-source`); only
 * tests that start the command line, the browser or the package need `dist`, which their global setup builds when stale.
 */
import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

const folders = (...names: string[]): string[] => names.map((name) => `test/${name}/**/*.test.ts`);

const CONTRACT = folders('contract');
const INTEGRATION = folders('integration', 'hub', 'cli', 'examples');
const BROWSER = folders('browser');
const LINT = folders('lint');
const PACKAGE = folders('package');
const DIST = './test/setup/dist.ts';
const BROWSERS = './test/setup/browsers-setup.ts';

export default defineConfig({
  // The tree's own sources behind `#defaults` and behind imports of the package by its name.
  ssr: { resolve: { conditions: ['xstate-mesh-source', ...defaultServerConditions] } },
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    allowOnly: false,
    setupFiles: ['./test/setup/fixed-seed.ts'],
    reporters: ['default', './test/setup/count-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...CONTRACT, ...INTEGRATION, ...BROWSER, ...LINT, ...PACKAGE],
          // Simulated minutes cost as much as the machine is busy: the bound is against a test that never ends.
          testTimeout: 180_000,
        },
      },
      { extends: true, test: { name: 'lint', include: LINT, testTimeout: 120_000 } },
      { extends: true, test: { name: 'contract', include: CONTRACT, testTimeout: 30_000 } },
      {
        extends: true,
        test: {
          name: 'integration',
          include: INTEGRATION,
          globalSetup: [DIST],
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'browser',
          include: BROWSER,
          // One Chromium at a time, and nothing beside it: two cores carry no more without tests that wait in vain.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          globalSetup: [DIST, BROWSERS],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'package',
          include: PACKAGE,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
          globalSetup: [DIST, BROWSERS],
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
