// What every act needs: the API, time, the groups, and the permission to go on. A call's deadline is shorter than
// what is left of the lease, so that whatever we began has ended before anybody else may begin.

import type { LaunchFailureKind } from "../../shared/contract/policy/status.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { Capped } from "../cloud/scale/capped.ts";
import type { PolicyInput } from "../decide/snapshot.ts";

export type ValidPolicy = Extract<PolicyInput, { kind: "valid" }>;

export interface ActContext {
  readonly client: Pick<KubeClient, "get" | "list" | "mergePatch" | "evict">;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Null for a pool without a group. */
  readonly groupOf: (policy: ValidPolicy, pool: string) => NodeGroup | null;
  /** What an error of a growth says of the pool or of the cloud's stock; undefined where it says nothing of either. */
  readonly launchFailureOf: (error: unknown) => LaunchFailureKind | undefined;
  /** Groups whose own limits we lowered, also those that no policy names any more. Absent: none are looked for. */
  readonly capped?: Capped;
  readonly drainTimeoutMs: Millis;
  /**
   * How long the pools of a policy whose groups refuse nothing are still left alone, because a call of the leader before
   * may be on its way; 0: not at all.
   */
  readonly quietMs: (policy: string) => Millis;
  /** For so long after we have given up a call it may still take effect. */
  readonly maybeMs: Millis;
  /** For so long from now what leaders before us have sent may still take effect; 0: not any more. */
  readonly inheritedMs: () => Millis;
  /** Whether a notice has come since this cycle began, so that what can wait should. Absent: never. */
  readonly hurries?: () => boolean;
  /** Limits of one call, made anew for each. @throws AppError unavailable when leadership has ended. */
  readonly call: () => CallLimits;
}

export interface CallLimits {
  readonly signal: AbortSignal;
  readonly deadlineMs: Millis;
}

/** Below this no call is worth beginning. */
const LEAST_MS = 100;
/** A call ends so long before the lease: the timer that ends it may be late on a machine that is busy. */
const SPARE_MS = 100;

/**
 * `signal` ends the beginning of calls, and `calls` those that were begun; without it they end together.
 */
export function createCallLimits(options: {
  readonly signal: AbortSignal;
  readonly calls?: AbortSignal;
  readonly validForMs: () => Millis;
  readonly callDeadlineMs: Millis;
}): () => CallLimits {
  return () => {
    options.signal.throwIfAborted();
    const leftMs = options.validForMs();
    if (leftMs < LEAST_MS + SPARE_MS)
      throw new AppError("unavailable", `nothing is begun with ${Math.floor(leftMs)} ms of leadership left`);
    return {
      signal: options.calls ?? options.signal,
      deadlineMs: millis(Math.min(options.callDeadlineMs, leftMs - SPARE_MS)),
    };
  };
}

/** Longer than a provider takes over most calls, and short beside what a stop in order may take. */
const FINISH_MS = millis(1_000);

/**
 * A signal for calls that are on their way when leadership ends: it follows a moment later. Cut off, they would be carried
 * out all the same, perhaps after the next leader has looked.
 */
export function lingering(signal: AbortSignal, clock: Clock): AbortSignal {
  const calls = new AbortController();
  const follow = (): void => {
    void clock.sleep(FINISH_MS).then(() => calls.abort(signal.reason));
  };
  if (signal.aborted) follow();
  else signal.addEventListener("abort", follow, { once: true });
  return calls.signal;
}
