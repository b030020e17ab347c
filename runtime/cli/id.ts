/** `xstate-mesh id`: new identities. Secrets go to a file or nowhere: they are never printed. */

import { defineCommand, EXIT_GOOD } from './command.ts';
import { TEXT_CHARS_MAX } from './flags.ts';

const COUNT_MAX = 10_000;

export const idCommand = defineCommand(
  {
    name: 'id',
    summary: 'Make new identities',
    flags: [
      {
        kind: 'integer',
        name: 'number',
        short: 'n',
        value: 'N',
        default: 1,
        min: 1,
        max: COUNT_MAX,
        describe: 'How many',
      },
      {
        kind: 'text',
        name: 'out',
        short: 'o',
        value: 'FILE',
        charsMax: TEXT_CHARS_MAX,
        defaultText: 'none: the secret keys are forgotten',
        describe: 'Append them with their secret keys to this file (mode 0600), for "peer --identity"',
      },
    ],
    examples: ['xstate-mesh id -n 3 --out peers.ids', 'xstate-mesh peer --count 3 --identity peers.ids'],
  },
  async (values, { dependencies, output }) => {
    const identities = await dependencies.newIdentities(values.number, values.out);
    for (const { peerId, publicKey } of identities) {
      output.event({ event: 'identity', peerId, publicKey });
      output.say(`${peerId}  ${publicKey}`);
    }
    if (values.out !== undefined) output.say(`Appended to ${values.out}. Keep it secret.`);
    return EXIT_GOOD;
  },
);
