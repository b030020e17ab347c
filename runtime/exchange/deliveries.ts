/** Small parts of what is delivered. */
import type { DeliveredMessage } from '../ports/exchange.ts';

export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export const withMore = (
  message: DeliveredMessage,
  topic: string | undefined,
  room: string | undefined,
  encrypted: true | undefined,
): DeliveredMessage => ({
  ...message,
  ...(topic === undefined ? {} : { topic }),
  ...(room === undefined ? {} : { room }),
  ...(encrypted === undefined ? {} : { encrypted }),
});
