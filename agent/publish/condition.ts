// The node's condition GpuHealthy: what is wrong with its GPUs, for people and programs that read nodes. Written by
// server-side apply under a field manager that owns this one condition, so that the kubelet's stay as they are. It is
// written in the background, again until it works, and nobody waits for it.

import type { HealthFinding, NodeHealth } from "../../shared/model/gpu-health.ts";
import { toInstantText } from "../../shared/model/instant.ts";
import type { Condition, Node } from "../../shared/model/kube.ts";
import { FIELD_MANAGER, NODE_CONDITION } from "../../shared/model/names.ts";
import type { Random } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";
import type { Applier } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Log } from "../../shared/runtime/log.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import { backoffMs, pauseAfter } from "../../shared/runtime/retry.ts";

/** What the condition says, without its times. */
export interface GpuCondition {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
}

export interface ConditionWriter {
  /** From now on the node is to say this. Returns at once. */
  say(condition: GpuCondition): void;
  /** After the signal, when nothing is written any more. Never rejects. */
  readonly ended: Promise<void>;
}

export interface ConditionWriterOptions {
  readonly client: Applier;
  readonly node: string;
  /** As the watch shows it; undefined before that. Read for the condition that the agent before this one wrote. */
  readonly ownNode: () => Node | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** A reader tells by its age that nobody keeps the condition any more. */
export const CONDITION_HEARTBEAT_MS = 5 * 60_000;
const DEADLINE = millis(10_000);
const BACKOFF = { baseMs: millis(1_000), capMs: millis(60_000) };
const MESSAGE_AT_MOST = 1_000;
const FINDINGS_IN_A_MESSAGE = 5;

/** Pure. A GPU that works and should be seen to leaves the condition True: the message says what. */
export function conditionOf(node: NodeHealth, findings: readonly HealthFinding[]): GpuCondition {
  const counted = findings.filter(({ level }) => level === "fatal" || level === "degraded");
  switch (node) {
    case "healthy":
      return { status: "True", reason: "GpusHealthy", message: "Nothing is known to be wrong with the GPUs" };
    case "degraded":
      return { status: "True", reason: "GpusDegraded", message: listed(counted) };
    case "fatal":
      return { status: "False", reason: reasonOf(counted[0]), message: listed(counted) };
    case "unknown":
      return {
        status: "Unknown",
        reason: "GpusCannotBeAsked",
        message: [
          "The GPUs have not answered for 5 minutes",
          ...(counted.length > 0 ? [listed(counted)] : []),
        ].join("; "),
      };
  }
}

/** `fell-off-bus` is FellOffBus: a condition's reason is one word. */
function reasonOf(finding: HealthFinding | undefined): string {
  const parts = (finding?.rule ?? "gpu-fault").split("-");
  return parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
}

function listed(findings: readonly HealthFinding[]): string {
  const told = findings
    .slice(0, FINDINGS_IN_A_MESSAGE)
    .map(
      ({ gpu, evidence, remedy, clears }) => `${gpu ?? "node"}: ${evidence} (${remedy}; over by ${clears})`,
    );
  const more = findings.length - told.length;
  return [...told, ...(more > 0 ? [`and ${more} more`] : [])].join("; ").slice(0, MESSAGE_AT_MOST);
}

export function createConditionWriter(options: ConditionWriterOptions): ConditionWriter {
  const { client, node, clock, random, signal } = options;
  const quiet = createQuietLog(options.log, clock);
  let wanted: GpuCondition | null = null;
  let written: { readonly condition: GpuCondition; readonly changedAt: EpochMs } | null = null;
  let waiter: AbortController | null = null;

  /** When the status became what it is: ours if we wrote it, else as the node has it, else now. */
  const changedAt = (status: GpuCondition["status"], now: EpochMs): EpochMs => {
    if (written !== null) return written.condition.status === status ? written.changedAt : now;
    const there = options
      .ownNode()
      ?.status?.conditions?.find(({ type }) => type === NODE_CONDITION.gpuHealthy);
    const at = there?.status === status ? Date.parse(there.lastTransitionTime ?? "") : Number.NaN;
    return at >= 0 ? epochMs(at) : now;
  };

  const write = async (condition: GpuCondition): Promise<void> => {
    const now = clock.now();
    const since = changedAt(condition.status, now);
    const full: Condition = {
      type: NODE_CONDITION.gpuHealthy,
      ...condition,
      lastHeartbeatTime: wholeSeconds(now),
      lastTransitionTime: wholeSeconds(since),
    };
    await client.apply(
      RESOURCE.nodes,
      { name: node },
      { status: { conditions: [full] } },
      // Nobody else writes this condition: what stands there is of an older agent, or of a person who tried something.
      { fieldManager: FIELD_MANAGER.agentHealth, subresource: "status", force: true },
      { signal, deadlineMs: DEADLINE },
    );
    written = { condition, changedAt: since };
  };

  /** Ends early when something new is to be said. */
  const wait = async (ms: number): Promise<void> => {
    waiter = new AbortController();
    try {
      await clock.sleep(millis(ms), AbortSignal.any([signal, waiter.signal]));
    } catch {
      // Woken, or over: the loop sees which.
    } finally {
      waiter = null;
    }
  };

  const run = async (): Promise<void> => {
    for (let failures = 0; !signal.aborted;) {
      const condition = wanted;
      if (condition === null) {
        await wait(CONDITION_HEARTBEAT_MS);
        continue;
      }
      try {
        await write(condition);
        failures = 0;
        if (condition === wanted) await wait(CONDITION_HEARTBEAT_MS);
      } catch (error) {
        if (signal.aborted) return;
        failures++;
        quiet.log(describe(error), "warn", { error, node }, "the node's GPU condition is not written yet");
        const limits = { ...BACKOFF, random };
        // What cannot get better by itself (a right that is missing) is tried each minute too: somebody may grant it.
        const ms =
          error instanceof AppError
            ? pauseAfter(error, failures, limits)
            : backoffMs(failures, limits, random);
        // A new verdict does not jump the queue: the server has just refused one.
        await clock.sleep(millis(Math.max(ms, BACKOFF.baseMs / 2)), signal).catch(() => {});
      }
    }
  };

  return {
    say: (condition) => {
      wanted = condition;
      waiter?.abort();
    },
    ended: run(),
  };
}

/** Times of conditions have no fractions. */
function wholeSeconds(at: EpochMs): string {
  return toInstantText(at).replace(/\.\d+Z$/, "Z");
}
