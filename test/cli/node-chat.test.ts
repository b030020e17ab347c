/** Goal: the example in examples/node-chat works as its header says. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { launch, ROOT, startHub } from './processes.ts';

it('two people chat', async () => {
  const { url } = await startHub();
  const chat = (name: string) => launch(join(ROOT, 'examples', 'node-chat', 'main.mjs'), [name, 'example', url]);
  const ada = chat('Ada');
  const bob = chat('Bob');
  await ada.until(({ lines }) => lines.some((line) => line.startsWith('+ ')));
  const link = await bob.until(({ lines }) => lines.find((line) => line.startsWith('+ ')));
  ada.say('hello Bob');
  await bob.until(({ lines }) => lines.includes('Ada: hello Bob'));
  bob.say(`@${link.slice(2)} hello Ada`);
  await ada.until(({ lines }) => lines.includes('Bob (to you): hello Ada'));
  await bob.until(({ lines }) => lines.some((line) => line.startsWith('  (arrived after')));
  ada.child.stdin.end();
  expect(await ada.exited).toBe(0);
  expect(await bob.end('SIGINT')).toBe(0);
});
