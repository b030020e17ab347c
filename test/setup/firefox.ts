/**
 * A real, unmodified Firefox for tests: that of `FIREFOX_PATH`, of the system, or (as root on Debian and its kin) the one
 * that apt installs. It is driven by WebDriver BiDi (W3C), which Firefox speaks by itself over a WebSocket: playwright drives
 * only builds of its own, and a driver of a few commands needs no package.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import WebSocket from 'ws';
import { browserPath } from './debian.ts';

export const firefoxPath = (): Promise<string> =>
  browserPath({
    name: 'Firefox',
    package: 'firefox-esr',
    variable: 'FIREFOX_PATH',
    candidates: ['/usr/bin/firefox-esr', '/usr/bin/firefox'],
  });

/** What a test wants of the profile beside a browser that calls nobody. */
const QUIET: Readonly<Record<string, boolean | number | string>> = {
  'app.update.enabled': false,
  'app.normandy.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'browser.newtabpage.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.region.network.url': '',
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.enabled': false,
  'extensions.update.enabled': false,
  'extensions.getAddons.cache.enabled': false,
  'messaging-system.rsexperimentloader.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.dns.disablePrefetch': true,
  'network.prefetch-next': false,
  'services.settings.server': 'data:,',
  'dom.push.enabled': false,
};

interface Answer {
  readonly result?: unknown;
  readonly error?: string;
  readonly message?: string;
}

/** Commands and events of one BiDi session. */
class Session {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #count = 0;
  onEvent: (method: string, params: unknown) => void = () => undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      const { id, method, params, ...answer } = JSON.parse(String(data)) as Answer & {
        readonly id?: number | null;
        readonly method?: string;
        readonly params?: unknown;
      };
      if (typeof id === 'number') this.#waiting.get(id)?.(answer);
      else if (method !== undefined) this.onEvent(method, params);
    });
    socket.on('close', () => {
      for (const settle of [...this.#waiting.values()]) settle({ error: 'the session ended' });
    });
  }

  static async open(url: string): Promise<Session> {
    const socket = new WebSocket(`${url}/session`);
    await once(socket, 'open');
    const session = new Session(socket);
    await session.call('session.new', { capabilities: {} });
    return session;
  }

  call(method: string, params: object): Promise<unknown> {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error, message }) => {
        this.#waiting.delete(id);
        if (error === undefined) resolve(result);
        else reject(new Error(`${method}: ${error}: ${message ?? ''}`));
      });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  close(): void {
    this.#socket.close();
  }
}

/** One tab. */
export class FirefoxPage {
  readonly #session: Session;
  readonly #context: string;
  /** Uncaught errors and console errors of the page. */
  readonly errors: string[] = [];

  constructor(session: Session, context: string) {
    this.#session = session;
    this.#context = context;
  }

  async goto(url: string): Promise<void> {
    await this.#session.call('browsingContext.navigate', { context: this.#context, url, wait: 'complete' });
  }

  /** Runs a function in the page, which sees nothing of where it was written; argument and result are JSON. */
  async evaluate<A, R>(act: (argument: A) => R | Promise<R>, argument?: A): Promise<R> {
    const call = `(async () => JSON.stringify([await (${act})(${JSON.stringify(argument) ?? ''})]))()`;
    const answer = (await this.#session.call('script.evaluate', {
      expression: call,
      target: { context: this.#context },
      awaitPromise: true,
    })) as { readonly result?: { readonly value?: string }; readonly exceptionDetails?: { readonly text: string } };
    if (answer.exceptionDetails !== undefined) throw new Error(answer.exceptionDetails.text);
    const [result] = JSON.parse(answer.result?.value ?? '[]') as [R];
    return result;
  }
}

/** A running Firefox with one tab. The caller closes it. */
export class Firefox {
  readonly page: FirefoxPage;
  readonly #session: Session;
  readonly #child: ChildProcess;
  readonly #profile: string;

  private constructor(session: Session, page: FirefoxPage, child: ChildProcess, profile: string) {
    this.#session = session;
    this.page = page;
    this.#child = child;
    this.#profile = profile;
  }

  /** Starts it, headless, with a fresh profile of which `prefs` sets more. */
  static async launch(prefs: Readonly<Record<string, boolean | number | string>> = {}): Promise<Firefox> {
    const profile = mkdtempSync(join(tmpdir(), 'firefox-'));
    const lines = Object.entries({ ...QUIET, ...prefs }).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
    );
    writeFileSync(join(profile, 'user.js'), `${lines.join('\n')}\n`);
    const args = ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'];
    const env = { ...process.env, HOME: profile };
    const child = spawn(await firefoxPath(), args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    try {
      const session = await Session.open(await addressOf(child));
      const tree = (await session.call('browsingContext.getTree', {})) as { contexts: { context: string }[] };
      const page = new FirefoxPage(session, tree.contexts[0]?.context ?? '');
      session.onEvent = (method, params) => {
        const { level, text } = params as { readonly level?: string; readonly text?: string };
        if (method === 'log.entryAdded' && level === 'error') page.errors.push(String(text));
      };
      await session.call('session.subscribe', { events: ['log.entryAdded'] });
      return new Firefox(session, page, child, profile);
    } catch (error) {
      await end(child, profile);
      throw error;
    }
  }

  async close(): Promise<void> {
    // The session ends with the browser, before or after its answer.
    await this.#session.call('browser.close', {}).catch(() => undefined);
    this.#session.close();
    await end(this.#child, this.#profile);
  }
}

/** Where it listens, as it says on stderr. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, url] = /WebDriver BiDi listening on (ws:\S+)\n/.exec(said) ?? [];
      if (url !== undefined) resolve(url);
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`Firefox ended with ${code} before it listened: ${said}`)));
  });
}

async function end(child: ChildProcess, profile: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit');
    const patience = setTimeout(() => child.kill('SIGKILL'), 5_000);
    child.kill();
    await gone;
    clearTimeout(patience);
  }
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
