// What Google does about a write: it answers with an operation, which may fail although the answer was 200. An operation is
// followed to its end within the call's time; one of ours that had not ended by then is remembered, and its group is held
// until it has, so that nothing is computed from a size that is about to change.

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import { createRecent } from "../recent.ts";
import type { OperationAnswer } from "./answers.ts";
import { GCP_CALLS } from "./calls.ts";
import type { GcpCall, GcpCalls } from "./calls.ts";
import { failedOperation } from "./errors.ts";

export interface Operations {
  /**
   * Waits for the end of an operation that a write of ours began.
   * @throws AppError of what it failed with; `timeout` or `unavailable` when its end is not known.
   */
  finish(key: string, call: GcpCall, begun: OperationAnswer, left: () => CallOptions): Promise<void>;
  /** Why the group's size may be about to change by a write of ours; null: it is not. */
  heldBy(key: string, options: CallOptions): Promise<string | null>;
}

/** Of one that does not end: by then Google's own time for it is long over. */
const OPEN_MS = 10 * 60_000;
const WAITS_MAX = 100;
const AGAIN_MS = 50;
const AGAIN_MAX_MS = 1_000;

interface Open {
  readonly name: string;
  readonly sinceMs: number;
}

export function createOperations(
  calls: Pick<GcpCalls, "getOperation" | "waitForOperation">,
  zoneOf: (key: string) => string,
  clock: Clock,
): Operations {
  const open = createRecent<Open>(clock);

  return {
    finish: async (key, call, begun, left) => {
      const { method } = GCP_CALLS[call];
      let operation = begun;
      open.set(key, { name: begun.name, sinceMs: clock.monotonic() });
      for (let waited = 0; operation.status !== "DONE"; waited++) {
        if (waited >= WAITS_MAX)
          throw new AppError("timeout", `${method}: operation ${begun.name} does not end`);
        // Google answers at once where it has too much to do, and is then not asked again at once.
        if (waited > 0)
          await clock.sleep(millis(Math.min(AGAIN_MAX_MS, AGAIN_MS * 2 ** waited)), left().signal);
        operation = await endOf(calls, zoneOf(key), begun.name, method, left());
      }
      open.delete(key);
      const failed = failedOperation(method, operation);
      if (failed !== null) throw failed;
    },
    heldBy: async (key, options) => {
      open.sweep();
      const entry = open.get(key);
      if (entry === undefined) return null;
      if (clock.monotonic() - entry.sinceMs < OPEN_MS && (await isOpen(calls, zoneOf(key), entry, options)))
        return `operation ${entry.name} of ours is still under way at Google: the size may be about to change`;
      if (open.get(key) === entry) open.delete(key);
      return null;
    },
  };
}

/** Whatever goes wrong here, the write itself has been taken: its end is not known. */
async function endOf(
  calls: Pick<GcpCalls, "waitForOperation">,
  zone: string,
  name: string,
  method: string,
  options: CallOptions,
): Promise<OperationAnswer> {
  try {
    return await calls.waitForOperation(zone, name, options);
  } catch (cause) {
    options.signal.throwIfAborted();
    if (kindOf(cause) === "timeout") throw cause;
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      "unavailable",
      `${method}: operation ${name} was begun and its end is not known: ${said}`,
      { cause },
    );
  }
}

/** One that Google does not know any more has ended; one that cannot be asked for may not have. */
async function isOpen(
  calls: Pick<GcpCalls, "getOperation">,
  zone: string,
  { name }: Open,
  options: CallOptions,
): Promise<boolean> {
  try {
    return (await calls.getOperation(zone, name, options)).status !== "DONE";
  } catch (error) {
    options.signal.throwIfAborted();
    return kindOf(error) !== "not-found";
  }
}
