/**
 * Goal: a hub that passes frames on between two others can lose them and nothing else: what it alters, invents or repeats is
 * not heard, and does not move the ends to anything.
 */
import { expect, test } from 'vitest';
import { parseTrunkFrame, routedText } from '../../hub/federation/frames.ts';
import { FEDERATION_TICK_MS, STREAM_RESEND_MAX_MS } from '../../hub/federation/limits.ts';
import { createSeals, type Hello } from '../../hub/federation/seal.ts';
import { Streams } from '../../hub/federation/streams.ts';
import { Trunks } from '../../hub/federation/trunks.ts';
import { createIdentity, fromBase64Url, peerIdOf, toBase64Url, verify } from '../../runtime/identity/index.ts';
import { systemRandom } from '../../runtime/random.ts';

const PORTS = { verify, peerIdOf, fromBase64Url, toBase64Url, random: systemRandom };
let nowMs = 1_000_000;

class End {
  readonly identity = createIdentity();
  readonly got: string[] = [];
  readonly trunks: Trunks;
  readonly streams: Streams;
  /** Every frame that this end was given. */
  readonly heard: string[] = [];
  hear: (text: string) => void = () => undefined;

  constructor() {
    const id = this.identity.peerId;
    const rethrow = (error: unknown): never => {
      throw error;
    };
    this.trunks = new Trunks(id, {
      nowMs: () => nowMs,
      received: (frame) => this.streams.receive(frame),
      changed: () => this.streams.refresh(),
      left: (hub) => this.streams.drop(hub),
      mayRetire: () => false,
      failed: rethrow,
    });
    this.streams = new Streams(id, Math.random(), createSeals({ ...PORTS, identity: this.identity }), this.trunks, {
      nowMs: () => nowMs,
      opened: () => undefined,
      renewed: () => undefined,
      item: (_, item) => void this.got.push(String(item)),
      unconfirmed: (_, items) => {
        throw new Error(`never confirmed: ${items.join()}`);
      },
      lost: rethrow,
      failed: rethrow,
    });
  }
}

/** Two hubs, and what lies in between: `pass` says what becomes of each frame for the second one. */
class Middle {
  readonly a = new End();
  readonly b = new End();
  pass: (text: string) => readonly string[] = (text) => [text];
  readonly #underWay: (() => void)[] = [];

  constructor() {
    this.#join(this.a, this.b, (text) => this.pass(text));
    this.#join(this.b, this.a, (text) => [text]);
  }

  #join(near: End, far: End, pass: (text: string) => readonly string[]): void {
    const trunkOf = (end: End, send: (text: string) => void) =>
      ({ kind: 'socket', hubId: end.identity.peerId, send, close: () => undefined }) as const;
    const back = trunkOf(near, () => undefined);
    far.hear = (text) => {
      far.heard.push(text);
      far.trunks.receive(far.trunks.of(near.identity.peerId) ?? back, text);
    };
    const arrive = (text: string) => () => {
      for (const one of pass(text)) far.hear(one);
    };
    near.trunks.add(trunkOf(far, (text) => void this.#underWay.push(arrive(text))));
  }

  async run(ms: number): Promise<void> {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += FEDERATION_TICK_MS) {
      for (const { trunks, streams } of [this.a, this.b]) {
        trunks.tick();
        streams.tick();
      }
      for (let rounds = 0; rounds < 20; rounds++) {
        await Promise.resolve();
        for (const arrive of this.#underWay.splice(0)) arrive();
      }
    }
  }

  say(item: string): void {
    this.a.streams.send(this.b.identity.peerId, JSON.stringify(item));
  }

  /** The last frame of the first hub with that in its body. */
  frameWith(what: string) {
    const frames = this.b.heard.map((text) => parseTrunkFrame(text));
    const found = frames.findLast((frame) => frame?.type === 'hub-frame' && frame.body.includes(what));
    if (found?.type !== 'hub-frame') throw new Error(`no frame with ${what}`);
    return found;
  }
}

async function linked(): Promise<Middle> {
  const middle = new Middle();
  middle.say('first');
  await middle.run(1_000);
  expect(middle.b.got).toEqual(['first']);
  return middle;
}

test('what is altered on the way is not heard; what was said comes again, once', async () => {
  const middle = await linked();
  middle.pass = (text) => [text.replace('second', 'forged')];
  middle.say('second');
  await middle.run(1_000);
  expect(middle.b.got).toEqual(['first']);
  expect(middle.b.streams.counters.unproven).toBeGreaterThan(0);
  middle.pass = (text) => [text, text];
  await middle.run(2 * STREAM_RESEND_MAX_MS);
  expect(middle.b.got).toEqual(['first', 'second']);
});

test('what is invented in the name of a hub is not heard, sealed with whatever, and moves nothing', async () => {
  const middle = await linked();
  const { a, b } = middle;
  const [from, to] = [a.identity.peerId, b.identity.peerId];
  const known = JSON.parse(middle.frameWith('"data"').body) as {
    born: number;
    toBorn: number;
    data: { stream: number };
  };
  const stranger = createIdentity();
  const seals = createSeals({ ...PORTS, identity: stranger });
  const own = seals.introduce(to, known.born + 1) as Hello;
  const real = JSON.parse(middle.frameWith('"hello"').body) as { hello: Hello };
  const data = { stream: known.data.stream, base: 2, seq: 2, items: ['forged'] };
  const bodies = [
    { ...known, data },
    { ...known, data, hello: real.hello },
    // A later life, with a key of the forger's, or the real one for another life.
    { ...known, born: known.born + 1, data, hello: own },
    { born: known.born + 1, hello: own },
    { born: known.born + 1, hello: real.hello },
    { born: known.born, toBorn: known.toBorn, ack: [1, 1] },
    { born: known.born, reset: [known.toBorn, known.toBorn + 9] },
  ];
  const before = b.streams.counters.unproven;
  for (const body of bodies.map((one) => JSON.stringify(one))) {
    b.hear(routedText({ from, to, hops: 1, body }));
    const secret = seals.meet(from, known.born, real.hello) ?? new Uint8Array(32);
    b.hear(routedText({ from, to, hops: 1, mac: seals.seal(secret, from, to, body), body }));
  }
  expect(b.streams.counters.unproven).toBe(before + 2 * bodies.length);
  middle.say('second');
  await middle.run(1_000);
  expect(b.got).toEqual(['first', 'second']);
});

test('the line that says where a frame goes holds nothing that could change where it goes', () => {
  const [from, to] = [createIdentity().peerId, createIdentity().peerId];
  const frame = { from, to, hops: 3, mac: 'A'.repeat(22), body: '{"born":1}\n{"born":2}' };
  expect(parseTrunkFrame(routedText(frame))).toEqual({ type: 'hub-frame', ...frame });
  for (const mac of ['', '"', `","to":"${from}`, 'A\n', 'A\\', 'A'.repeat(65)]) {
    expect(parseTrunkFrame(`${JSON.stringify({ ...frame, type: 'hub-frame', mac })}\n{}`)).toBeUndefined();
  }
  for (const text of ['', '\n', '{}\n{}', routedText(frame).split('\n')[0] as string]) {
    expect(parseTrunkFrame(text)).toBeUndefined();
  }
});

test('what is repeated, and what was for another hub, is not heard again', async () => {
  const middle = await linked();
  const { a, b } = middle;
  for (const text of [...b.heard]) b.hear(text);
  const other = createIdentity().peerId;
  const frame = middle.frameWith('"data"');
  b.hear(routedText({ ...frame, from: other }));
  a.trunks.receive(
    a.trunks.all[0] as (typeof a.trunks.all)[number],
    routedText({ ...frame, from: b.identity.peerId, to: a.identity.peerId }),
  );
  middle.say('second');
  await middle.run(1_000);
  expect([a.got, b.got]).toEqual([[], ['first', 'second']]);
});
