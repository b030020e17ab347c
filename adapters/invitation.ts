/** `xstate-mesh/adapters/invitation`: links by texts that people copy and paste, without any server. */
export { type Invitation, readInvitation } from '../runtime/wire/invitation.ts';
export {
  type InvitationOptions,
  type InvitationPort,
  type InviteOptions,
  invitationSignaling,
} from './invitation-port.ts';
