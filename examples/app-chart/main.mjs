/**
 * Goal: a mesh as one actor inside an app's own statechart: a lamp that everybody in a network sees and can switch.
 *
 *   npx xstate-mesh hub                     # in one terminal
 *   node examples/app-chart/main.mjs        # in a second and a third
 *
 * Arguments: [NETWORK [HUB]]. Enter switches the lamp; Ctrl-D or Ctrl-C leaves.
 *
 * The chart invokes `meshMachine` like any other machine, tells it what to do by events (`mesh.join`, `mesh.broadcast`,
 * `mesh.leave`), and ends when it ends. What a mesh hears it emits: `asMesh` turns the ref of the invoked actor into the
 * methods and typed events that `createMeshActor` has, and here they become events of the app.
 */
import { createInterface } from 'node:readline';
import { createActor, sendTo, setup } from 'xstate';
import { asMesh, meshInput, meshMachine } from 'xstate-mesh';

const [network = 'lamp', signaling = 'ws://localhost:3000'] = process.argv.slice(2);

/**
 * @typedef {{ type: 'room.entered' } | { type: 'room.leave' } | { type: 'lamp.switch' }
 *   | { type: 'lamp.seen', lit: boolean } | { type: 'neighbour.arrived' }} AppEvent
 */

const appMachine = setup({
  types: {
    events: /** @type {AppEvent} */ ({}),
    children: /** @type {{ mesh: 'mesh' }} */ ({}),
  },
  actors: { mesh: meshMachine },
  actions: {
    joinMesh: sendTo('mesh', { type: 'mesh.join' }),
    leaveMesh: sendTo('mesh', { type: 'mesh.leave', reason: 'switched off' }),
    showDark: () => console.log('The lamp is dark.'),
    showLit: () => console.log('The lamp is lit.'),
    tellLit: sendTo('mesh', { type: 'mesh.broadcast', data: { lit: true } }),
    tellDark: sendTo('mesh', { type: 'mesh.broadcast', data: { lit: false } }),
  },
  guards: {
    isLit: ({ event }) => event.type === 'lamp.seen' && event.lit,
    isDark: ({ event }) => event.type === 'lamp.seen' && !event.lit,
  },
}).createMachine({
  id: 'app',
  initial: 'online',
  states: {
    online: {
      description: 'The mesh runs as long as this state lasts.',
      invoke: {
        src: 'mesh',
        id: 'mesh',
        input: () => meshInput({ signaling, network }),
        onDone: 'away',
        onError: 'broken',
      },
      on: { 'room.leave': '.leaving' },
      initial: 'entering',
      states: {
        entering: {
          description: 'The app is entering the room.',
          entry: 'joinMesh',
          on: { 'room.entered': 'present' },
        },
        present: {
          description: 'The app is present: the lamp works.',
          initial: 'dark',
          states: {
            dark: {
              description: 'The lamp is dark.',
              entry: 'showDark',
              on: {
                'lamp.switch': { target: 'lit', actions: 'tellLit' },
                'lamp.seen': { guard: 'isLit', target: 'lit' },
              },
            },
            lit: {
              description: 'The lamp is lit. A newcomer cannot know, so it is told.',
              entry: 'showLit',
              on: {
                'lamp.switch': { target: 'dark', actions: 'tellDark' },
                'lamp.seen': { guard: 'isDark', target: 'dark' },
                'neighbour.arrived': { actions: 'tellLit' },
              },
            },
          },
        },
        leaving: {
          description: 'The app is leaving: neighbours and hub are told.',
          entry: 'leaveMesh',
          on: { 'room.leave': {} },
        },
      },
    },
    away: { description: 'The app is away.', type: 'final' },
    broken: { description: 'The app is broken: its mesh failed.', type: 'final' },
  },
});

const app = createActor(appMachine);
app.subscribe({
  complete: () => input.close(),
  error: (error) => console.error(error),
});
app.start();

const { mesh: ref } = app.getSnapshot().children;
if (ref === undefined) throw new Error('The app has no mesh.');
const mesh = asMesh(ref);
mesh.on('joined', ({ ms }) => {
  console.log(`In "${network}" as ${mesh.peerId.slice(0, 8)} after ${Math.round(ms)} ms.`);
  app.send({ type: 'room.entered' });
});
mesh.on('peer.connected', ({ remote }) => {
  console.log(`+ ${remote.slice(0, 8)}`);
  app.send({ type: 'neighbour.arrived' });
});
mesh.on('message', ({ data }) => {
  // Anybody in the network may send anything: only what has the shape of our own messages counts.
  if (typeof data !== 'object' || data === null || !('lit' in data)) return;
  app.send({ type: 'lamp.seen', lit: data.lit === true });
});
mesh.on('status.changed', ({ level, message }) => level !== 'info' && console.error(`! ${message}`));
mesh.on('error', ({ error }) => console.error(`! ${error.code}: ${error.message}`));

const input = createInterface({ input: process.stdin });
const leave = () => app.send({ type: 'room.leave' });
input.on('line', () => app.send({ type: 'lamp.switch' }));
input.on('close', leave);
process.on('SIGINT', leave);
process.on('SIGTERM', leave);
