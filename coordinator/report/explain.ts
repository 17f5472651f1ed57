// Reasons and moves as sentences for people: the only place where decisions become words. Each sentence says what
// is the case with its numbers and, where an operator can change something, what. It decides and looks up nothing.

import type { Reason, Scope } from "../../shared/model/reasons.ts";
import type { Resources } from "../../shared/model/resources.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Move } from "../decide/plan.ts";

/** One sentence without a full stop, to be joined with others. */
export function sentence(reason: Reason): string {
  switch (reason.code) {
    case "pending-pods":
      return `${count(reason.pods, "pod")} (${count(reason.gpus, "GPU")}) wait for a node, the oldest for ${duration(reason.oldestMs)}`;
    case "utilization-high":
      return `the ${count(reason.gpus, "GPU")} are ${percent(reason.mean)} busy on average, over the ${percent(reason.threshold)} of scaleUpThreshold for ${duration(reason.forMs)}`;
    case "below-minimum":
      return `${count(reason.size, "node")} in the ${scope(reason.scope)}, below its minimum of ${reason.minimum}`;
    case "interruption":
      return `node ${reason.node} goes at ${instant(reason.deadline)} (${reason.source}) with ${count(reason.pods, "pod")} on it`;
    case "empty":
      return `node ${reason.node} has been empty for ${duration(reason.forMs)}`;
    case "idle":
      return `every GPU of node ${reason.node} has been below ${percent(reason.threshold)} for ${duration(reason.forMs)}`;
    case "lost-to-interruption":
      return `the machine of node ${reason.node} was taken by its cloud (${reason.source})`;

    case "nothing-to-do":
      return "nothing to do";
    case "cooldown":
      return `${reason.direction === "up" ? "grew" : "shrank"} a moment ago: ${duration(reason.leftMs)} of ${reason.direction === "up" ? "scaleUpCooldownSeconds" : "scaleDownCooldownSeconds"} left`;
    case "after-add":
      return `nodes were added a moment ago: nothing is removed for ${duration(reason.leftMs)} more (scaleDownDelayAfterAddSeconds)`;
    case "at-maximum":
      return `at the maximum of the ${scope(reason.scope)}, ${reason.maximum}: raise ${MAXIMUM_FIELD[reason.scope]} to allow more`;
    case "at-minimum":
      return `at the minimum of the ${scope(reason.scope)}, ${reason.minimum}`;
    case "rate-limit":
      return `${count(reason.added, "node")} added in ${duration(reason.windowMs)}, ${reason.allowed} allowed (maxPercentOrNodesAdded)`;
    case "no-group":
      return "the pool has no group, so it cannot be sized: set nodePools[].group";
    case "group-missing":
      return `the pool's group does not exist: ${reason.detail}`;
    case "size-unknown":
      return `the size of the pool's group cannot be read, so none is written: ${reason.detail}`;
    case "template-unknown":
      return "nobody knows what a node of this pool offers: set nodePools[].template, or add a first node by hand";
    case "disabled":
      return "the policy is switched off (enabled: false)";
    case "policy-invalid":
      return `the policy cannot be used: ${reason.problems.join("; ")}`;
    case "overlap":
      return `node ${reason.node} is claimed more than once, by ${listed(reason.policies)}: it is not removed until one of them lets go (nodeSelector, group)`;
    case "group-shared":
      return `one group stands behind ${listed(reason.pools)}: give each pool a group of its own`;
    case "malformed":
      return `${reason.what} cannot be read`;
    case "not-synced":
      return `still waiting for the first complete list of ${listed(reason.missing)}`;
    case "move-in-flight":
      return `${reason.key} has been under way for ${duration(reason.forMs)}`;
    case "booting":
      return `${count(reason.nodes, "node")} on the way`;
    case "launch-overdue":
      return `${count(reason.nodes, "node")} asked for ${duration(reason.forMs)} ago did not come: see the group for capacity, quota or failed machines`;
    case "spot-disabled":
      return "spot pools do not grow (enableSpotInstances: false)";
    case "tier-disabled":
      return `${reason.tier} pools do not grow, only ${reason.only} ones (enableMultiTierScaling: false)`;

    case "node-booting":
      return `node ${reason.node} is still starting`;
    case "node-under-notice":
      return `node ${reason.node} is under notice`;
    case "node-draining":
      return `node ${reason.node} is being emptied`;
    case "node-pinned":
      return `node ${reason.node} is pinned by its annotation ${reason.annotation}`;
    case "node-not-removable":
      return `node ${reason.node} cannot be removed: ${reason.detail}`;
    case "empty-too-short":
      return `node ${reason.node} has been empty for ${duration(reason.forMs)} of ${duration(reason.needMs)} (emptySeconds)`;
    case "idle-too-short":
      return `node ${reason.node} has been idle for ${duration(reason.forMs)} of ${duration(reason.needMs)} (idleSeconds)`;
    case "busy":
      return `node ${reason.node} is busy: a GPU read ${percent(reason.busiest)}, idle is below ${percent(reason.threshold)}`;
    case "telemetry-unknown":
      return `the GPUs of node ${reason.node} do not report, so nobody knows whether they are idle`;
    case "telemetry-stale":
      return `the last report of node ${reason.node} is ${duration(reason.ageMs)} old`;
    case "telemetry-thin":
      return `the readings of node ${reason.node} have gaps: ${percent(reason.coverage)} of the window is covered`;
    case "gpu-held":
      return `pod ${reason.pod} holds GPUs of node ${reason.node}`;
    case "pod-refuses":
      return `pod ${reason.pod} on node ${reason.node} refuses to be moved (${reason.annotation})`;
    case "pod-unmanaged":
      return `pod ${reason.pod} on node ${reason.node} has no owner that would make it again`;
    case "pod-of-job":
      return `pod ${reason.pod} on node ${reason.node} is of a Job and would lose its work`;
    case "budget":
      return `PodDisruptionBudget ${reason.budget} allows no eviction of pod ${reason.pod} on node ${reason.node} now`;
    case "several-budgets":
      return `pod ${reason.pod} on node ${reason.node} has ${count(reason.budgets.length, "PodDisruptionBudget")} (${listed(reason.budgets)}), and the API evicts no such pod`;
    case "fits-nowhere-else":
      return `pod ${reason.pod} on node ${reason.node} fits on no other node`;
    case "needed-for-utilization":
      return `without node ${reason.node} the others would be ${percent(reason.meanAfter)} busy, over ${percent(reason.threshold)}`;
    case "needed-for-pending":
      return `pod ${reason.pod} is about to use node ${reason.node}`;
    case "agent-refused":
      return `node ${reason.node} stays for one more window: ${reason.detail}`;

    case "pod-waits":
      return `unschedulable for ${duration(reason.ageMs)} of ${duration(reason.needMs)} (pendingPodTimeoutSeconds)`;
    case "pod-gated":
      return "held by a scheduling gate";
    case "pod-nominated":
      return `the scheduler is making room on node ${reason.node}`;
    case "pod-undecided":
      return "the scheduler has not tried it yet";
    case "pod-of-daemon-set":
      return "DaemonSet pods come with a node and ask for none";
    case "pod-static":
      return "static pods belong to their node";
    case "pod-not-gpu":
      return "it asks for no GPU, and no GPU node is bought for that";
    case "pod-fits-existing":
      return `there is room on node ${reason.node}`;
    case "untolerated-taint":
      return `pool ${reason.pool}: the pod does not tolerate ${reason.taint}`;
    case "selector-mismatch":
      return `pool ${reason.pool}: its nodes do not carry ${reason.label}=${reason.wanted}`;
    case "too-large":
      return `pool ${reason.pool}: the pod wants ${amount(reason.resource, reason.wants)} of ${reason.resource}, a node has ${amount(reason.resource, reason.nodeHas)}`;
    case "pool-not-usable":
      return `pool ${reason.pool} cannot grow now`;
  }
}

/** A move with its reasons, for events, status and logs. */
export function explainMove(move: Move): string {
  return `${headline(move)}: ${move.because.map(sentence).join("; ")}`;
}

function headline(move: Move): string {
  const sizes = `pool ${move.pool} from ${move.from} to ${move.to}`;
  switch (move.kind) {
    case "grow":
      return `grow ${sizes}`;
    case "replace":
      return `grow ${sizes} to replace node ${move.node}`;
    case "shrink":
      return `shrink ${sizes}, ${move.how === "drain" ? "draining" : "removing"} node ${move.node}`;
    case "release":
      return `release node ${move.node}, ${sizes}`;
  }
}

const SCOPE_NAMES: Readonly<Record<Scope, string>> = {
  pool: "pool",
  policy: "policy",
  gpus: "policy's GPUs",
};
const MAXIMUM_FIELD: Readonly<Record<Scope, string>> = {
  pool: "nodePools[].maxSize",
  policy: "maxNodes",
  gpus: "maxGpus",
};

function scope(of: Scope): string {
  return SCOPE_NAMES[of];
}

function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

function listed(names: readonly string[]): string {
  return names.join(", ");
}

/** 0.834 → 83 %; a share that is not a whole percentage keeps one digit, so that 19.6 is not shown as 20. */
function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** The two largest units, which is as exact as anybody reads: 2 min 5 s, 3 h 10 min. */
function duration(ms: Millis): string {
  const seconds = Math.floor(ms / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(" ");
}

function instant(at: EpochMs): string {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? "an unknown time" : `${date.toISOString().slice(11, 19)} UTC`;
}

/** Millicores as cores and bytes as GiB; everything else is pieces. */
function amount(resource: keyof Resources, value: number): string {
  if (resource === "cpu") return `${value / 1000}`;
  if (resource === "memory") return `${Math.round((value / 2 ** 30) * 100) / 100} GiB`;
  return `${value}`;
}
