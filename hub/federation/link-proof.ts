/**
 * What two hubs prove to each other before a socket between them counts: the ids of both (signatures), and that they
 * belong together (a shared token, never sent itself). Without a token only hubs of this machine are let in. Owns no state.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import * as v from 'valibot';
import { isPeerId, isPublicKeyText, type PeerId } from '../../machines/shared/ids.ts';
import type { ProofPorts } from '../proof.ts';

/** What a hub adds to its announcement: `data.hub`. */
const greetingSchema = v.object({
  v: v.literal(1),
  nonce: v.pipe(v.string(), v.regex(/^[\w-]{32}$/)),
  mac: v.exactOptional(v.pipe(v.string(), v.maxLength(64))),
});
export type HubGreeting = v.InferOutput<typeof greetingSchema>;

export function readGreeting(data: unknown): HubGreeting | undefined {
  const read = v.safeParse(v.object({ hub: greetingSchema }), data);
  return read.success ? read.output.hub : undefined;
}

/** The answer of the hub that was dialed: frame `hub-linked`, its data. */
const welcomeSchema = v.object({
  hubId: v.custom<PeerId>(isPeerId),
  key: v.custom<string>(isPublicKeyText),
  sig: v.pipe(v.string(), v.regex(/^[\w-]{86}$/)),
  mac: v.exactOptional(v.pipe(v.string(), v.maxLength(64))),
});
export type HubWelcome = v.InferOutput<typeof welcomeSchema>;

export function readWelcome(data: unknown): HubWelcome | undefined {
  const read = v.safeParse(welcomeSchema, data);
  return read.success ? read.output : undefined;
}

/** The words of a proof that a hub knows the token: made for one nonce of the other side, in one role. */
export function macOf(token: string, role: 'dials' | 'answers', self: PeerId, nonce: string): string {
  const words = `xstate-mesh/hub-link/1\n${role}\n${self}\n${nonce}`;
  return createHmac('sha256', token).update(words).digest('base64url');
}

/** Takes the same time whatever was sent. */
export function isMacRight(expected: string, given: string | undefined): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given ?? '')];
  return a.length === b.length ? timingSafeEqual(a, b) : !timingSafeEqual(a, a);
}

/** What the dialed hub signs: for this dialer, this nonce, and the host as dialed. */
export const welcomeText = (host: string, self: PeerId, dialer: PeerId, nonce: string): string =>
  `xstate-mesh/hub-linked/1\n${host}\n${self}\n${dialer}\n${nonce}`;

/** Whether the dialed hub is who it says, in words; undefined when it is. */
export function problemOfWelcome(
  welcome: HubWelcome,
  told: { readonly host: string; readonly dialer: PeerId; readonly nonce: string; readonly token: string | undefined },
  ports: ProofPorts,
): string | undefined {
  const key = ports.fromBase64Url(welcome.key);
  const signature = ports.fromBase64Url(welcome.sig);
  if (key === undefined || signature === undefined) return 'its proof cannot be read';
  if (ports.peerIdOf(key) !== welcome.hubId) return 'its id is not that of its key';
  const words = welcomeText(told.host, welcome.hubId, told.dialer, told.nonce);
  if (!ports.verify(key, new TextEncoder().encode(words), signature)) return 'its signature does not hold';
  const { token } = told;
  if (token !== undefined && !isMacRight(macOf(token, 'answers', welcome.hubId, told.nonce), welcome.mac)) {
    return 'it does not know the token between hubs';
  }
  return undefined;
}
