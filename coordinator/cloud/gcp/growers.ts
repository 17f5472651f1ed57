// Whether something of Google's own sizes a group: GKE a node pool, an autoscaler a managed instance group. Asked of it
// rarely, since somebody has to switch it on. Where that cannot be read it is said, and what was known before holds.

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import { createRecent } from "../recent.ts";
import { within } from "../within.ts";
import type { GcpCalls, NodePoolAt } from "./calls.ts";
import { lastPart } from "./reading.ts";

export interface Growers<At> {
  /** Asks for those that are due; at the deadline with what is known by then. */
  learn(growers: readonly At[], limits: CallOptions): Promise<void>;
  of(grower: At): GrowerNews;
}

export interface GrowerNews {
  /** In words, where it sizes what it stands on; null: it does not. */
  readonly sizes: string | null;
  readonly problem?: string;
}

export type NodePools = Growers<NodePoolAt>;
/** By the path that its group names, from `projects/` on. */
export type Autoscalers = Growers<string>;

/** Seen within a minute, with a look each ten seconds. */
const AGAIN_MS = 45_000;

interface Kind<At> {
  keyOf(at: At): string;
  /** Whether it sizes anything, as it is now. */
  ask(at: At, options: CallOptions): Promise<boolean>;
  readonly words: (key: string) => string;
  /** Of what nobody could read yet. */
  readonly sizesUnread: boolean;
}

/** A pool of which nobody could say is not GKE's: most groups with such a name are sized by nobody. */
export function createNodePools(calls: Pick<GcpCalls, "getNodePool">, clock: Clock): NodePools {
  return createGrowers(
    {
      keyOf: ({ location, cluster, pool }) => `${pool} of ${cluster} in ${location}`,
      ask: async (at, options) => (await calls.getNodePool(at, options)).autoscaling?.enabled === true,
      words: (key) => `GKE's autoscaler sizes node pool ${key}`,
      sizesUnread: false,
    },
    clock,
  );
}

/** One that is switched off stays on its group, which does not say so; one that cannot be read may be on. */
export function createAutoscalers(calls: Pick<GcpCalls, "getAutoscaler">, clock: Clock): Autoscalers {
  return createGrowers(
    {
      keyOf: (path) => path,
      ask: async (path, options) =>
        (await calls.getAutoscaler(path, options)).autoscalingPolicy?.mode !== "OFF",
      words: (path) => `autoscaler ${lastPart(path) ?? path} sizes its group`,
      sizesUnread: true,
    },
    clock,
  );
}

function createGrowers<At>({ keyOf, ask, words, sizesUnread }: Kind<At>, clock: Clock): Growers<At> {
  const kept = createRecent<GrowerNews & { readonly askedMs: number }>(clock);
  const unread = (key: string): string | null => (sizesUnread ? key : null);

  async function askOnce(at: At, options: CallOptions): Promise<void> {
    const key = keyOf(at);
    const before = kept.get(key);
    const askedMs = clock.monotonic();
    if (before !== undefined && askedMs - before.askedMs < AGAIN_MS) return;
    try {
      kept.set(key, { sizes: (await ask(at, options)) ? key : null, askedMs });
    } catch (error) {
      options.signal.throwIfAborted();
      if (kindOf(error) === "bug") throw error;
      // What found no turn is as due as before: it is asked again with the next look.
      const againMs = kindOf(error) === "throttled" ? (before?.askedMs ?? -AGAIN_MS) : askedMs;
      // What was known holds: a rival does not go because nobody answers.
      const problem = `whether ${words(key)} cannot be read: ${describe(error)}`;
      kept.set(key, {
        sizes: before === undefined ? unread(key) : before.sizes,
        problem,
        askedMs: againMs,
      });
    }
  }

  return {
    learn: async (growers, limits) => {
      kept.sweep();
      const each = new Map(growers.map((at) => [keyOf(at), at]));
      try {
        await within(clock, limits, "asking what else sizes groups", async (signal) => {
          const options = { signal, deadlineMs: millis(limits.deadlineMs) };
          await Promise.all([...each.values()].map(async (at) => await askOnce(at, options)));
        });
      } catch (error) {
        limits.signal.throwIfAborted();
        if (kindOf(error) !== "timeout") throw error;
      }
    },
    of: (at) => kept.get(keyOf(at)) ?? { sizes: unread(keyOf(at)) },
  };
}
