/** Messages to send and to break. */
import type { Hello, Message } from '../../runtime/wire/messages.ts';
import { SAMPLES as BY_TYPE } from '../wire/sample-messages.ts';

export const SAMPLES: readonly Message[] = Object.values(BY_TYPE);

export const HELLO_OF = (peerId: string, attempt: string): Hello => ({ ...BY_TYPE.HELLO, peerId, attempt });
