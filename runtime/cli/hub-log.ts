/** What a hub logs, less what the command that runs it tells in its own way. */
import type { LoggerPort } from '../ports/logger.ts';

/** Leaves out the entries of events while `isTold`: nobody reads the same twice. */
export const logBesides = (logger: LoggerPort, isTold: () => boolean): LoggerPort => ({
  log: (level, message, fields) => {
    if (fields?.['event'] === undefined || !isTold()) logger.log(level, message, fields);
  },
});
