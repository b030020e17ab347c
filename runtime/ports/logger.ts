export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Where log lines go. `fields` is plain data. The default of a mesh is silence; the command line writes to stderr. */
export interface LoggerPort {
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}
