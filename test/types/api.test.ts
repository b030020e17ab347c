/** Goal: the public types say what they promise: events by pattern, exact options, typed errors. Checked by the compiler. */
import { describe, expectTypeOf, it } from 'vitest';
import type {
  DisconnectReason,
  EventOf,
  MeshEvent,
  MeshEventPattern,
  MeshMethods,
  MeshOptions,
} from '../../runtime/api.ts';
import type { MeshError, MeshErrorCode } from '../../runtime/errors.ts';

describe('events', () => {
  it('are typed by their name', () => {
    expectTypeOf<EventOf<'message'>['hops']>().toEqualTypeOf<number>();
    expectTypeOf<EventOf<'message'>['data']>().toBeUnknown();
    expectTypeOf<EventOf<'peer.disconnected'>['reason']>().toEqualTypeOf<DisconnectReason>();
    expectTypeOf<EventOf<'error'>['error']>().toEqualTypeOf<MeshError>();
  });

  it('are a union for a prefix, and all of them for *', () => {
    expectTypeOf<EventOf<'peer.*'>['type']>().toExtend<`peer.${string}`>();
    expectTypeOf<'peer.connected'>().toExtend<EventOf<'peer.*'>['type']>();
    expectTypeOf<EventOf<'*'>>().toEqualTypeOf<MeshEvent>();
  });

  it('know no other name and no other prefix', () => {
    expectTypeOf<'peer.typo'>().not.toExtend<MeshEventPattern>();
    expectTypeOf<'typo.*'>().not.toExtend<MeshEventPattern>();
  });
});

describe('options', () => {
  it('take hubs as text, as a list, or none', () => {
    expectTypeOf<'ws://localhost:3000'>().toExtend<MeshOptions['signaling']>();
    expectTypeOf<readonly string[]>().toExtend<MeshOptions['signaling']>();
    expectTypeOf<Record<never, never>>().toExtend<MeshOptions>();
  });

  it('refuse what does not exist', () => {
    // @ts-expect-error A misspelt option is an error, not silence.
    const options: MeshOptions = { signalling: [] };
    // @ts-expect-error A number is no network.
    const network: MeshOptions = { network: 1 };
    expectTypeOf([options, network]).toEqualTypeOf<MeshOptions[]>();
  });
});

describe('methods', () => {
  it('return promises where they wait', () => {
    expectTypeOf<ReturnType<MeshMethods['leave']>>().toEqualTypeOf<Promise<void>>();
    expectTypeOf<Awaited<ReturnType<MeshMethods['direct']>>['ms']>().toEqualTypeOf<number>();
    expectTypeOf<ReturnType<MeshMethods['broadcast']>>().toEqualTypeOf<string>();
  });

  it('fail with one of the known codes', () => {
    expectTypeOf<MeshError['code']>().toEqualTypeOf<MeshErrorCode>();
    expectTypeOf<'JOIN_TIMEOUT'>().toExtend<MeshErrorCode>();
    expectTypeOf<'TYPO'>().not.toExtend<MeshErrorCode>();
  });
});
