/** Everything an app needs: `import { createMeshActor } from 'xstate-mesh'`. */
export type { MessageId, PeerId } from '../machines/shared/ids.ts';
export type * from './api.ts';
export { createMeshActor, MeshActor } from './create-mesh.ts';
export { MeshError, type MeshErrorCode } from './errors.ts';
export { createIdentity, identityFromSeed } from './identity/index.ts';
export { meshMachine } from './mesh/mesh-charts.ts';
export { meshInput } from './mesh/mesh-input.ts';
export { asMesh, type Mesh, type MeshRef } from './mesh/methods.ts';
export type { MeshClock } from './ports/clock.ts';
export type { EnvironmentChange, EnvironmentPort } from './ports/environment.ts';
export type { ReliableReport, RoomInfo } from './ports/exchange.ts';
export type { Claim, Identity, ProofCode } from './ports/identity.ts';
export type {
  Link,
  LinkCapabilities,
  LinkFingerprints,
  LinkHandlers,
  LinkLane,
  LinkOptions,
  LinkPort,
} from './ports/link.ts';
export type { LoggerPort, LogLevel } from './ports/logger.ts';
export type { RandomPort } from './ports/random.ts';
export type {
  PeerAd,
  PeerSignal,
  Presence,
  SignalingCommand,
  SignalingConnection,
  SignalingFact,
  SignalingPort,
} from './ports/signaling.ts';
