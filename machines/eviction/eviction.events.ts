/** Glossary of the eviction chart. */
import type { MeshPorts } from '../../runtime/ports/mesh-ports.ts';
import type { AttemptId, OperationId, PeerId } from '../shared/ids.ts';

export interface EvictionInput {
  readonly ports: MeshPorts;
  readonly op: OperationId;
  /** Who is to be spliced in, and the attempt of its offer that waits for an answer. */
  readonly newcomer: PeerId;
  readonly attempt: AttemptId;
  /** Neighbours whose edge may be given up, best first. */
  readonly victims: readonly PeerId[];
}

export interface EvictionContext extends EvictionInput {
  readonly victim: PeerId | undefined;
  readonly tries: number;
  readonly outcome: EvictionOutcome;
}

/** `overfull`: our new link stands and the other leg failed, so that we hold one link more than the cap. */
export type EvictionOutcome = 'handedOver' | 'refused' | 'overfull';

export type EvictionEvent =
  | { readonly type: 'operation.locked'; readonly from: PeerId }
  | { readonly type: 'operation.lockRefused'; readonly from: PeerId }
  /** The newcomer does not take part. */
  | { readonly type: 'operation.declined' }
  /** Our link to the newcomer stands. */
  | { readonly type: 'leg.opened' }
  /** The victim's link to the newcomer stands. */
  | { readonly type: 'operation.dialed'; readonly from: PeerId }
  /** The edge to the victim is gone. */
  | { readonly type: 'victim.gone'; readonly remote: PeerId };

export type EvictionReport =
  | { readonly type: 'eviction.lock'; readonly op: OperationId; readonly victim: PeerId; readonly newcomer: PeerId }
  | { readonly type: 'eviction.unlock'; readonly op: OperationId; readonly victim: PeerId }
  | {
      readonly type: 'eviction.splice';
      readonly op: OperationId;
      readonly victim: PeerId;
      readonly newcomer: PeerId;
      readonly attempt: AttemptId;
    }
  | { readonly type: 'eviction.refuse'; readonly newcomer: PeerId; readonly attempt: AttemptId }
  | { readonly type: 'eviction.close'; readonly victim: PeerId };

export interface EvictionOutput {
  readonly op: OperationId;
  readonly outcome: EvictionOutcome;
  readonly victim: PeerId | undefined;
  readonly newcomer: PeerId;
}
