/** Goal: the two ends of a native link part only when neither has anything left to say on either lane. */
import { describe, expect, it } from 'vitest';
import { Lanes } from '../../adapters/webrtc-native-lanes.ts';
import type { NativeChannel, NativeConnection } from '../../adapters/webrtc-native-types.ts';

type Listener = (event: { readonly data?: unknown }) => void;

class FakeChannel implements NativeChannel {
  binaryType = '';
  readyState = 'open';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  readonly sent: number[] = [];
  readonly #listeners = new Map<string, Listener>();

  send(data: Uint8Array): void {
    this.sent.push(data.byteLength);
    this.bufferedAmount += data.byteLength;
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

function open() {
  const channels = [new FakeChannel(), new FakeChannel()] as const;
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
