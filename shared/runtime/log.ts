// JSON lines on standard output with field names that the compiler checks, so that one query finds one thing in
// the logs of every part. Messages are constant, what varies is in the fields; an error becomes its kind and
// its message. Where lines go and how long they are kept is the platform's business.

import { pino } from "pino";

import type { Clock } from "./clock.ts";
import { AppError, describe, kindOf } from "./errors.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Every field that a line may carry. A new one is added here first, with its unit in its name. */
export interface LogFields {
  /** On every line, from the base. */
  readonly program?: string;
  /** Which part of the program speaks. */
  readonly part?: string;
  readonly node?: string;
  readonly pool?: string;
  readonly policy?: string;
  readonly namespace?: string;
  readonly pod?: string;
  readonly uid?: string;
  /** Index of a GPU on its node. */
  readonly gpu?: number;
  readonly uuid?: string;
  readonly driver?: string;
  /** Return code of a driver or of a process. */
  readonly code?: number;
  readonly call?: string;
  readonly state?: string;
  /** Key of a move. */
  readonly move?: string;
  readonly term?: number;
  readonly phase?: string;
  readonly wave?: string;
  readonly source?: string;
  readonly reason?: string;
  readonly from?: string | number;
  readonly to?: string | number;
  readonly count?: number;
  readonly deadline?: string;
  readonly ms?: number;
  readonly leftMs?: number;
  readonly ageMs?: number;
  readonly seq?: number;
  readonly subject?: string;
  readonly stream?: string;
  readonly bucket?: string;
  readonly resource?: string;
  readonly name?: string;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly url?: string;
  readonly signal?: string;
  readonly version?: string;
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines with the same key that were held back since the last one. */
  readonly heldBack?: number;
  readonly error?: unknown;
}

export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** The same log with fields on every line. */
  child(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** On every line: the program, its version, the node. */
  readonly base: LogFields;
  /** Where lines go instead of standard output. Each call is one line with its line feed. */
  readonly write?: (line: string) => void;
}

/** Writes each line at once: what was logged before a crash is on the page. */
export function createLog(options: LogOptions): Log {
  const destination =
    options.write === undefined ? pino.destination({ dest: 1, sync: true }) : { write: options.write };
  return pino(
    {
      level: options.level,
      base: { ...options.base },
      messageKey: "message",
      errorKey: "error",
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorFields },
    },
    destination,
  ) satisfies Log;
}

/** A log that keeps its lines, for tests. */
export function createLogSink(level: LogLevel = "debug"): {
  readonly log: Log;
  readonly lines: readonly (Readonly<Record<string, unknown>> & {
    readonly level: LogLevel;
    readonly message: string;
  })[];
} {
  const lines: { level: LogLevel; message: string }[] = [];
  const write = (line: string): void => {
    // Our own formatter wrote the line, so it has these fields.
    lines.push(JSON.parse(line) as { level: LogLevel; message: string });
  };
  return { log: createLog({ level, base: {}, write }), lines };
}

export interface QuietLog {
  /** Logs when nothing with this key was logged in the last `everyMs`; else counts the line as held back. */
  log(key: string, level: LogLevel, fields: LogFields, message: string): void;
}

/** For what may happen thousands of times a minute: a malformed message, a peer that refuses. */
export function createQuietLog(log: Log, clock: Pick<Clock, "monotonic">, everyMs = 60_000): QuietLog {
  const seen = new Map<string, { at: number; heldBack: number }>();
  return {
    log(key, level, fields, message) {
      const now = clock.monotonic();
      const last = seen.get(key);
      if (last !== undefined && now - last.at < everyMs) {
        last.heldBack++;
        return;
      }
      // Keys may contain names from outside: the oldest goes, at the price of a line too many.
      seen.delete(key);
      if (seen.size >= QUIET_KEYS_MAX) seen.delete(seen.keys().next().value ?? key);
      seen.set(key, { at: now, heldBack: 0 });
      const heldBack = last?.heldBack ?? 0;
      log[level](heldBack > 0 ? { ...fields, heldBack } : fields, message);
    },
  };
}

const QUIET_KEYS_MAX = 1000;

/** A stack says where our own promise broke; for what the world does to us it is noise. */
function errorFields(error: unknown): Readonly<Record<string, unknown>> {
  const kind = kindOf(error);
  return {
    kind,
    message: describe(error),
    ...(error instanceof AppError ? error.data : {}),
    ...(kind === "bug" && error instanceof Error ? { stack: error.stack } : {}),
  };
}
