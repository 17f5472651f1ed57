// Tells a person what happens, one line each, with the time and how far the run is. It reads the world's
// ledger, not the programs' logs; the sentence behind a change of size is the coordinator's own, from the
// policy's status.

import type { LedgerEntry } from "../../coordinator/replay/world-core.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { parsePolicyStatus } from "../../shared/contract/policy/status.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { gpusUsedOn, poolOf, waitingPods } from "./cluster.ts";
import { GPUS_PER_NODE, ON_DEMAND_POOL, SPOT_POOL } from "./scene.ts";

export interface Narrator {
  say(text: string): void;
  /** Takes up what the ledger has gained, and tells what is old enough. */
  follow(): void;
  /** One line with the state of the fleet. */
  progress(expectedS: number): void;
  /** Tells all that is left. */
  finish(): void;
  /** Everything that was said, for `--json`. */
  readonly lines: readonly Line[];
}

export interface Line {
  readonly at: EpochMs;
  readonly text: string;
}

/** Lines wait so long, so that they come out in order and the coordinator has written why it did what it did. */
const HELD_BACK_MS = 600;

export function createNarrator(options: {
  readonly world: World;
  readonly startedAt: EpochMs;
  readonly now: () => EpochMs;
  readonly print: (line: string) => void;
}): Narrator {
  const { world, startedAt, now, print } = options;
  const lines: Line[] = [];
  const waiting: { readonly at: EpochMs; readonly text: () => string }[] = [];
  const reasons = createReasons(world);
  let read = 0;
  let arrived = { jobs: 0, gpus: 0 };

  const tell = (until: number): void => {
    waiting.sort((one, other) => one.at - other.at);
    while (waiting[0] !== undefined && waiting[0].at <= until) {
      const { at, text } = waiting[0];
      waiting.shift();
      const line = { at, text: text() };
      lines.push(line);
      print(`${clockFace(at, startedAt)}  ${line.text}`);
    }
  };
  const follow = (until: number): void => {
    reasons.note();
    for (const fact of world.ledger.slice(read)) {
      if (fact.kind === "job-submitted") arrived = { jobs: arrived.jobs + 1, gpus: arrived.gpus + fact.gpus };
      const text = sentenceOf(fact, reasons);
      if (text !== null) waiting.push({ at: fact.at, text });
    }
    read = world.ledger.length;
    tell(until);
  };

  return {
    lines,
    say: (text) => waiting.push({ at: now(), text: () => text }),
    follow: () => follow(now() - HELD_BACK_MS),
    finish: () => follow(Infinity),
    progress: (expectedS) => {
      const share = Math.min(99, Math.round((now() - startedAt) / 10 / expectedS));
      const news =
        arrived.jobs === 0
          ? ""
          : `${counted(arrived.jobs, "job")} arrived for ${counted(arrived.gpus, "GPU")}; `;
      const text = `· ${share} %: ${news}${stateOf(world)}`;
      arrived = { jobs: 0, gpus: 0 };
      waiting.push({ at: now(), text: () => text });
    },
  };
}

function stateOf(world: World): string {
  const nodes = world.list("nodes");
  const inPool = (pool: string): number => nodes.filter((node) => poolOf(node) === pool).length;
  const used = nodes.reduce((sum, node) => sum + gpusUsedOn(world, node.metadata.name), 0);
  const size = `${inPool(SPOT_POOL)} spot + ${inPool(ON_DEMAND_POOL)} on-demand nodes`;
  return `${size}, ${used} of ${nodes.length * GPUS_PER_NODE} GPUs in use, ${counted(waitingPods(world).length, "pod")} waiting`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Seconds of the demo, and the trace's own clock at a minute a second. */
function clockFace(at: EpochMs, startedAt: EpochMs): string {
  const passed = Math.max(0, (at - startedAt) / 1000);
  const minutes = Math.floor(passed);
  return `${passed.toFixed(1).padStart(6)} s  [trace ${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}]`;
}

/** What to say of a fact, evaluated when it is said; null for facts that nobody needs to hear. */
function sentenceOf(fact: LedgerEntry, reasons: ReturnType<typeof createReasons>): (() => string) | null {
  switch (fact.kind) {
    case "size-changed":
      return () =>
        `${fact.pool}: ${fact.from} → ${fact.to} nodes${reasons.of(fact.pool, fact.from, fact.to)}`;
    case "node-ready":
      return () => `${fact.node} is ready`;
    case "node-removed":
      return () => `${fact.node} is gone`;
    case "machine-failed":
      return () => `machine ${fact.machine} of ${fact.pool} failed: ${fact.why}`;
    case "pod-evicted":
      return () =>
        `${fact.pod} (${fact.evictionPriority ?? "medium"}) is evicted with ${Math.round(fact.graceMs / 1000)} s of grace`;
    default:
      return null;
  }
}

/**
 * The coordinator's sentence for each size that it wrote, as the policy's status showed it: the status keeps only the
 * last one, so it is noted each time that it changes. Of two pools that moved in one cycle, the other's stands with
 * the pool.
 */
function createReasons(world: World): { note(): void; of(pool: string, from: number, to: number): string } {
  const sentences = new Map<string, string>();
  const ofPool = new Map<string, string>();
  const sizeChange = (pool: string, from: number, to: number): string => `${pool} from ${from} to ${to}`;
  return {
    note: () => {
      const [policy] = world.list("autoscalingpolicies");
      const status = parsePolicyStatus((policy as { readonly status?: unknown } | undefined)?.status);
      const [, ...change] = status?.lastScalingAction?.split(" ") ?? [];
      if (status?.lastScalingReason !== undefined) sentences.set(change.join(" "), status.lastScalingReason);
      for (const { name, decision, because } of status?.pools ?? []) {
        const [first] = because ?? [];
        if (decision === undefined || decision === "hold" || first === undefined) ofPool.delete(name);
        else ofPool.set(name, first.sentence);
      }
    },
    of: (pool, from, to) => {
      const sentence = sentences.get(sizeChange(pool, from, to)) ?? ofPool.get(pool);
      sentences.delete(sizeChange(pool, from, to));
      return sentence === undefined ? "" : `: ${sentence}`;
    },
  };
}
