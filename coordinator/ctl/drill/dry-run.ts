// A drill that changes nothing: who would be asked to leave, when and with how much grace, who would stay, and what the
// eviction API says to each of them in a dry run. Budgets are asked one pod at a time, so what several pods of one budget
// would do together is told apart.

import type { Pod, PodDisruptionBudget } from "../../../shared/model/kube.ts";
import type { EvictionClass } from "../../../shared/model/pod.ts";
import { after } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { KubeClient } from "../../../shared/runtime/kube/client.ts";
import type { EvictionOutcome } from "../../../shared/runtime/kube/evict.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import { obstacleFor, queuesOf } from "./budgets.ts";
import type { Queue } from "./budgets.ts";
import type { KeptPod } from "./events.ts";
import { drillPlan } from "./plan.ts";
import type { DrillPod } from "./plan.ts";
import { refuseUnlessFree, survey } from "./survey.ts";

export interface DryRunOptions {
  readonly client: Pick<KubeClient, "list" | "evict">;
  readonly node: string;
  readonly leadMs: Millis;
  readonly unmanaged: boolean;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

export interface DryRunPod {
  readonly pod: string;
  readonly class: EvictionClass;
  /** From the beginning of the drill to the latest moment at which it is asked, were nothing in the way. */
  readonly afterSeconds: number;
  readonly graceSeconds: number;
  readonly answer: "allowed" | "blocked" | "gone" | "not-known";
  readonly budgets: readonly string[];
  /** Where the answer is not `allowed`. */
  readonly why: string | null;
}

export interface DryRun {
  readonly node: string;
  readonly leadSeconds: number;
  readonly mode: "parallel" | "staggered";
  /** Null: a drill may be asked for here now. */
  readonly refusal: string | null;
  readonly doubts: readonly string[];
  /** In the order in which they would be asked. */
  readonly pods: readonly DryRunPod[];
  readonly kept: readonly KeptPod[];
  /** Deleted before, by others. */
  readonly leaving: readonly string[];
  /** Budgets that let only some of these pods go at a time. */
  readonly queues: readonly Queue[];
}

const AT_ONCE = 8;

/** @throws AppError not-found when there is no such node, denied with the rights that are missing. */
export async function dryRun(options: DryRunOptions): Promise<DryRun> {
  const { client, node, clock, signal, leadMs } = options;
  const now = clock.now();
  const seen = await survey(client, node, now, { signal });
  const { items } = await client.list(RESOURCE.pods, { fieldSelector: `spec.nodeName=${node}` }, { signal });
  const budgets = await readBudgets(options);
  const plan = drillPlan({
    pods: items,
    seenAt: now,
    deadline: after(now, leadMs),
    now,
    unmanaged: options.unmanaged,
  });
  const byUid = new Map(items.map((pod) => [pod.metadata.uid ?? "", pod]));
  const moved = plan.pods.filter((pod) => pod.at !== null);
  const answers: DryRunPod[] = [];
  for (let from = 0; from < moved.length; from += AT_ONCE) {
    const some = moved.slice(from, from + AT_ONCE);
    answers.push(
      ...(await Promise.all(
        some.map(async (pod) => {
          const answer = await answerFor(options, pod, byUid.get(pod.uid), budgets);
          const afterSeconds = ((pod.at ?? now) - now) / 1000;
          return { pod: pod.key, class: pod.class, afterSeconds, graceSeconds: pod.grace, ...answer };
        }),
      )),
    );
  }
  const movedPods = moved.flatMap(({ uid }) => byUid.get(uid) ?? []);
  return {
    node,
    leadSeconds: leadMs / 1000,
    mode: plan.mode,
    refusal: refusalOf(node, seen),
    doubts: [
      ...seen.doubts,
      ...(budgets === null ? ["budgets cannot be read (you need list on poddisruptionbudgets)"] : []),
    ],
    pods: answers,
    kept: plan.pods.flatMap(({ key, kept }) => (kept === null ? [] : [{ pod: key, why: kept }])),
    leaving: plan.pods.filter(({ at, kept }) => at === null && kept === null).map(({ key }) => key),
    queues: queuesOf(movedPods, budgets ?? []),
  };
}

function refusalOf(node: string, { standing, refusal }: Awaited<ReturnType<typeof survey>>): string | null {
  try {
    refuseUnlessFree(node, standing);
    return refusal;
  } catch (error) {
    return describe(error);
  }
}

async function readBudgets({
  client,
  signal,
}: DryRunOptions): Promise<readonly PodDisruptionBudget[] | null> {
  try {
    return (await client.list(RESOURCE.podDisruptionBudgets, {}, { signal })).items;
  } catch (error) {
    if (kindOf(error) === "denied") return null;
    throw error;
  }
}

type Answer = Pick<DryRunPod, "answer" | "budgets" | "why">;

async function answerFor(
  { client, signal }: DryRunOptions,
  { namespace, name, uid, grace }: DrillPod,
  pod: Pod | undefined,
  budgets: readonly PodDisruptionBudget[] | null,
): Promise<Answer> {
  try {
    const outcome = await client.evict(
      { namespace, name, uid, graceSeconds: grace, dryRun: true },
      { signal },
    );
    return answerOf(outcome, pod === undefined || budgets === null ? null : obstacleFor(pod, budgets));
  } catch (error) {
    if (kindOf(error) === "denied")
      throw new AppError("denied", `${describe(error)}\nyou need create on pods/eviction for a dry run`, {
        cause: error,
      });
    signal.throwIfAborted();
    return { answer: "not-known", budgets: [], why: describe(error) };
  }
}

function answerOf(
  outcome: EvictionOutcome,
  obstacle: { readonly budgets: readonly string[]; readonly why: string } | null,
): Answer {
  switch (outcome.kind) {
    case "accepted":
      return { answer: "allowed", budgets: [], why: null };
    case "gone":
    case "replaced":
    case "namespace-terminating":
      return { answer: "gone", budgets: [], why: "it is gone or going already" };
    case "budget-blocked":
    case "several-budgets":
      // The API server has judged; the budgets' own status only names who it was.
      return { answer: "blocked", budgets: obstacle?.budgets ?? [], why: obstacle?.why ?? outcome.message };
    case "throttled":
      return { answer: "not-known", budgets: [], why: "the API server asks for fewer calls; try again" };
  }
}
