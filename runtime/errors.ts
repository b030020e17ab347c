import type { PeerId } from '../machines/shared/ids.ts';

/** Every code of a MeshError. Codes are added, never renamed; `docs/api.md` has the table. */
export type MeshErrorCode =
  | 'CUSTOM_PEER_ID'
  | 'BAD_OPTION'
  | 'PORT_MISSING'
  | 'JOIN_TIMEOUT'
  | 'NOT_JOINED'
  | 'LEFT'
  | 'UNKNOWN_PEER'
  | 'UNREACHABLE'
  | 'DIRECT_TIMEOUT'
  | 'TOO_LARGE'
  | 'QUEUE_FULL'
  | 'DIAL_TIMEOUT'
  | 'REFUSED'
  | 'HUB_REFUSED'
  | 'FEATURE_OFF'
  | 'NOT_AVAILABLE'
  | 'LISTENER_THREW'
  | 'BAD_COMMAND'
  | 'BAD_IDENTITY'
  | 'ACTOR_FAILED'
  | 'ADDRESS_IN_USE'
  | 'BAD_INVITATION'
  | 'BAD_SIGNATURE'
  | 'EXPIRED'
  | 'ALREADY_USED'
  | 'WRONG_NETWORK'
  | 'SIGNER_FAILED'
  | 'IDENTITY_IN_USE'
  | 'NO_ROOM_KEY'
  | 'NO_HOLDER'
  | 'CAS_FAILED'
  | 'STALE'
  | 'WRITER_QUOTA'
  | 'HOLDERS_FULL'
  | 'RECORD_REFUSED'
  | 'VALUE_INCOMPLETE'
  | 'STORE_IN_USE'
  | 'STORE_FAILED';

const RETRYABLE: ReadonlySet<MeshErrorCode> = new Set<MeshErrorCode>([
  'JOIN_TIMEOUT',
  'NOT_JOINED',
  'UNREACHABLE',
  'DIRECT_TIMEOUT',
  'QUEUE_FULL',
  'DIAL_TIMEOUT',
  'REFUSED',
  'NO_ROOM_KEY',
  'NO_HOLDER',
  'CAS_FAILED',
  'STALE',
  'HOLDERS_FULL',
  'VALUE_INCOMPLETE',
]);

/**
 * The one error type of the public surface.
 *
 * `code` is for programs, `message` for people, `retryable` says whether the same call may succeed later, `peerId` names
 * the peer concerned, `cause` is the error underneath.
 */
export class MeshError extends Error {
  override readonly name = 'MeshError';
  readonly code: MeshErrorCode;
  readonly retryable: boolean;
  readonly peerId: PeerId | undefined;

  constructor(code: MeshErrorCode, message: string, options: { cause?: unknown; peerId?: PeerId } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = RETRYABLE.has(code);
    this.peerId = options.peerId;
  }

  toJSON(): { code: MeshErrorCode; message: string; peerId?: PeerId } {
    return { code: this.code, message: this.message, ...(this.peerId === undefined ? {} : { peerId: this.peerId }) };
  }
}

/** What something thrown says of itself, whatever it is. */
export const whyOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
