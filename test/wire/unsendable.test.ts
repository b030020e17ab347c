/** Goal: what no receiver would accept is not encoded either: a typed error says why; and the largest of all messages fits a frame. */
import { describe, expect, it } from 'vitest';
import { RELIABLE_TIMEOUT_MAX_MS } from '../../machines/shared/gossip-limits.ts';
import * as limits from '../../machines/shared/limits.ts';
import { decodeEnvelope, decodeFrame, encodeEnvelope, encodeFrame, encodeMessage } from '../../runtime/wire/codec.ts';
import type { Message } from '../../runtime/wire/messages.ts';
import { AD, ENVELOPE, KEY, PEER_A, SAMPLES, SIGNATURE } from './sample-messages.ts';

describe('what is never sent', () => {
  const thrown = (encodeIt: () => unknown): unknown => {
    try {
      return encodeIt();
    } catch (error) {
      return error;
    }
  };
  const BAD: readonly (readonly [what: string, message: Message, code: string])[] = [
    ['a wrong peer id', { ...SAMPLES.HELLO, peerId: 'x' }, 'BAD_OPTION'],
    ['an upper-case id', { ...SAMPLES.LOCK, other: PEER_A.toUpperCase() }, 'BAD_OPTION'],
    ['a cap out of range', { ...SAMPLES.HELLO, cap: 51 }, 'BAD_OPTION'],
    ['a HELLO above its size', { ...SAMPLES.HELLO, features: Array(16).fill('x'.repeat(32)) }, 'TOO_LARGE'],
    ['a long reason', { ...SAMPLES.CLOSE, reason: 'x'.repeat(129) }, 'BAD_OPTION'],
    ['half a character', { ...SAMPLES.CLOSE, reason: '\ud800' }, 'BAD_OPTION'],
    ['too many neighbours', { ...SAMPLES.NEIGHBOURS, peers: Array(52).fill(AD) }, 'BAD_OPTION'],
    ['a stamp of NaN', { type: 'PING', stampMs: Number.NaN }, 'BAD_OPTION'],
    ['no hops', { ...SAMPLES.GOSSIP, hops: 0 }, 'BAD_OPTION'],
    ['an envelope over its limit', { ...SAMPLES.GOSSIP, envelope: new Uint8Array(16_321) }, 'TOO_LARGE'],
    ['a receipt of nothing', { ...SAMPLES.RECEIPT, id: '' }, 'BAD_OPTION'],
  ];
  it.each(BAD)('%s throws a typed error', (_, message, code) => {
    expect(thrown(() => encodeMessage(message))).toMatchObject({ name: 'MeshError', code });
  });

  it.each(['', 'AAAA', `${KEY}=`, `${KEY.slice(0, -1)}t`])(
    'the key "%s", which is none, but the peer without it',
    (key) => {
      const target = { ...AD, key };
      expect(decodeFrame(encodeFrame([encodeMessage({ ...SAMPLES.DIAL, target })]))).toMatchObject({
        value: { messages: [{ target: { ...AD, key: '' } }] },
      });
    },
  );

  it('refuses envelopes that no receiver would take', () => {
    const { to: _, ...addressless } = ENVELOPE;
    for (const envelope of [
      addressless,
      { ...ENVELOPE, kind: 'broadcast' as const },
      { ...ENVELOPE, network: '' },
      { ...ENVELOPE, topic: 'x'.repeat(129) },
      { ...ENVELOPE, topic: '\udc00' },
      { ...ENVELOPE, seq: 0 },
      { ...ENVELOPE, ttlMs: 0.5 },
      { ...ENVELOPE, id: PEER_A },
      { ...ENVELOPE, order: { epoch: 1, number: 0 } },
      { ...ENVELOPE, confirmMs: RELIABLE_TIMEOUT_MAX_MS + 1 },
    ]) {
      expect(thrown(() => encodeEnvelope(envelope))).toMatchObject({ name: 'MeshError', code: 'BAD_OPTION' });
    }
    const payload = new Uint8Array(limits.PAYLOAD_BYTES_MAX + 1);
    expect(thrown(() => encodeEnvelope({ ...ENVELOPE, payload }))).toMatchObject({ code: 'TOO_LARGE' });
  });

  it('fits the largest payload with the longest names into one frame', () => {
    const envelope = encodeEnvelope({
      ...ENVELOPE,
      network: '\u20ac'.repeat(limits.NETWORK_NAME_MAX),
      topic: '\u20ac'.repeat(limits.TOPIC_NAME_MAX),
      seq: Number.MAX_SAFE_INTEGER,
      hopsMax: 255,
      sentAtMs: 1.7e12 + 0.5,
      ttlMs: limits.TTL_LIMIT_MS,
      payload: new Uint8Array(limits.PAYLOAD_BYTES_MAX),
      form: 'room',
      signature: SIGNATURE,
      part: { whole: 'cd'.repeat(16), index: limits.PARTS_MAX - 1, count: limits.PARTS_MAX },
      order: { epoch: Number.MAX_SAFE_INTEGER, number: Number.MAX_SAFE_INTEGER },
      confirmMs: RELIABLE_TIMEOUT_MAX_MS,
    });
    const names = 3 * (limits.NETWORK_NAME_MAX + limits.TOPIC_NAME_MAX);
    expect(envelope.length - names - limits.PAYLOAD_BYTES_MAX).toBeLessThanOrEqual(limits.ENVELOPE_FIXED_BYTES_MAX);
    const frame = encodeFrame([encodeMessage({ type: 'GOSSIP', hops: 255, envelope })]);
    expect(frame.length).toBeLessThanOrEqual(limits.FRAME_BYTES_MAX);
    expect(decodeFrame(frame)).toMatchObject({ ok: true });
    expect(decodeEnvelope(envelope)).toMatchObject({ ok: true });
  });
});
