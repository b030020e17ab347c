/**
 * Goal: what direct messages between random pairs cost in meshes of any size and cap: how many are confirmed, copies of each, links
 * crossed, time. One JSON line a run: of the first message of each pair, and of a second one, when ways and keys are there.
 *
 *   npm run simulate:directs -- --peers 100,300,1000 --caps 2,3,8 --messages 200 --signing on,off
 */
import { directsPlan } from './directs-flags.ts';
import { runDirects } from './directs-run.ts';

for (const run of directsPlan()) {
  try {
    console.log(JSON.stringify({ ...run, ...(await runDirects(run)) }));
  } catch (error) {
    console.log(JSON.stringify({ ...run, error: error instanceof Error ? error.message : String(error) }));
  }
}
process.exit(0);
