// What an error of a call means for the move that made it. Nothing here tries again: a failed move is decided upon anew,
// after a pause (pauses.ts), and one that may be done is read again first.

import { millis } from "../../shared/model/units.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../shared/runtime/errors.ts";
import type { ActContext } from "./context.ts";
import type { Outcome } from "./moves.ts";

export type Failed = Extract<Outcome, { kind: "failed" }>;

/** Of a write: it may have taken effect all the same. An answer that cannot be read says as little as none. */
export function isMaybeDone(kind: ErrorKind): boolean {
  return kind === "timeout" || kind === "unavailable" || kind === "malformed";
}

export function failedBy(error: unknown): Failed {
  const retryAfterMs = error instanceof AppError ? error.retryAfterMs : null;
  return {
    kind: "failed",
    detail: describe(error),
    ...(retryAfterMs === null ? {} : { retryAfterMs: millis(retryAfterMs) }),
  };
}

/** Of a growth: with what it says of the pool or of the cloud's stock. */
export function launchFailedBy(
  error: unknown,
  { launchFailureOf }: Pick<ActContext, "launchFailureOf">,
): Failed {
  const failure = launchFailureOf(error);
  return { ...failedBy(error), ...(failure === undefined ? {} : { failure }) };
}

/** An error before anything was asked of the group is a failure with nothing to settle. */
export async function attempt(
  action: () => Promise<Outcome>,
  failed: (error: unknown) => Failed = failedBy,
): Promise<Outcome> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === "bug") throw error;
    return failed(error);
  }
}
