/** A page in Chromium on one host and a Node peer on the other: what holds between Node peers holds here. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium, type Page } from 'playwright-core';
import type * as XStateMeshModule from '../../runtime/index.ts';
import { must, ROOT, until, withFleet } from '../integration/fleet.ts';
import { chromiumPath } from '../setup/chromium.ts';
import { type Figures, IN_USE_WITHIN_MS } from './faults.ts';
import { ALL, type Host, Lab } from './lab.ts';

const BUNDLE = join(ROOT, 'dist', 'browser', 'xstate-mesh.global.js');
const EVERY_MS = 100;
const WAIT_MS = 20_000;

declare global {
  var XStateMesh: typeof XStateMeshModule;
  var talk: { readonly sent: string[]; readonly heard: unknown[]; readonly lost: string[]; stop(): void };
}

/** Runs `use` with a blank page in a Chromium whose network is that of the host. */
async function withPage<T>(host: Host, use: (page: Page) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'));
  const executablePath = join(folder, 'chromium');
  writeFileSync(executablePath, `#!/bin/sh\nexec ${host.within.join(' ')} ${await chromiumPath()} "$@"\n`);
  chmodSync(executablePath, 0o755);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    return await use(await browser.newPage());
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Lets the page join and broadcast all the time. */
async function startPage(page: Page, hub: string): Promise<void> {
  await page.addScriptTag({ path: BUNDLE });
  await page.evaluate(
    async ({ signaling, everyMs }) => {
      const mesh = globalThis.XStateMesh.createMeshActor({ signaling, network: 'page' });
      const [sent, heard, lost]: [string[], unknown[], string[]] = [[], [], []];
      mesh.on('message', ({ data }) => heard.push(data));
      mesh.on('peer.disconnected', ({ reason }) => lost.push(reason));
      const linked = new Promise((resolve) => mesh.on('peer.connected', resolve));
      mesh.start();
      // What is said to nobody comes to nobody.
      await linked;
      let count = 0;
      const timer = setInterval(() => {
        const data = `p${++count}`;
        mesh.broadcast(data);
        sent.push(data);
      }, everyMs);
      globalThis.talk = { sent, heard, lost, stop: () => clearInterval(timer) };
    },
    { signaling: hub, everyMs: EVERY_MS },
  );
}

/** Nothing passes between the page's host and the Node peer's for a while. */
export async function pageBlackout(ms: number): Promise<Figures> {
  const lab = new Lab('a', 'b');
  const [own, other] = lab.hosts as readonly [Host, Host];
  try {
    return await withFleet(async (fleet) => {
      const { url } = await fleet.hub(['--port', '0'], { HOST: '0.0.0.0' }, lab.within);
      const hub = `ws://${lab.gateway}:${new URL(url).port}`;
      return await withPage(own, async (page) => {
        const [node] = await fleet.peers({ hub, network: 'page', within: other.within });
        must(node !== undefined, 'no peer');
        const { program } = node;
        await Promise.all([startPage(page, hub), program.line({ event: 'peer.connected' })]);
        let said = 0;
        const timer = setInterval(
          () => program.say({ cmd: 'broadcast', peer: 0, data: `n${++said}`, ref: said }),
          EVERY_MS,
        );
        const heardBy = () => page.evaluate(() => globalThis.talk.heard.length);
        const heardMore = (count: number) =>
          page.waitForFunction((before) => globalThis.talk.heard.length > before, count, { timeout: WAIT_MS });
        try {
          await Promise.all([heardMore(0), program.line({ event: 'message' })]);
          lab.drop(ALL);
          await pause(500);
          const before = [await heardBy(), program.of({ event: 'message' }).length] as const;
          await pause(ms - 500);
          const after = [await heardBy(), program.of({ event: 'message' }).length] as const;
          must(before.join() === after.join(), `messages came through: ${before} became ${after}`);
          lab.heal();
          const startMs = performance.now();
          await Promise.all([
            heardMore(after[0]),
            program.line({ event: 'message' }, { from: program.lines.length, waitMs: WAIT_MS }),
          ]);
          const bothMs = Math.round(performance.now() - startMs);
          must(bothMs <= IN_USE_WITHIN_MS, `in use again after ${bothMs} ms only`);
          clearInterval(timer);
          return { bothMs, ...(await settle(page, program, said)) };
        } finally {
          clearInterval(timer);
        }
      });
    });
  } finally {
    lab.close();
  }
}

/** Every message of either end has come at the other, once; neither was told that the link is lost. */
async function settle(page: Page, program: Parameters<typeof until>[0][number], said: number): Promise<Figures> {
  const sent = await page.evaluate(() => {
    globalThis.talk.stop();
    return globalThis.talk.sent;
  });
  await page.waitForFunction((count) => globalThis.talk.heard.length >= count, said, { timeout: WAIT_MS });
  const heardByNode = () => program.of({ event: 'message' }).map(({ data }) => data);
  await until([program], 'every message of the page', () => heardByNode().length >= sent.length, WAIT_MS);
  must(heardByNode().sort().join() === [...sent].sort().join(), 'the Node peer got something else');
  const { heard, lost } = await page.evaluate(() => ({ heard: globalThis.talk.heard, lost: globalThis.talk.lost }));
  must(new Set(heard).size === said && heard.length === said, `the page got ${heard.length} of ${said}`);
  must(lost.length === 0 && program.of({ event: 'peer.disconnected' }).length === 0, 'the link was lost');
  return { sent: sent.length + said, missed: 0 };
}
