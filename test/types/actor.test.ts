/** Goal: the mesh actor and the package's exports have the types that an app writes against. Checked by the compiler. */
import type { Observable } from 'rxjs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { SnapshotFrom, Subscription } from 'xstate';
import type {
  Identity,
  LinkPort,
  Mesh,
  MeshActor,
  MeshError,
  MeshEvent,
  MeshMethods,
  MeshOptions,
  MeshRef,
  Message,
  MessageId,
  PeerAd,
  PeerId,
  SignalingPort,
} from '../../runtime/index.ts';
import * as entry from '../../runtime/index.ts';

type Ids = [MessageId, PeerId];

/** What a listener of `pattern` gets, as the compiler infers it from a call. */
const heard = (mesh: MeshActor) => {
  mesh.on('message', (event) => {
    expectTypeOf(event).toExtend<Message>();
    expectTypeOf(event.type).toEqualTypeOf<'message'>();
  });
  mesh.on('peer.evicted', ({ alternatives }) => expectTypeOf(alternatives).toEqualTypeOf<readonly PeerAd[]>());
  mesh.on('error', ({ error }) => expectTypeOf(error).toEqualTypeOf<MeshError>());
  mesh.on('peer.*', (event) => {
    if (event.type === 'peer.discovered') expectTypeOf(event.legacy).toBeBoolean();
  });
  mesh.on('*', (event) => expectTypeOf(event).toEqualTypeOf<MeshEvent>());
  // @ts-expect-error There is no such event.
  mesh.on('peer.typo', () => undefined);
  // @ts-expect-error A message has no such field.
  mesh.on('message', ({ sender }) => sender);
};

describe('the mesh actor', () => {
  it('types each listener by its pattern', () => {
    expectTypeOf(heard).toBeFunction();
    expectTypeOf<ReturnType<MeshActor['on']>>().toEqualTypeOf<Subscription>();
    type Observed = ReturnType<typeof observed>;
    expectTypeOf<Observed>().toExtend<Observable<{ readonly hops: number }>>();
  });

  it('is its methods, an XState actor, and a mesh for asMesh', () => {
    expectTypeOf<MeshActor>().toExtend<MeshMethods>();
    expectTypeOf<ReturnType<MeshActor['getSnapshot']>>().toEqualTypeOf<SnapshotFrom<typeof entry.meshMachine>>();
    expectTypeOf<ReturnType<MeshActor['start']>>().toEqualTypeOf<MeshActor>();
    expectTypeOf<Parameters<typeof entry.asMesh>[0]>().toEqualTypeOf<MeshRef>();
    expectTypeOf<ReturnType<typeof entry.asMesh>>().toEqualTypeOf<Mesh>();
  });

  it('takes ports and identities of the app’s own', () => {
    expectTypeOf<SignalingPort>().toExtend<MeshOptions['signaling']>();
    expectTypeOf<readonly (string | SignalingPort)[]>().toExtend<MeshOptions['signaling']>();
    expectTypeOf<LinkPort>().toExtend<MeshOptions['rtc']>();
    expectTypeOf<ReturnType<typeof entry.createIdentity>>().toExtend<Identity>();
    expectTypeOf<Ids>().toEqualTypeOf<[string, string]>();
  });
});

const observed = (mesh: MeshActor) => mesh.observe('message');

describe('the package’s entry', () => {
  it('exports what is documented', () => {
    expect(Object.keys(entry)).toEqual(
      expect.arrayContaining([
        'MeshActor',
        'MeshError',
        'asMesh',
        'createIdentity',
        'createMeshActor',
        'identityFromSeed',
        'meshInput',
        'meshMachine',
      ]),
    );
  });
});
