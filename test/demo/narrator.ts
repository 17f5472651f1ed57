// Tells a person what happens, one line each, with the time and how far the run is. It reads the world's
// ledger, not the programs' logs; the sentence behind a change of size is the coordinator's own, from the
// policy's status.

import type { World } from "../../coordinator/replay/world.ts";
import type { LedgerEntry } from "../../coordinator/replay/world-core.ts";
import { POLICY } from "../../shared/model/names.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { gpusUsedOn, poolOf, waitingPods } from "./cluster.ts";
import { GPUS_PER_NODE } from "./scene.ts";

export interface Narrator {
  say(text: string): void;
  /** Tells what the ledger has gained since the last call. */
  follow(): void;
  /** One line with the state of the fleet. */
  progress(expectedS: number): void;
  /** Everything that was said, for `--json`. */
  readonly lines: readonly { readonly at: EpochMs; readonly text: string }[];
}

export function createNarrator(options: {
  readonly world: World;
  readonly startedAt: EpochMs;
  readonly now: () => EpochMs;
  readonly print: (line: string) => void;
}): Narrator {
  const { world, startedAt, now, print } = options;
  const lines: { at: EpochMs; text: string }[] = [];
  let told = 0;

  const sayAt = (at: EpochMs, text: string): void => {
    lines.push({ at, text });
    print(`${clockFace(at, startedAt)}  ${text}`);
  };

  return {
    lines,
    say: (text) => sayAt(now(), text),
    follow: () => {
      const fresh = world.ledger.slice(told);
      told = world.ledger.length;
      for (const { at, text } of sentences(fresh, world)) sayAt(at, text);
    },
    progress: (expectedS) => {
      const passedS = Math.round((now() - startedAt) / 1000);
      const nodes = world.list("nodes");
      const inPool = (pool: string): number => nodes.filter((node) => poolOf(node) === pool).length;
      const used = nodes.reduce((sum, node) => sum + gpusUsedOn(world, node.metadata.name), 0);
      const share = Math.min(99, Math.round((100 * passedS) / expectedS));
      sayAt(
        now(),
        `· ${share} %: ${inPool("spot")} spot + ${inPool("on-demand")} on-demand nodes, ${used} of ${nodes.length * GPUS_PER_NODE} GPUs in use, ${waitingPods(world).length} pods wait`,
      );
    },
  };
}

/** Seconds of the demo, and the trace's own clock at a minute a second. */
function clockFace(at: EpochMs, startedAt: EpochMs): string {
  const passed = Math.max(0, (at - startedAt) / 1000);
  const minutes = Math.floor(passed);
  return `${passed.toFixed(1).padStart(6)} s  [trace ${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}]`;
}

function sentences(facts: readonly LedgerEntry[], world: World): readonly { readonly at: EpochMs; readonly text: string }[] {
  const told: { at: EpochMs; text: string }[] = [];
  const arrivals = facts.filter((fact) => fact.kind === "job-submitted");
  if (arrivals.length > 0) {
    const gpus = arrivals.reduce((sum, job) => sum + job.gpus, 0);
    const at = arrivals[0]?.at;
    if (at !== undefined) told.push({ at, text: `${arrivals.length} job${arrivals.length === 1 ? "" : "s"} arrived for ${gpus} GPU${gpus === 1 ? "" : "s"}` });
  }
  for (const fact of facts) {
    const text = sentence(fact, world);
    if (text !== null) told.push({ at: fact.at, text });
  }
  return told;
}

function sentence(fact: LedgerEntry, world: World): string | null {
  switch (fact.kind) {
    case "size-changed":
      return `${fact.pool}: ${fact.from} → ${fact.to} nodes${whySize(fact.pool, world)}`;
    case "node-ready":
      return `${fact.node} is ready`;
    case "node-removed":
      return `${fact.node} is gone`;
    case "machine-failed":
      return `machine ${fact.machine} of ${fact.pool} failed: ${fact.why}`;
    case "pod-evicted":
      return `${fact.pod} (${fact.evictionPriority ?? "medium"}) is evicted with ${Math.round(fact.graceMs / 1000)} s of grace`;
    default:
      return null;
  }
}

/** The coordinator's last sentence on this pool, when it has written one. */
function whySize(pool: string, world: World): string {
  const policy = world.list("autoscalingpolicies")[0] as
    | { readonly kind?: string; readonly status?: { readonly lastScalingAction?: string; readonly lastScalingReason?: string } }
    | undefined;
  const reason = policy?.status?.lastScalingReason;
  return reason === undefined || policy?.status?.lastScalingAction?.includes(pool) !== true ? "" : ` (${POLICY.kind}: ${reason})`;
}
