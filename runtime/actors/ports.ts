/**
 * The actor ports that charts name, joined to adapters (the link's is in `link-actor.ts`): each is a callback actor that translates and decides nothing.
 * What differs by mesh or peer comes in as `input`, so that the provided charts are shared by the whole process.
 */
import { type CallbackActorLogic, fromCallback } from 'xstate';
import type { ExchangeCommand, ExchangeFact, ExchangeInput } from '../../machines/mesh/mesh.events.ts';
import { KNOWN_PEERS_MAX } from '../../machines/shared/limits.ts';
import type {
  PeerFact,
  ProverInput,
  SignalingEvent,
  SocketCommand,
  SocketInput,
} from '../../machines/signaling/signaling.events.ts';
import { MeshError } from '../errors.ts';
import { createExchange, type RunningExchange } from '../exchange/exchange.ts';
import { toBase64Url } from '../identity/index.ts';
import { hubProofText } from '../wire/signaling-frames.ts';

/** One session with a hub, or with whatever a signaling port stands for. */
export const socketActor: CallbackActorLogic<SocketCommand, SocketInput> = fromCallback(
  ({ input, receive, sendBack }) => {
    const { clock, identity } = input.ports;
    const tell = (event: SignalingEvent): void => sendBack(event as never);
    let peers: PeerFact[] = [];
    let timer: unknown;
    const tellPeers = (): void => {
      clock.clearTimeout(timer);
      timer = undefined;
      const batch = peers;
      peers = [];
      if (batch.length > 0) tell({ type: 'hub.peers', peers: batch });
    };
    const connection = input.port.connect(identity.peerId, (fact) => {
      if (fact.type === 'peer') {
        peers.push(fact);
        if (peers.length >= KNOWN_PEERS_MAX) tellPeers();
        else timer ??= clock.setTimeout(tellPeers, 0);
        return;
      }
      tellPeers();
      tell({ ...fact, type: `hub.${fact.type}` } as SignalingEvent);
    });
    receive((command) => {
      try {
        if (command.type === 'socket.send') connection.send(command.command);
        else connection.close();
      } catch (error) {
        connection.close();
        throw error;
      }
    });
    return () => {
      clock.clearTimeout(timer);
      connection.close();
    };
  },
);

/** Signs a hub's challenge. The signer may answer later. */
export const proverActor: CallbackActorLogic<{ type: 'none' }, ProverInput> = fromCallback(({ input, sendBack }) => {
  const { identity } = input.ports;
  const text = hubProofText(input.challenge.host, identity.peerId, input.challenge.nonce);
  const tell = (event: SignalingEvent): void => sendBack(event as never);
  const failed = (why: unknown): void => tell({ type: 'proof.failed', why: String(why) });
  const made = (sig: Uint8Array): void =>
    tell({ type: 'proof.made', key: toBase64Url(identity.publicKey), sig: toBase64Url(sig) });
  try {
    const signature = identity.sign(new TextEncoder().encode(text));
    if (signature instanceof Uint8Array) made(signature);
    else signature.then(made, failed);
  } catch (error) {
    failed(error);
  }
});

/** The data plane, for as long as the mesh lives. */
export const exchangeActor: CallbackActorLogic<ExchangeCommand, ExchangeInput> = fromCallback(
  ({ input, receive, sendBack }) => {
    const { ports, network, maxPeers } = input;
    const report = (fact: ExchangeFact): void => sendBack(fact as never);
    const exchange = createExchange({ ports, network, maxPeers, report });
    ports.exchange = exchange;
    receive((command) => obey(exchange, command, input, report));
    const watching = ports.environment?.changes.subscribe((change) => {
      exchange.count(`environment.${change.type}`);
      // Hubs first: a link that is to be healed needs one.
      report({ type: 'environment.changed', change });
      exchange.shake(change.type === 'network' && change.cut);
    });
    return () => {
      watching?.unsubscribe();
      exchange.stop();
      if (ports.exchange === exchange) ports.exchange = undefined;
    };
  },
);

function obey(
  exchange: RunningExchange,
  command: ExchangeCommand,
  input: ExchangeInput,
  report: (fact: ExchangeFact) => void,
): void {
  switch (command.type) {
    case 'exchange.send':
      exchange.send(command.to, command.message);
      return;
    case 'exchange.relay':
      return exchange.relays.originate(command.to, command.signal);
    case 'exchange.neighbours':
      return exchange.announceNeighbours(command.peers);
    case 'exchange.doubt':
      return exchange.doubt(command.remote);
    case 'exchange.alarm':
      return exchange.merits.alarm();
    case 'exchange.moved':
      return exchange.moved();
    case 'lookup.asks':
    case 'lookup.checks':
    case 'lookup.ended':
    case 'lookup.failed':
    case 'dht.mend':
    case 'dht.republish':
      return exchange.dht?.obey(command);
    case 'link.mode':
      return exchange.setMode(command.remote, command.mode);
    case 'mesh.broadcast':
      return reply(command.ref, report, () => ({ id: exchange.broadcast(command.data, command.options ?? {}) }));
    case 'mesh.direct': {
      const { to, data, ref, options = {} } = command;
      const timeoutMs = options.timeoutMs ?? input.directTimeoutMs;
      const settle = {
        done: (result: { id: string; to: string; hops: number; ms: number }) => {
          if (ref !== undefined) report({ type: 'exchange.replied', ref, ok: true, result });
        },
        failed: (error: Error) => refuse(ref, report, error),
      };
      try {
        exchange.direct(to, data, { ...options, timeoutMs }, settle);
      } catch (error) {
        refuse(ref, report, error);
      }
    }
  }
}

function reply(ref: string | undefined, report: (fact: ExchangeFact) => void, act: () => { id: string }): void {
  try {
    const result = act();
    if (ref !== undefined) report({ type: 'exchange.replied', ref, ok: true, result });
  } catch (error) {
    refuse(ref, report, error);
  }
}

/** A command that failed: its caller hears it by `ref`; without one the mesh reports it as an error. */
function refuse(ref: string | undefined, report: (fact: ExchangeFact) => void, error: unknown): void {
  const code = error instanceof MeshError ? error.code : 'BAD_COMMAND';
  const message = error instanceof Error ? error.message : String(error);
  report({ type: 'exchange.replied', ref: ref ?? '', ok: false, error: { code, message } });
}
