// Empties a node on which no agent answers: the plan that its agent would walk, walked a step in each cycle through
// the Eviction API. Budgets hold, no pod gets more than its own grace, nothing is deleted. All state stands in the
// node's taint and in the journal, so that a new leader goes on where the last one stopped.

import type { MoveState } from "../../shared/contract/policy/status.ts";
import { keptDetail } from "../../shared/model/drain-kept.ts";
import { graceAt, planDrain, startsOf } from "../../shared/model/drain-plan.ts";
import type { ClassesGone, DrainPlan, PlannedPod } from "../../shared/model/drain-plan.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import type { Taint } from "../../shared/model/kube.ts";
import type { EvictionClass } from "../../shared/model/pod.ts";
import { after } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { EvictionOutcome } from "../../shared/runtime/kube/evict.ts";
import type { NodeInput } from "../decide/snapshot.ts";
import type { ActContext } from "./context.ts";
import type { DrainProgress } from "./drain-request.ts";
import { moveHash } from "./moves.ts";
import { occupantsOf } from "./occupants.ts";
import { retireNode, retirementOf } from "./retire.ts";

/** Evictions that run beside each other. */
const AT_ONCE = 10;

export async function beginWalk(
  context: ActContext,
  move: { readonly node: string; readonly key: string },
): Promise<void> {
  await retireNode(context, move.node, move.key, "walk");
}

/** Whether the node is emptied by us for this move. */
export function isWalkOf(taints: readonly Taint[], key: string): boolean {
  const retirement = retirementOf(taints);
  return retirement?.kind === "walk" && retirement.hash === moveHash(key);
}

/** One step: asks those to leave whose time has come. */
export async function walkOn(
  node: Pick<NodeInput, "name" | "ready">,
  move: Pick<MoveState, "key" | "at">,
  context: ActContext,
): Promise<DrainProgress> {
  const now = context.clock.now();
  const seenAt = parseInstant(move.at) ?? now;
  const deadline = after(seenAt, context.drainTimeoutMs);
  const pods = await occupantsOf(node.name, context);
  const [first] = pods;
  if (first === undefined) return { kind: "drained" };
  // Who refuses to be moved is not asked about a machine that runs nobody any more, neither here nor in the decision.
  const dead = node.ready !== "ready";
  const plan = planDrain({ pods, seenAt, deadline, kind: "request", now, self: null, dead });
  if (now >= deadline) {
    const left = plan.pods.map(({ key, kept }) =>
      kept === null ? key : `${key}, which ${keptDetail(kept)}`,
    );
    return {
      kind: "over",
      detail: `not empty by the deadline: ${left.length} left, ${left[0] ?? "none"} first`,
    };
  }
  const due = startsOf(plan, classesGone(plan)).filter(({ at }) => at <= now);
  const answers = await inChunks(due, async ({ pod }) => await evict(pod, plan, { now, context }));
  return { kind: "going", detail: detailOf(plan, answers) };
}

function classesGone({ pods }: DrainPlan): ClassesGone {
  const gone = (of: EvictionClass): boolean => pods.every((pod) => pod.class !== of || pod.state === "kept");
  return { low: gone("low"), medium: gone("medium"), high: gone("high"), system: gone("system") };
}

type Answer = EvictionOutcome["kind"] | "failed";

/** An eviction that fails is asked again in the next cycle, until the deadline. */
async function evict(
  pod: PlannedPod,
  { window }: DrainPlan,
  { now, context }: { readonly now: EpochMs; readonly context: ActContext },
): Promise<Answer> {
  const { namespace, name, uid } = pod;
  try {
    const graceSeconds = graceAt(window, pod, now);
    const { kind } = await context.client.evict({ namespace, name, uid, graceSeconds }, context.call());
    return kind;
  } catch (error) {
    if (!(error instanceof AppError) || error.kind === "bug") throw error;
    context.log.warn({ pod: pod.key, error }, "cannot evict a pod; trying again");
    return "failed";
  }
}

/** The same words as long as nothing changes, since each change is written to the status. */
function detailOf({ pods }: DrainPlan, answers: readonly Answer[]): string {
  const of = (...kinds: readonly Answer[]): number =>
    answers.filter((answer) => kinds.includes(answer)).length;
  const leaving =
    pods.filter(({ state }) => state === "leaving").length +
    of("accepted", "gone", "replaced", "namespace-terminating");
  const blocked = of("budget-blocked", "several-budgets");
  const kept = pods.filter(({ state }) => state === "kept").length;
  const waiting = pods.length - leaving - blocked - kept;
  return [
    `the coordinator empties it: ${leaving} of ${pods.length} pods are leaving`,
    ...(blocked > 0 ? [`${blocked} kept by budgets`] : []),
    ...(kept > 0 ? [`${kept} not to be moved`] : []),
    ...(waiting > 0 ? [`${waiting} to be asked`] : []),
  ].join(", ");
}

async function inChunks<In, Out>(
  inputs: readonly In[],
  run: (input: In) => Promise<Out>,
): Promise<readonly Out[]> {
  const results: Out[] = [];
  for (let at = 0; at < inputs.length; at += AT_ONCE)
    results.push(...(await Promise.all(inputs.slice(at, at + AT_ONCE).map(run))));
  return results;
}
