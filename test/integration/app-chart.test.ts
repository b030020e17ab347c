/** Goal: the example in examples/app-chart works as its header says: an app's own statechart with a mesh inside. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Program, ROOT, until, withFleet } from './fleet.ts';

const shown = (program: Program, text: string, from = 0): Promise<string> =>
  until([program], `"${text}"`, () => program.texts.slice(from).find((line) => line.startsWith(text)));

it('two apps share a lamp, a newcomer sees it lit, and all end by themselves', () =>
  withFleet(async (fleet) => {
    const { url } = await fleet.hub();
    const app = (): Program => fleet.launch(join(ROOT, 'examples', 'app-chart', 'main.mjs'), ['lamp', url]);
    const [first, second] = [app(), app()];
    await Promise.all([first, second].map((program) => shown(program, '+ ')));
    await Promise.all([first, second].map((program) => shown(program, 'The lamp is dark.')));
    first.say('');
    await shown(second, 'The lamp is lit.');
    const third = app();
    await shown(third, 'The lamp is lit.');
    const mark = first.texts.length;
    second.say('');
    await shown(first, 'The lamp is dark.', mark);
    // Neither end calls process.exit: nothing that the mesh leaves behind may hold them.
    first.child.stdin.end();
    expect(await first.exited, first.stderr).toBe(0);
    expect(await second.end('SIGINT')).toBe(0);
    expect(await third.end('SIGTERM')).toBe(0);
  }));
