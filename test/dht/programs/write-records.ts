/**
 * A holder that is killed: holds records, keeps them in the directory that is its argument, and prints the number of each
 * once it is acknowledged. The first line is what it found.
 */
import { writeSync } from 'node:fs';
import { openStore } from '../../../adapters/storage.node.ts';
import { Holdings } from '../../../runtime/dht/holdings.ts';
import { Keeper } from '../../../runtime/dht/keeper.ts';
import { numbered } from '../kept-records.ts';

const directory = process.argv[2];
if (directory === undefined) throw new Error('which directory?');
const keeper = new Keeper({
  store: await openStore({ directory }),
  onError: (error) => {
    throw error;
  },
});
const holdings = new Holdings({ sink: keeper });
await keeper.restore(holdings, Date.now);
let next = 0;
holdings.forEach(Date.now(), (record) => {
  if (record.kind === 'open') next = Math.max(next, record.seq);
});
// Straight to the pipe: what a buffer of this process still held would be lost with it.
writeSync(1, `found ${next}\n`);
for (;;) {
  const from = next + 1;
  next += 1 + (from % 7);
  for (let number = from; number <= next; number++) {
    const result = holdings.put(numbered(number), Date.now());
    if (!result.ok) throw new Error(result.code);
  }
  await keeper.settled();
  writeSync(1, `acknowledged ${next}\n`);
}
