/**
 * A real Chromium for tests. Nothing is downloaded by playwright: the browser is that of `CHROMIUM_PATH`, of the system,
 * or (as root on Debian and its kin) the one that apt installs.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type Browser, chromium, type LaunchOptions } from 'playwright-core';

const CANDIDATES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

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
export async function chromiumPath(): Promise<string> {
  const wished = process.env.CHROMIUM_PATH;
  if (wished !== undefined && wished !== '') {
    if (existsSync(wished)) return wished;
    throw new Error(`CHROMIUM_PATH is ${wished}, and there is no such file.`);
  }
  const found = CANDIDATES.find((path) => existsSync(path));
  if (found !== undefined) return found;
  if (existsSync('/usr/bin/apt-get') && process.getuid?.() === 0) {
    process.stderr.write('No Chromium found: installing it with apt-get.\n');
    await run('apt-get', ['update']);
    await run('apt-get', ['install', '-y', '--no-install-recommends', 'chromium']);
    const installed = CANDIDATES.find((path) => existsSync(path));
    if (installed !== undefined) return installed;
  }
  throw new Error(
    'The browser tests need Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM_PATH.',
  );
}

/** Starts Chromium, headless, with a fresh profile. The caller closes it: `await browser.close()`. */
export async function launchChromium(options: LaunchOptions = {}): Promise<Browser> {
  return chromium.launch({
    ...options,
    executablePath: await chromiumPath(),
    args: [...ARGS, ...(options.args ?? [])],
  });
}

/** Runs a program with its output on stderr, where progress belongs. */
function run(command: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
    child.stdout.pipe(process.stderr, { end: false });
    child.stderr.pipe(process.stderr, { end: false });
    child.on('error', reject);
    child.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} ${args.join(' ')} ended with code ${code}.`)),
    );
  });
}
