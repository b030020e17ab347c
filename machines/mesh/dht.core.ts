/**
 * How the root keeps the actors of the DHT: a chart for this peer as a holder, one for each lookup. It passes on what they and
 * the data plane tell each other; what it means is theirs.
 */
import type { DhtFact, DhtReport, LookupOutput, LookupReport } from '../dht/dht.events.ts';
import { emit } from './ledger.core.ts';
import type { MeshSent, MeshWork } from './mesh.events.ts';

const tell = (work: MeshWork, to: string, event: MeshSent): void => void work.effects.push({ do: 'send', to, event });

/** With the exchange, if this peer takes part. */
export function startDht(work: MeshWork): void {
  const { ports } = work.context;
  if (ports.dht !== undefined) work.effects.push({ do: 'spawn', spawn: { actor: 'dht', id: 'dht', input: { ports } } });
}

export function onDhtEvent(work: MeshWork, event: DhtFact | DhtReport | LookupReport): void {
  switch (event.type) {
    case 'lookup.wanted': {
      const input = { ...event.quest, ports: work.context.ports };
      return void work.effects.push({
        do: 'spawn',
        spawn: { actor: 'lookup', id: `lookup:${event.quest.lookup}`, input },
      });
    }
    case 'lookup.asked':
      return tell(work, `lookup:${event.lookup}`, { type: 'paths.asked', count: event.count, own: event.own });
    case 'lookup.heard':
      return tell(work, `lookup:${event.lookup}`, { type: 'path.answered', answer: event.answer });
    case 'lookup.checked':
      return tell(work, `lookup:${event.lookup}`, { type: 'record.checked', holds: event.holds });
    case 'lookup.asks':
    case 'lookup.checks':
      return tell(work, 'exchange', event);
    case 'lookup.progress':
      return emit(work, { ...event, type: 'dht.progress' });
    case 'dht.shifted':
    case 'dht.republished':
      return tell(work, 'dht', event);
    case 'dht.changed':
      return emit(work, event);
    case 'dht.mends':
      return tell(work, 'exchange', { type: 'dht.mend' });
    case 'dht.republishes':
      return tell(work, 'exchange', { type: 'dht.republish' });
  }
}

export const onLookupDone = (work: MeshWork, output: LookupOutput): void =>
  tell(work, 'exchange', { type: 'lookup.ended', output });

export const onLookupFailed = (work: MeshWork, id: string): void =>
  tell(work, 'exchange', { type: 'lookup.failed', lookup: Number(id) });
