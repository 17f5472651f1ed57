// The life of one program: signals become one AbortSignal, what was built is stopped in the reverse order, and an
// error that nobody handled ends the process with the exit code of its kind. Called by main files only; nothing
// else in the repository ends a process.

import { millis } from "../model/units.ts";
import { systemClock } from "./clock.ts";
import type { Clock } from "./clock.ts";
import { AppError, ERROR_KINDS, kindOf } from "./errors.ts";
import type { Log } from "./log.ts";

export interface Program {
  /** Aborted by SIGTERM or SIGINT. Every wait of the program ends with it. */
  readonly signal: AbortSignal;
  /**
   * Called when the program ends, in the reverse order of registration, each within `withinMs` (default 5 s).
   * Register right after building, so that what depends on a thing is stopped before it.
   */
  onStop(name: string, stop: () => unknown, withinMs?: number): void;
}

export interface ProgramOptions {
  readonly name: string;
  readonly log: Log;
  /** Runs the program; returns when its work is over or soon after the signal. */
  readonly main: (program: Program) => Promise<void>;
  /** How long `main` may go on after the signal before it is left behind. */
  readonly settleWithinMs?: number;
  readonly clock?: Pick<Clock, "sleep">;
}

interface Stop {
  readonly name: string;
  readonly stop: () => unknown;
  readonly withinMs: number;
}

/** Runs `main` and then exits the process; the promise never resolves. */
export async function runProgram(options: ProgramOptions): Promise<never> {
  const { name, log, clock = systemClock } = options;
  const stopping = new AbortController();
  const stops: Stop[] = [];

  // 1. Signals: the first asks, the second insists.
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping.signal.aborted) process.exit(128 + SIGNAL_NUMBERS[signal]);
      log.info({ signal }, "stopping");
      stopping.abort(new AppError("unavailable", `${name} was asked to stop by ${signal}`));
    });
  }

  // 2. What nobody handled: our state is unknown, so nothing more is done with it.
  const fatal = (error: unknown): never => {
    log.error({ error }, "unhandled error");
    process.exit(ERROR_KINDS[kindOf(error)].exitCode);
  };
  process.on("uncaughtException", fatal);
  process.on("unhandledRejection", fatal);

  // 3. The program itself.
  const running = options.main({
    signal: stopping.signal,
    onStop: (stopName, stop, withinMs = 5_000) => stops.push({ name: stopName, stop, withinMs }),
  });
  const ended = await endOf(running, stopping.signal, clock, options.settleWithinMs ?? 20_000);
  let exitCode = 0;
  if (ended.kind === "failed" && !isOurStop(ended.error, stopping.signal)) {
    log.error({ error: ended.error }, "failed");
    exitCode = ERROR_KINDS[kindOf(ended.error)].exitCode;
  } else if (ended.kind === "late") {
    log.warn({ ms: options.settleWithinMs ?? 20_000 }, "work did not end after the signal");
    exitCode = ERROR_KINDS.timeout.exitCode;
  }

  // 4. What it built, newest first. One that fails or hangs does not keep the others from stopping.
  if (!stopping.signal.aborted) stopping.abort(new AppError("unavailable", `${name} has ended`));
  for (const one of stops.toReversed()) {
    const stopped = await within(async () => void (await one.stop()), clock, one.withinMs);
    if (stopped.kind === "late") log.warn({ name: one.name, ms: one.withinMs }, "did not stop in time");
    if (stopped.kind === "failed") log.warn({ name: one.name, error: stopped.error }, "did not stop cleanly");
  }
  log.info({ code: exitCode }, "stopped");
  process.exit(exitCode);
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

type End =
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly error: unknown }
  | { readonly kind: "late" };

/** The end of `running`; once the signal fires it has `graceMs` left. */
async function endOf(
  running: Promise<void>,
  signal: AbortSignal,
  clock: Pick<Clock, "sleep">,
  graceMs: number,
): Promise<End> {
  const settled = running.then(
    (): End => ({ kind: "done" }),
    (error: unknown): End => ({ kind: "failed", error }),
  );
  const aborted = Promise.withResolvers<null>();
  signal.addEventListener("abort", () => {
    aborted.resolve(null);
  });
  const first = await Promise.race([settled, aborted.promise]);
  return first ?? (await within(() => settled, clock, graceMs));
}

async function within(
  work: () => Promise<End | void>,
  clock: Pick<Clock, "sleep">,
  withinMs: number,
): Promise<End> {
  const timer = new AbortController();
  const late = clock.sleep(millis(withinMs), timer.signal).then(
    (): End => ({ kind: "late" }),
    (): End => ({ kind: "done" }),
  );
  const done = work().then(
    (end): End => end ?? { kind: "done" },
    (error: unknown): End => ({ kind: "failed", error }),
  );
  const first = await Promise.race([done, late]);
  timer.abort();
  return first;
}

/** After the signal, a wait that ended because of it is the stop that was asked for and no failure. */
function isOurStop(error: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted) return false;
  return (
    error === signal.reason ||
    (error instanceof Error && (error.cause === signal.reason || error.name === "AbortError"))
  );
}
