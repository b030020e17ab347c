/**
 * The stage of the demo's browser tests: a real hub that serves the built page, real tabs whose errors are collected, and
 * Node peers. Everything waits for events or states of the page; the tests' own time limits end a vain wait.
 */
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { createHubActor, type HubActor } from '../../hub/index.ts';
import { staticFiles } from '../../runtime/cli/static-files.ts';
import {
  createMeshActor,
  type MeshActor,
  type MeshOptions,
  type MeshStatus,
  type Message,
} from '../../runtime/index.ts';

const PAGE_FOLDER = fileURLToPath(new URL('../../dist/examples/browser-chat', import.meta.url));

export interface Stage {
  readonly hub: HubActor;
  readonly port: number;
  /** `http://localhost:PORT` */
  readonly http: string;
  readonly url: string;
}

/** A hub with the page. With a port: the one that was there before, started anew. */
export async function openStage(port = 0): Promise<Stage> {
  const hub = createHubActor({ port, http: staticFiles(PAGE_FOLDER) }).start();
  const { url, http } = await hub.listening();
  return { hub, http, url, port: Number(new URL(http).port) };
}

/** One tab with the chat page, in a profile of its own. */
export class Tab {
  readonly page: Page;
  /** Uncaught errors and console errors of the page: a test ends with none. */
  readonly errors: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.errors.push(String(error.stack ?? error)));
    page.on('console', (message) => {
      // The browser itself reports a socket that the hub refuses; that is the network's news, not the page's fault.
      const isNetwork = /WebSocket connection to .* failed/.test(message.text());
      if (message.type() === 'error' && !isNetwork) this.errors.push(message.text());
    });
  }

  static async open(browser: Browser, options: BrowserContextOptions = {}): Promise<Tab> {
    const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
    return new Tab(await context.newPage());
  }

  /** Opens the page under `name`, which joins at once. Returns the peer's id. */
  async join(stage: Stage, name: string, query = ''): Promise<string> {
    await this.page.goto(`${stage.http}/?network=demo&name=${encodeURIComponent(name)}${query}`);
    await this.page.waitForFunction(() => globalThis.mesh?.status().state === 'joined');
    return this.status().then(({ peerId }) => peerId);
  }

  status(): Promise<MeshStatus> {
    return this.page.evaluate(() => (globalThis.mesh as MeshActor).status());
  }

  /** Waits until this tab has exactly these links. */
  async linkedTo(...ids: readonly string[]): Promise<void> {
    await this.page.waitForFunction((wanted) => {
      const links = globalThis.mesh?.status().links.filter(({ state }) => state.startsWith('connected')) ?? [];
      return (
        [...wanted].sort().join() ===
        links
          .map(({ peerId }) => peerId)
          .sort()
          .join()
      );
    }, ids);
  }

  /** The row of the message list that holds this text. */
  line(text: string): Locator {
    return this.page.locator('.line', { hasText: text });
  }

  async say(text: string, to = ''): Promise<void> {
    await this.page.selectOption('#to', to);
    await this.page.fill('#text', text);
    await this.page.press('#text', 'Enter');
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}

/** A Node peer of the demo's network, and what it heard. */
export class NodePeer {
  readonly mesh: MeshActor;
  readonly heard: Message[] = [];

  constructor(signaling: NonNullable<MeshOptions['signaling']>, options: MeshOptions = {}) {
    this.mesh = createMeshActor({ signaling, network: 'demo', ...options });
    // Link lists have a topic; chat has none.
    this.mesh.on('message', (message) => {
      if (message.topic === undefined) this.heard.push(message);
    });
  }

  async join(): Promise<string> {
    await this.mesh.start().joined();
    return this.mesh.peerId;
  }

  /** Resolves with the first chat message that fits. */
  hear(data: unknown): Promise<Message> {
    return new Promise((resolve) => {
      const take = (message: Message): void => {
        if (message.data === data) resolve(message);
      };
      this.heard.forEach(take);
      this.mesh.on('message', take);
    });
  }
}
