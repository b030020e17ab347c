/** The bytes of signatures: behind an envelope, over all that comes before; left out where nothing is signed. */
import { expect, it } from 'vitest';
import { fromHex, toHex } from '../../machines/shared/ids.ts';
import {
  decodeEnvelope,
  decodeFrame,
  encodeEnvelope,
  encodeFrame,
  encodeMessage,
  signedPart,
} from '../../runtime/wire/codec.ts';
import { ENVELOPE, SAMPLES, SIGNATURE } from './sample-messages.ts';

it('writes and reads the signature of an envelope behind it', () => {
  const body = encodeEnvelope(ENVELOPE);
  const hex = `${toHex(body)}c460${'ab'.repeat(32)}${'cd'.repeat(64)}`;
  const signed = { ...ENVELOPE, signature: SIGNATURE };
  expect(toHex(encodeEnvelope(signed))).toBe(hex);
  expect(decodeEnvelope(fromHex(hex))).toEqual({ ok: true, value: signed });
  expect(signedPart(fromHex(hex))).toEqual(body);
  const short = { key: SIGNATURE.key, sig: new Uint8Array(63) };
  expect(() => encodeEnvelope({ ...ENVELOPE, signature: short })).toThrow('64');
  for (const tail of ['c0', 'c460', `c45f${'ab'.repeat(95)}`, `c460${'ab'.repeat(97)}`, `c4c0${'ab'.repeat(96)}`]) {
    expect(decodeEnvelope(fromHex(toHex(body) + tail)), tail).toMatchObject({ error: { code: 'BAD_ENCODING' } });
  }
});

it.each(['BEACON', 'RECEIPT'] as const)('writes and reads a %s of a network that signs nothing', (type) => {
  const { signature: _signature, ...plain } = SAMPLES[type];
  const bytes = encodeFrame([encodeMessage(plain)]);
  expect(bytes.length).toBe(encodeFrame([encodeMessage(SAMPLES[type])]).length - 34 - 66);
  expect(decodeFrame(bytes)).toEqual({ ok: true, value: { messages: [plain], unknownTypes: 0, unknownFields: 0 } });
});
