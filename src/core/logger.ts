// The operator's log (pino's shape): what the process says about itself. It is not the evidence; that is src/core/log.ts.

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
