/**
 * `xstate-mesh/testing`: the simulator for tests of one's own. Thousands of production meshes in one process, on virtual
 * time and a network with typed faults; an app's own actor on each peer; properties, schedules of faults and their
 * shrinking; the figures of a run. Everything repeats from its seed. Guide: `docs/simulator.md`.
 */
export type { Adversary, AdversaryContext } from './simulation/adversary.ts';
export { type ActorApp, actorApp } from './simulation/app.ts';
export { cheapIdentity } from './simulation/cheap-identity.ts';
export type { Figures, Violation } from './simulation/figures.ts';
export { components, degreeOf, diameterOf, type Graph, mutual } from './simulation/graph.ts';
export { HeapClock } from './simulation/heap-clock.ts';
export type { Broadcast, Ledger, PeerRecord, Spread } from './simulation/ledger.ts';
export {
  DEFAULT_NETWORK,
  type Delay,
  type FaultModel,
  type FaultName,
  type NetworkModel,
  PERFECT_FAULTS,
  type TimerMode,
} from './simulation/model.ts';
export type { Courier, Parcel } from './simulation/part.ts';
export { PeerClock } from './simulation/peer-clock.ts';
export { int, pick, type RandomStreams, SeededRandom, sample, shuffle, streams } from './simulation/random-streams.ts';
export type { TraceLine, TraceSink } from './simulation/recorder.ts';
export {
  type HistoryCounts,
  type HistoryViolation,
  type Intent,
  RegisterHistory,
  type Version,
} from './simulation/register-history.ts';
export {
  runScenario,
  type Sample,
  type ScenarioExtras,
  type ScenarioResult,
  ScenarioRun,
} from './simulation/scenario.ts';
export { SCENARIOS, type ScenarioName, type ScenarioOptions, scenarioDefaults } from './simulation/scenario-options.ts';
export { type Action, type AppStep, repair, runSchedule, type Step } from './simulation/schedule.ts';
export {
  type DrawOptions,
  drawSchedule,
  type Found,
  findFailure,
  type SearchOptions,
  shrinkSchedule,
  type Weights,
} from './simulation/search.ts';
export type { Fate, MeshKnobs, SimApp, SimPeer } from './simulation/sim-peer.ts';
export { Simulation } from './simulation/simulation.ts';
export type { PeerSetup, Property, SimulationOptions } from './simulation/simulation-options.ts';
