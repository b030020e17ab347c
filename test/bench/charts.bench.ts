/**
 * Events that a chart takes when it is compiled, as simulations run it, beside the same chart run by XState's interpreter:
 *
 *   node test/tools/run-ts.mjs test/bench/charts.bench.ts [EVENTS] [ROUNDS]
 */
import { type AnyStateMachine, createActor, setup } from 'xstate';
import { gossipMachine } from '../../machines/gossip/gossip.machine.ts';
import { compiled } from '../../runtime/simulation/compiled/compile.ts';
import { HeapClock } from '../../runtime/simulation/heap-clock.ts';
import { figure, medianOf } from './report.ts';

const [events = 200_000, rounds = 5] = process.argv.slice(2).map(Number);

/** Events a second of a link's gossip chart, whose mode changes with each and is reported to its parent. */
function perSecond(prepare: (machine: AnyStateMachine) => AnyStateMachine): number {
  const clock = new HeapClock();
  const gossip = prepare(gossipMachine);
  const parent = setup({ types: { events: {} as { type: 'gossip.mode' } }, actors: { gossip } }).createMachine({
    invoke: { src: 'gossip', id: 'gossip', input: { remote: 'a' } },
  });
  const actor = createActor(prepare(parent), { clock }).start();
  const child = actor.getSnapshot().children.gossip;
  if (child === undefined) throw new Error('The chart did not start');
  child.send({ type: 'link.synced' });
  const fromMs = performance.now();
  for (let count = 0; count < events; count += 2) {
    child.send({ type: 'link.congested' });
    child.send({ type: 'link.drained' });
  }
  const tookMs = performance.now() - fromMs;
  const { value } = child.getSnapshot() as { value: unknown };
  if (value !== 'forwarding') throw new Error(`The chart is ${String(value)}`);
  actor.stop();
  return (events * 1_000) / tookMs;
}

const looked: number[] = [];
const interpreted: number[] = [];
for (let round = 0; round < rounds; round++) {
  looked.push(perSecond(compiled));
  interpreted.push(perSecond((machine) => machine));
}
console.log(
  JSON.stringify(figure('charts', 'a change of mode, reported', 'events/s', medianOf(looked), medianOf(interpreted))),
);
