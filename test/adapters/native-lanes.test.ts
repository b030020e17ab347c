/** Goal: bulk that waits goes as it was given, and the two ends of a native link part only when neither has anything left to say. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Lanes } from '../../adapters/webrtc-native-lanes.ts';
import type { NativeChannel, NativeConnection } from '../../adapters/webrtc-native-types.ts';
import { LINK_BUFFER_LOW_BYTES } from '../../machines/shared/limits.ts';

type Listener = (event: { readonly data?: unknown }) => void;

class FakeChannel implements NativeChannel {
  binaryType = '';
  readyState = 'open';
  bufferedAmount = 0;
  /** Missing in an engine that does not tell when it is low. */
  bufferedAmountLowThreshold = 0;
  readonly sent: number[] = [];
  /** The first byte of each frame. */
  readonly marks: (number | undefined)[] = [];
  readonly #listeners = new Map<string, Listener>();

  send(data: Uint8Array): void {
    this.sent.push(data.byteLength);
    this.marks.push(data[0]);
    this.bufferedAmount += data.byteLength;
  }
  /** So much went out: tells, as engines do, when that passes the mark. */
  drain(bytes: number): void {
    const before = this.bufferedAmount;
    this.bufferedAmount = Math.max(0, before - bytes);
    const mark = this.bufferedAmountLowThreshold;
    if (before > mark && this.bufferedAmount <= mark) this.tell('bufferedamountlow');
  }
  close(): void {
    this.readyState = 'closed';
  }
  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener);
  }
  removeEventListener(type: string): void {
    this.#listeners.delete(type);
  }
  tell(type: string, data?: ArrayBuffer): void {
    this.#listeners.get(type)?.({ data });
  }
}

function open({ tells = true } = {}) {
  const channels = [new FakeChannel(), new FakeChannel()] as const;
  if (!tells) for (const channel of channels) Reflect.deleteProperty(channel, 'bufferedAmountLowThreshold');
  const heard: string[] = [];
  const connection = {
    createDataChannel: (_label: string, { id }: { readonly id: number }) => channels[id as 0 | 1],
  } as unknown as NativeConnection; // Lanes ask nothing else of a connection.
  const lanes = new Lanes(connection, {
    opened: () => heard.push('opened'),
    frame: () => heard.push('frame'),
    drained: () => heard.push('drained'),
    farewell: () => heard.push('farewell'),
    gone: () => heard.push('gone'),
  });
  for (const channel of channels) channel.tell('open');
  return { lanes, control: channels[0], bulk: channels[1], heard };
}
const GOODBYE = new ArrayBuffer(0);

describe('bulk that waits for the engine', () => {
  const FRAME_BYTES = 15_000;

  it.each([FRAME_BYTES, 3_000])('goes in order, as it was when it was given: frames of %i bytes', (bytes) => {
    const { lanes, bulk, heard } = open();
    const frame = new Uint8Array(bytes);
    // More than are forgotten at a time while others wait.
    const count = 600;
    // Twice: the second time copies are used again.
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < count; n++) expect(lanes.send(frame.fill(n), 'bulk')).toBe(true);
      expect(bulk.sent.length).toBeLessThan((round + 1) * count);
      while (bulk.bufferedAmount > 0) bulk.drain(bytes);
    }
    const once = Array.from({ length: count }, (_, n) => n & 255);
    expect(bulk.marks).toEqual([...once, ...once]);
    expect(heard).toEqual(['opened', 'drained', 'drained']);
    expect(lanes.bufferedBytes).toBeLessThanOrEqual(LINK_BUFFER_LOW_BYTES);
  });

  it('reaches it before it runs dry, a little ahead at any time', () => {
    const { lanes, bulk } = open();
    const frame = new Uint8Array(FRAME_BYTES);
    const count = 100;
    for (let n = 0; n < count; n++) lanes.send(frame, 'bulk');
    for (; bulk.sent.length < count; bulk.drain(FRAME_BYTES)) {
      expect(bulk.bufferedAmount).toBeGreaterThan(100_000);
      expect(bulk.bufferedAmount).toBeLessThan(300_000);
    }
  });

  it('is given more when the engine was faster than the mark that would tell', () => {
    const { lanes, bulk, heard } = open();
    const frame = new Uint8Array(FRAME_BYTES);
    while (bulk.bufferedAmount < 262_144) lanes.send(frame, 'bulk');
    // Between the look that found it full and the mark: the last reading is of then.
    const full = bulk.bufferedAmount;
    let readings = 0;
    Object.defineProperty(bulk, 'bufferedAmount', { get: () => (readings++ === 0 ? full : 0), set: () => undefined });
    const before = bulk.sent.length;
    lanes.send(frame, 'bulk');
    expect(bulk.sent).toHaveLength(before + 1);
    expect(heard).toEqual(['opened']);
  });
});

describe('an engine that does not tell when it is low', () => {
  afterEach(() => void vi.useRealTimers());

  it('is looked after each ms while it moves, more and more seldom while it does not, and no more when all is out', () => {
    vi.useFakeTimers();
    const { lanes, bulk, heard } = open({ tells: false });
    const frame = new Uint8Array(16_000);
    const count = 50;
    for (let n = 0; n < count; n++) expect(lanes.send(frame, 'bulk')).toBe(true);
    const first = bulk.sent.length;
    bulk.drain(200_000);
    vi.advanceTimersByTime(1);
    expect(bulk.sent.length).toBeGreaterThan(first);
    let looks = 0;
    const full = bulk.bufferedAmount;
    const get = (): number => {
      looks++;
      return full;
    };
    Object.defineProperty(bulk, 'bufferedAmount', { get, configurable: true });
    vi.advanceTimersByTime(1_000);
    expect(looks).toBeGreaterThan(30);
    expect(looks).toBeLessThan(300);
    Object.defineProperty(bulk, 'bufferedAmount', { value: 0, writable: true, configurable: true });
    for (let ms = 0; bulk.sent.length < count; ms++) {
      expect(ms).toBeLessThan(40);
      vi.advanceTimersByTime(1);
      bulk.bufferedAmount = 0;
    }
    vi.advanceTimersByTime(16);
    expect(heard).toEqual(['opened', 'drained']);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a goodbye', () => {
  it('is said on both lanes, and answered when it was heard on both', () => {
    const { lanes, control, bulk, heard } = open();
    control.tell('message', GOODBYE);
    expect(heard).toEqual(['opened']);
    bulk.tell('message', GOODBYE);
    expect(heard).toEqual(['opened', 'farewell']);
    expect(lanes.end()).toBe(true);
    expect([control.sent, bulk.sent]).toEqual([[0], [0]]);
  });

  it('that crosses ours waits for the other lane too: the other side may be about to speak there', () => {
    const { lanes, control, bulk, heard } = open();
    lanes.end();
    control.tell('message', GOODBYE);
    expect(heard).toEqual(['opened']);
    bulk.tell('message', GOODBYE);
    expect(heard).toEqual(['opened', 'farewell']);
  });

  it('that crosses ours ends what waits: nobody wants it any more', () => {
    const { lanes, control, bulk } = open();
    const frame = new Uint8Array(16_384);
    for (let i = 0; i < 40; i++) expect(lanes.send(frame, 'bulk')).toBe(true);
    const before = bulk.sent.length;
    expect(before).toBeLessThan(40);
    lanes.end();
    expect(bulk.sent).toHaveLength(before);
    control.tell('message', GOODBYE);
    expect(bulk.sent.slice(before)).toEqual([0]);
  });
});
