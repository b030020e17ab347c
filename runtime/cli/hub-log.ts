/** What a hub logs, less what the command that runs it tells in its own way. */
import type { LoggerPort } from '../ports/logger.ts';

/** Leaves out the entries of events that are told: nobody reads the same twice. */
export const logBesides = (logger: LoggerPort, isTold: (event: string) => boolean): LoggerPort => ({
  log: (level, message, fields) => {
    const event = fields?.['event'];
    if (typeof event !== 'string' || !isTold(event)) logger.log(level, message, fields);
  },
});
