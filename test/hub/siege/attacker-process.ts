/** The attacker, a process of its own: `attack` begins, `stop` ends, and the answer says what it did. */
import { setPriority } from 'node:os';
import { ATTACKS, Attacker } from './attacks.ts';
import type { AttackOrder, AttackReport } from './stage.ts';

// It stands for another machine, which would not take time from the hub's.
setPriority(19);
let current: Attacker | undefined;

process.on('message', (order: AttackOrder | 'stop') => {
  if (order === 'stop') {
    const { acts = 0, stolen = 0 } = current ?? {};
    current?.end();
    current = undefined;
    process.send?.({ acts, stolen } satisfies AttackReport);
    return;
  }
  const attacker = new Attacker(order.url, order.network, order.victims);
  current = attacker;
  for (const name of order.attacks) {
    ATTACKS[name](attacker).catch((error: unknown) => {
      process.stderr.write(`${name} failed: ${String(error)}\n`);
      process.exit(1);
    });
  }
  const begun = setInterval(() => {
    if (attacker.acts === 0) return;
    clearInterval(begun);
    process.send?.('begun');
  }, 5);
});
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
