// What every act needs: the API, time, the groups, and the permission to go on. A call's deadline is never longer
// than what is left of the lease, so that whatever we began has ended before anybody else may begin.

import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { PolicyInput } from "../decide/snapshot.ts";

export type ValidPolicy = Extract<PolicyInput, { kind: "valid" }>;

export interface ActContext {
  readonly client: Pick<KubeClient, "get" | "list" | "mergePatch" | "evict">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Null for a pool without a group. */
  readonly groupOf: (policy: ValidPolicy, pool: string) => NodeGroup | null;
  readonly drainTimeoutMs: Millis;
  /** Limits of one call, made anew for each. @throws AppError unavailable when leadership has ended. */
  readonly call: () => CallLimits;
}

export interface CallLimits {
  readonly signal: AbortSignal;
  readonly deadlineMs: Millis;
}

/** Below this no call is worth beginning. */
const LEAST_MS = 100;

export function createCallLimits(options: {
  readonly signal: AbortSignal;
  readonly validForMs: () => Millis;
  readonly callDeadlineMs: Millis;
}): () => CallLimits {
  return () => {
    options.signal.throwIfAborted();
    const leftMs = options.validForMs();
    if (leftMs < LEAST_MS)
      throw new AppError("unavailable", `nothing is begun with ${leftMs} ms of leadership left`);
    return { signal: options.signal, deadlineMs: millis(Math.min(options.callDeadlineMs, leftMs)) };
  };
}
