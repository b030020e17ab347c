/** Goal: whoever is kept out by a hub is told so in words that help, and can end in peace. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Fleet, heldBy, type Line, withFleet } from './fleet.ts';

async function tryToJoin(fleet: Fleet, url: string): Promise<{ outcome: Line; warnings: Line[] }> {
  const program = fleet.launch(join(import.meta.dirname, 'programs', 'refused.mjs'), [url]);
  expect(await program.exited, program.stderr).toBe(0);
  const left = await program.line({ event: 'left' });
  expect(heldBy(left)).toEqual([]);
  const outcome = program.lines.find(({ event }) => event === 'refused' || event === 'joined');
  if (outcome === undefined) throw new Error(program.texts.join('\n'));
  return { outcome, warnings: program.of({ event: 'warning' }) };
}

/** A port that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

it('a hub that asks for a token: HUB_REFUSED says so, and the token in the URL opens', () =>
  withFleet(async (fleet) => {
    const { url } = await fleet.hub(['--port', '0'], { AUTH_TOKEN: 'open sesame' });
    const { outcome, warnings } = await tryToJoin(fleet, url);
    expect(outcome).toMatchObject({ event: 'refused', code: 'HUB_REFUSED', retryable: false, state: 'isolated' });
    expect(outcome['message']).toMatch(/within 1000 ms; hubs: ws:.*\(.*token \(HTTP 401\)/);
    expect(outcome['message']).toContain(url);
    expect(warnings).toContainEqual(expect.objectContaining({ level: 'warn', code: 'HUB_UNREACHABLE' }));
    expect(warnings).toContainEqual(expect.objectContaining({ level: 'warn', code: 'ISOLATED' }));
    // One that may yet be there is no refusal.
    const gone = `ws://127.0.0.1:${await closedPort()}`;
    expect((await tryToJoin(fleet, `${url},${gone}`)).outcome).toMatchObject({ code: 'JOIN_TIMEOUT', retryable: true });
    expect((await tryToJoin(fleet, `${url}?token=open%20sesame`)).outcome['event']).toBe('joined');
  }));

it('a hub that is not there: JOIN_TIMEOUT names it and what went wrong', () =>
  withFleet(async (fleet) => {
    const url = `ws://127.0.0.1:${await closedPort()}`;
    const { outcome, warnings } = await tryToJoin(fleet, url);
    expect(outcome).toMatchObject({ event: 'refused', code: 'JOIN_TIMEOUT', state: 'isolated' });
    expect(outcome['message']).toContain(url);
    expect(outcome['message']).toContain('ECONNREFUSED');
    expect(warnings.map(({ code }) => code)).toContain('HUB_UNREACHABLE');
  }));
