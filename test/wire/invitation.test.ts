/** Goal: the texts that people hand over say what was meant, and no text of a stranger's says anything else or costs much. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { INVITATION_CHARS_MAX, INVITATION_LIFETIME_MAX_MS, LINK_SIGNALS_MAX } from '../../machines/shared/limits.ts';
import { MeshError } from '../../runtime/errors.ts';
import { fromBase64Url, identityFromSeed, toBase64Url } from '../../runtime/identity/index.ts';
import type { PeerSignal } from '../../runtime/ports/signaling.ts';
import { encoder } from '../../runtime/wire/checks.ts';
import {
  checkInvitationText,
  INVITATION_LABEL,
  readInvitation,
  readInvitationText,
  writeInvitationText,
} from '../../runtime/wire/invitation.ts';

const ada = identityFromSeed(new Uint8Array(32).fill(1));
const bob = identityFromSeed(new Uint8Array(32).fill(2));
const NONCE = 'ab'.repeat(12);
const ATTEMPT = '0190a1b2c3d4e5f60718';
const about = {
  network: 'demo',
  issuedMs: 1_700_000_000_000,
  expiresMs: 1_700_000_600_000,
  nonce: NONCE,
  free: 3,
  degree: 5,
};
const invitation = { kind: 'invitation', ...about, uses: 2, hubs: ['wss://hub.example.org/x'] } as const;
const signals: PeerSignal[] = [
  {
    kind: 'offer',
    attempt: ATTEMPT,
    sdp: 'v=0',
    key: toBase64Url(ada.publicKey),
    random: true,
    degree: 1,
    cap: 8,
    free: 2,
  },
  {
    kind: 'candidate',
    attempt: ATTEMPT,
    candidate: 'candidate:1 1 udp 1 192.0.2.1 5 typ host',
    sdpMid: '0',
    sdpMLineIndex: 0,
  },
];
const reply = {
  kind: 'signals',
  ...about,
  to: bob.peerId,
  number: '0123456789abcdef',
  farewell: false,
  signals,
} as const;
const key = toBase64Url(ada.publicKey);
const read = { from: ada.peerId, key, presence: { v: 1, key, free: 3, degree: 5 } };

/** The error of reading; undefined when the text could be read. */
function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (error instanceof MeshError) return error.code;
    throw error;
  }
}

/** A text of any array, signed as it should be. */
async function signed(array: unknown): Promise<string> {
  const body = encoder.encode(array);
  const signature = await ada.sign(new Uint8Array([...new TextEncoder().encode(INVITATION_LABEL), ...body]));
  return toBase64Url(new Uint8Array([...body, ...signature]));
}
const parts = [
  1,
  1,
  'demo',
  ada.publicKey,
  1_700_000_000_000,
  600_000,
  new Uint8Array(12).fill(0xab),
  3,
  5,
  2,
  ['wss://h'],
];

describe('a text', () => {
  it('says what was written', async () => {
    const { free: _f, degree: _d, ...common } = about;
    expect(readInvitationText(await writeInvitationText(invitation, ada))).toEqual({
      kind: 'invitation',
      ...common,
      ...read,
      uses: 2,
      hubs: ['wss://hub.example.org/x'],
    });
    expect(readInvitationText(await writeInvitationText(reply, ada))).toEqual({
      ...common,
      ...read,
      kind: 'signals',
      to: bob.peerId,
      number: '0123456789abcdef',
      farewell: false,
      signals,
    });
  });

  it('has the bytes of version 1', async () => {
    const text = await writeInvitationText(invitation, ada);
    expect(text).toBe(
      await signed([
        1,
        1,
        'demo',
        ada.publicKey,
        1_700_000_000_000,
        600_000,
        new Uint8Array(12).fill(0xab),
        3,
        5,
        2,
        ['wss://hub.example.org/x'],
      ]),
    );
    expect(text).toMatchInlineSnapshot(
      `"mwEBpGRlbW_EIIqI4910CfGV_VLbLTy6XXLKZwm_HZQSG_N0iAG0D29czwAAAYvP5WgAzgAJJ8DEDKurq6urq6urq6urqwMFApG3d3NzOi8vaHViLmV4YW1wbGUub3JnL3hR_CEUd7o9YKbUlwN7olSEoTNqfC1T_1kYzmT7gpoIz_-M4wP4pWDuL5X-qRkxpy_ETGVu1s_y8NgjCV7UL-4L"`,
    );
  });

  it('is read however it was pasted: with line breaks, or as the link it came in', async () => {
    const text = await writeInvitationText(invitation, ada);
    const wrapped = text.replace(/(.{60})/g, '$1\r\n  ');
    for (const pasted of [wrapped, ` ${text}\n`, `https://example.org/chat#invite=${text}`]) {
      expect(readInvitation(pasted)).toEqual(readInvitation(text));
    }
  });

  it('may have more elements in later versions of its writer', async () => {
    expect(readInvitation(await signed([...parts, { later: [1, 'x'] }, null])).uses).toBe(2);
  });

  it('is no invitation when it answers one', async () => {
    const text = await writeInvitationText(reply, ada);
    expect(codeOf(() => readInvitation(text))).toBe('BAD_INVITATION');
  });

  it('is not written when it would be too long', async () => {
    const sdp = 'x'.repeat(60_000);
    const long = { ...reply, signals: [{ ...(signals[0] as PeerSignal & { kind: 'offer' }), sdp }] };
    await expect(writeInvitationText(long, ada)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });
});

describe('a reader', () => {
  const reader = { peerId: bob.peerId, network: 'demo', nowMs: 1_700_000_100_000 };

  it.each([
    ['WRONG_NETWORK', { network: 'other' }],
    ['EXPIRED', { nowMs: 1_700_000_600_000 }],
    ['BAD_INVITATION', { peerId: ada.peerId }],
    [undefined, { nowMs: 1_700_000_599_999 }],
  ])('judges an invitation: %s', async (code, change) => {
    const content = readInvitationText(await writeInvitationText(invitation, ada));
    expect(codeOf(() => checkInvitationText(content, { ...reader, ...change }))).toBe(code);
  });

  it('takes no text for somebody else', async () => {
    const content = readInvitationText(await writeInvitationText({ ...reply, to: 'cd'.repeat(20) }, ada));
    expect(codeOf(() => checkInvitationText(content, reader))).toBe('BAD_INVITATION');
  });
});

describe('a stranger', () => {
  it('cannot change one character of a text', async () => {
    const text = await writeInvitationText(reply, ada);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(...'AZaz09-_'), (at, digit) => {
        const forged = text.slice(0, at) + digit + text.slice(at + 1);
        if (forged !== text) expect(codeOf(() => readInvitationText(forged))).toMatch(/^BAD_(INVITATION|SIGNATURE)$/);
      }),
      { numRuns: 500 },
    );
  });

  it('cannot cut or lengthen a text', async () => {
    const text = await writeInvitationText(reply, ada);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.stringMatching(/^[A-Za-z0-9_-]{1,20}$/), (length, more) => {
        expect(codeOf(() => readInvitationText(text.slice(0, length)))).toMatch(/^BAD_(INVITATION|SIGNATURE)$/);
        expect(codeOf(() => readInvitationText(text + more))).toMatch(/^BAD_(INVITATION|SIGNATURE)$/);
      }),
      { numRuns: 300 },
    );
  });

  it('cannot write in the name of somebody else', async () => {
    const text = await writeInvitationText(invitation, { ...bob, publicKey: ada.publicKey, sign: (m) => bob.sign(m) });
    expect(codeOf(() => readInvitationText(text))).toBe('BAD_SIGNATURE');
  });

  it.each<[string, (array: unknown[]) => unknown]>([
    ['another version', (a) => a.with(0, 2)],
    ['another kind', (a) => a.with(1, 3)],
    ['no network', (a) => a.with(2, '')],
    ['a long network', (a) => a.with(2, 'n'.repeat(65))],
    ['a short key', (a) => a.with(3, new Uint8Array(31))],
    ['a time before 1970', (a) => a.with(4, -1)],
    ['a broken time', (a) => a.with(4, 0.5)],
    ['no lifetime', (a) => a.with(5, 0)],
    ['a long lifetime', (a) => a.with(5, INVITATION_LIFETIME_MAX_MS + 1)],
    ['a short nonce', (a) => a.with(6, new Uint8Array(11))],
    ['too many slots', (a) => a.with(7, 51)],
    ['too many links', (a) => a.with(8, 52)],
    ['no use', (a) => a.with(9, 0)],
    ['too many uses', (a) => a.with(9, 65)],
    ['too many hubs', (a) => a.with(10, Array(5).fill('ws://h'))],
    ['a long hub', (a) => a.with(10, [`ws://${'h'.repeat(300)}`])],
    ['too few elements', (a) => a.slice(0, 10)],
    ['no array', () => ({ a: 1 })],
  ])('is heard in bounds only: %s', async (_what, change) => {
    const text = await signed(change(parts));
    expect(codeOf(() => readInvitationText(text))).toBe('BAD_INVITATION');
  });

  it('cannot make a reader build much', async () => {
    const many = await signed([
      1,
      2,
      ...parts.slice(2, 9),
      new Uint8Array(20),
      new Uint8Array(8),
      0,
      Array(LINK_SIGNALS_MAX + 1).fill(new Uint8Array(1)),
    ]);
    expect(codeOf(() => readInvitationText(many))).toBe('BAD_INVITATION');
    // An array of 2^32 - 1 elements, in five bytes.
    const bomb = toBase64Url(new Uint8Array([0xdd, 0xff, 0xff, 0xff, 0xff, ...new Uint8Array(80)]));
    expect(codeOf(() => readInvitationText(bomb))).toBe('BAD_INVITATION');
    const startMs = performance.now();
    expect(codeOf(() => readInvitationText('A'.repeat(INVITATION_CHARS_MAX + 1)))).toBe('BAD_INVITATION');
    expect(codeOf(() => readInvitationText(' '.repeat(50_000_000)))).toBe('BAD_INVITATION');
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  it('may paste anything', () => {
    const anyText = fc.oneof(
      fc.string(),
      fc.uint8Array({ maxLength: 400 }).map(toBase64Url),
      fc.jsonValue().map((value) => toBase64Url(encoder.encode([1, 1, value]))),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        expect(codeOf(() => readInvitationText(text))).toMatch(/^BAD_(INVITATION|SIGNATURE)$/);
      }),
      { numRuns: 1_000 },
    );
    expect(codeOf(() => readInvitationText(undefined as unknown as string))).toBe('BAD_INVITATION');
    expect(codeOf(() => readInvitationText({ length: 5 } as unknown as string))).toBe('BAD_INVITATION');
  });

  it('says only what the form allows, whatever signed bytes it sends', async () => {
    const value = fc.oneof(
      fc.integer(),
      fc.string(),
      fc.uint8Array({ maxLength: 64 }),
      fc.constant(null),
      fc.array(fc.string(), { maxLength: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(1, 2), fc.nat(12), value, async (kind, at, part) => {
        const whole =
          kind === 1
            ? parts
            : [1, 2, ...parts.slice(2, 9), fromBase64Url(key)?.subarray(0, 20), new Uint8Array(8), 0, []];
        const text = await signed(whole.map((element, i) => (i === at ? part : element)));
        const code = codeOf(() => readInvitationText(text));
        if (code !== undefined) return void expect(code).toMatch(/^BAD_(INVITATION|SIGNATURE)$/);
        const content = readInvitationText(text);
        expect(content.network.length).toBeLessThanOrEqual(64);
        expect(content.expiresMs - content.issuedMs).toBeGreaterThan(0);
      }),
      { numRuns: 300 },
    );
  });
});
