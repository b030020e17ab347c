/** Browsers of the system: found where they are, or installed by apt as root on Debian and its kin. Nothing else is downloaded. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface SystemBrowser {
  /** What people call it. */
  readonly name: string;
  /** Debian's package. */
  readonly package: string;
  /** The variable that names another file. */
  readonly variable: string;
  readonly candidates: readonly string[];
}

/** Where the browser is. Installs it by apt when this process may; otherwise rejects and says what to do. */
export async function browserPath(browser: SystemBrowser): Promise<string> {
  const wished = process.env[browser.variable];
  if (wished !== undefined && wished !== '') {
    if (existsSync(wished)) return wished;
    throw new Error(`${browser.variable} is ${wished}, and there is no such file.`);
  }
  const find = (): string | undefined => browser.candidates.find((path) => existsSync(path));
  const found = find();
  if (found !== undefined) return found;
  if (existsSync('/usr/bin/apt-get') && process.getuid?.() === 0) {
    process.stderr.write(`No ${browser.name} found: installing it with apt-get.\n`);
    await run('apt-get', ['update']);
    await run('apt-get', ['install', '-y', '--no-install-recommends', browser.package]);
    const installed = find();
    if (installed !== undefined) return installed;
  }
  throw new Error(
    `The tests in ${browser.name} need it: install it (Debian: apt-get install ${browser.package}) or set ${browser.variable}.`,
  );
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
