// Whether GKE's own autoscaler sizes a group: asked of the node pool that the group's instance template names, rarely,
// since somebody has to switch it on. Where that cannot be read it is said, and nothing is concluded.

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import { createRecent } from "../aws/recent.ts";
import type { CallOptions } from "../group.ts";
import { within } from "../within.ts";
import type { GcpCalls, NodePoolAt } from "./calls.ts";

export interface NodePools {
  /** Asks for those that are due; at the deadline with what is known by then. */
  learn(pools: readonly NodePoolAt[], limits: CallOptions): Promise<void>;
  of(pool: NodePoolAt): NodePoolNews;
}

export interface NodePoolNews {
  /** The pool's name where GKE sizes it; null: it does not, or that is not known. */
  readonly grown: string | null;
  readonly problem?: string;
}

/** Seen within a minute, with a look each ten seconds. */
const AGAIN_MS = 45_000;

export function createNodePools(calls: Pick<GcpCalls, "getNodePool">, clock: Clock): NodePools {
  const kept = createRecent<NodePoolNews & { readonly askedMs: number }>(clock);

  async function ask(at: NodePoolAt, options: CallOptions): Promise<void> {
    const key = keyOf(at);
    const before = kept.get(key);
    const askedMs = clock.monotonic();
    if (before !== undefined && askedMs - before.askedMs < AGAIN_MS) return;
    try {
      const { autoscaling } = await calls.getNodePool(at, options);
      kept.set(key, { grown: autoscaling?.enabled === true ? key : null, askedMs });
    } catch (error) {
      options.signal.throwIfAborted();
      if (kindOf(error) === "bug") throw error;
      // What was known holds: a rival does not go because nobody answers.
      const problem = `whether GKE's autoscaler sizes node pool ${key} cannot be read: ${describe(error)}`;
      kept.set(key, { grown: before?.grown ?? null, problem, askedMs });
    }
  }

  return {
    learn: async (pools, limits) => {
      kept.sweep();
      const each = new Map(pools.map((pool) => [keyOf(pool), pool]));
      try {
        await within(clock, limits, "asking whether GKE sizes a node pool", async (signal) => {
          const options = { signal, deadlineMs: millis(limits.deadlineMs) };
          await Promise.all([...each.values()].map(async (pool) => await ask(pool, options)));
        });
      } catch (error) {
        limits.signal.throwIfAborted();
        if (kindOf(error) !== "timeout") throw error;
      }
    },
    of: (pool) => kept.get(keyOf(pool)) ?? { grown: null },
  };
}

function keyOf({ location, cluster, pool }: NodePoolAt): string {
  return `${pool} of ${cluster} in ${location}`;
}
