/** What a hub logs of what happens to it, and how loud. Messages are the events' names: machines count them. */
import type { LoggerPort, LogLevel } from '../runtime/ports/logger.ts';
import type { HubEvent, HubEventName } from './hub.events.ts';

const LEVELS: Readonly<Record<HubEventName, LogLevel>> = {
  'hub.listening': 'info',
  'hub.stopped': 'info',
  'hub.discovered': 'info',
  'hub.lost': 'warn',
  'hub.p2pConnected': 'info',
  'hub.p2pDisconnected': 'info',
  'hub.meshReady': 'info',
  'hub.meshMigrated': 'info',
  'hub.meshLost': 'warn',
  'bootstrap.connected': 'info',
  'bootstrap.disconnected': 'warn',
  'session.refused': 'warn',
  'session.opened': 'debug',
  'session.proven': 'debug',
  'peer.announced': 'debug',
  'peer.goodbye': 'debug',
  'peer.disconnected': 'debug',
  error: 'error',
};

export function logEvent(log: LoggerPort, event: HubEvent): void {
  const { type, ...fields } = event;
  if (event.type === 'error') log.log('error', event.error.message, { event: 'error', code: event.error.code });
  else log.log(LEVELS[type], type, { event: type, ...fields });
}
