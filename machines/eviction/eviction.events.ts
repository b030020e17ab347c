/** Glossary of the eviction chart. */
import type { MeshPorts } from '../../runtime/ports/mesh-ports.ts';
import type { AttemptId, OperationId, PeerId } from '../shared/ids.ts';

/** One way to give a link up. */
export interface EvictionPlan {
  /** The neighbour whose edge is given up. */
  readonly victim: PeerId;
  /** Hand-over: the neighbour that takes our place at the victim. Absent in a splice, where the newcomer does. */
  readonly via?: PeerId;
  /** `via` and the victim are linked already: a triangle, whose edges only hold still. */
  readonly isTriangle?: boolean;
}

export interface EvictionInput {
  readonly ports: MeshPorts;
  readonly op: OperationId;
  /** Splice: who enters, and the attempt of its offer that waits for an answer. Absent in a hand-over. */
  readonly newcomer?: { readonly id: PeerId; readonly attempt: AttemptId };
  /** Best first. */
  readonly plans: readonly EvictionPlan[];
}

export interface EvictionContext {
  readonly ports: MeshPorts;
  readonly op: OperationId;
  readonly newcomer: EvictionInput['newcomer'];
  readonly plans: readonly EvictionPlan[];
  readonly tries: number;
  /** Members that hold still for the plan at hand. */
  readonly locked: readonly PeerId[];
  readonly outcome: EvictionOutcome;
}

/** `overfull`: a splice's own leg stands and the other failed, so that we hold one link more than the cap. */
export type EvictionOutcome = 'handedOver' | 'refused' | 'overfull';

export type EvictionEvent =
  | { readonly type: 'operation.locked'; readonly from: PeerId }
  | { readonly type: 'operation.lockRefused'; readonly from: PeerId }
  /** The newcomer does not take part. */
  | { readonly type: 'operation.declined' }
  /** Our link to the newcomer stands. */
  | { readonly type: 'leg.opened' }
  /** A member's new link stands. */
  | { readonly type: 'operation.dialed'; readonly from: PeerId }
  /** The edge to a member is gone. */
  | { readonly type: 'member.gone'; readonly remote: PeerId };

export type EvictionReport =
  | {
      readonly type: 'eviction.lock';
      readonly op: OperationId;
      readonly plan: EvictionPlan;
      /** Who must hold still: the victim, and in a hand-over the neighbour that takes our place. */
      readonly members: readonly PeerId[];
      readonly newcomer: PeerId | undefined;
    }
  | { readonly type: 'eviction.unlock'; readonly op: OperationId; readonly members: readonly PeerId[] }
  | {
      readonly type: 'eviction.splice';
      readonly op: OperationId;
      readonly plan: EvictionPlan;
      readonly newcomer: PeerId;
      readonly attempt: AttemptId;
    }
  /** `via` is to dial the victim. */
  | { readonly type: 'eviction.dial'; readonly op: OperationId; readonly plan: EvictionPlan }
  | { readonly type: 'eviction.refuse'; readonly newcomer: PeerId; readonly attempt: AttemptId }
  | { readonly type: 'eviction.close'; readonly plan: EvictionPlan };

export interface EvictionOutput {
  readonly op: OperationId;
  readonly outcome: EvictionOutcome;
  readonly victim: PeerId | undefined;
  readonly newcomer: PeerId | undefined;
}
