/**
 * The real surroundings of the command line: this process, the runtime, the hub and the adapters. Everything heavy is
 * imported when it is first used.
 */
import { MeshError } from '../errors.ts';
import type { CliDependencies } from './dependencies.ts';
import { linkPort } from './link-ports.ts';
import { demoPageFolder, packageRoot } from './package-root.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const CRASHES = ['uncaughtException', 'unhandledRejection'] as const;

export function nodeDependencies(): CliDependencies {
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    onSignal(handler) {
      const remove = SIGNALS.map((signal) => {
        const listener = (): void => handler(signal);
        process.on(signal, listener);
        return () => process.off(signal, listener);
      });
      return () => remove.forEach((off) => void off());
    },
    onCrash(handler) {
      for (const name of CRASHES) process.on(name, handler);
      return () => {
        for (const name of CRASHES) process.off(name, handler);
      };
    },
    exit: (code) => process.exit(code),
    now: () => Date.now(),
    version: async () => (await packageRoot()).version,
    async createMesh(options) {
      const { createMeshActor } = await import('../create-mesh.ts');
      return createMeshActor(options);
    },
    async createInvitations(given) {
      const { invitationSignaling, readInvitation } = await import('../../adapters/invitation.ts');
      const { createIdentity } = await import('../identity/index.ts');
      const identity = given ?? createIdentity();
      const port = invitationSignaling({ identity });
      return {
        identity,
        port,
        async invite(options) {
          const text = await port.invite(options);
          return { text, expiresMs: readInvitation(text).expiresMs };
        },
        accept: (text) => port.accept(text),
      };
    },
    async createHub({ env, logger, http }) {
      const { createHubActor, hubOptionsFromEnv } = await import('../../hub/index.ts');
      const options = hubOptionsFromEnv(env);
      return createHubActor({ ...options, logger, ...(http === undefined ? {} : { http }) });
    },
    async load(options, onProgress, stopped) {
      const { LoadRun } = await import('./load-run.ts');
      return new LoadRun(options).run(onProgress, stopped);
    },
    async identitiesFromFile(path, count) {
      const { ensureIdentities } = await import('../identity/identity-file.ts');
      const { holdFile } = await import('../identity/file-hold.ts');
      // Held until this process ends: two peers of one identity take each other's place.
      if (holdFile(path) === undefined) {
        throw new MeshError('IDENTITY_IN_USE', `Another process uses the identities of ${path} (see ${path}.lock).`);
      }
      return ensureIdentities(path, count);
    },
    openStore,
    async newIdentities(count, path) {
      const { appendIdentityRecords, newIdentityRecords } = await import('../identity/identity-file.ts');
      const records = newIdentityRecords(count);
      if (path !== undefined) appendIdentityRecords(path, records);
      return records.map(({ peerId, publicKey }) => ({ peerId, publicKey }));
    },
    async simulate(job, host, heapMb) {
      const { runInThread } = await import('./simulation-thread.ts');
      return runInThread(job, host, heapMb);
    },
    linkPort,
    demoPageFolder,
  };
}

async function openStore(directory: string, name: string): ReturnType<CliDependencies['openStore']> {
  const storage = await import('../../adapters/storage.node.ts');
  try {
    return await storage.openStore({ directory, name });
  } catch (error) {
    if (!(error instanceof storage.StoreError)) throw error;
    const code = error.code === 'STORE_IN_USE' ? 'STORE_IN_USE' : 'STORE_FAILED';
    throw new MeshError(error.code === 'STORE_MISSING' ? 'NOT_AVAILABLE' : code, error.message, { cause: error });
  }
}
