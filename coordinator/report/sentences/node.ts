// Sentences for why a node stays although it might go. The order of the rules that give them is the list in
// coordinator/decide/rules; here is only what each of them says.

import type { Sentences } from "./table.ts";
import { count, duration, listed, percent } from "./words.ts";

export const NODE: Sentences<
  | "node-booting"
  | "node-under-notice"
  | "node-draining"
  | "node-pinned"
  | "node-not-removable"
  | "empty-too-short"
  | "idle-too-short"
  | "busy"
  | "telemetry-unknown"
  | "telemetry-stale"
  | "telemetry-thin"
  | "gpu-held"
  | "pod-refuses"
  | "pod-unmanaged"
  | "pod-of-job"
  | "budget"
  | "several-budgets"
  | "fits-nowhere-else"
  | "return-waits"
  | "needed-for-utilization"
  | "needed-for-pending"
  | "agent-refused"
  | "movable-too-short"
  | "not-cheaper"
  | "reserved-paid"
  | "tier-floor"
  | "needed-for-headroom"
  | "needed-for-floor"
  | "gang-member"
  | "pod-local-storage"
  | "pod-of-system"
  | "node-overlap"
> = {
  "node-booting": ({ node }) => `node ${node} is still starting`,
  "node-under-notice": ({ node }) => `node ${node} is under notice`,
  "node-draining": ({ node }) => `node ${node} is being emptied`,
  "node-pinned": ({ node, annotation }) => `node ${node} is pinned by its annotation ${annotation}`,
  "node-not-removable": ({ node, detail }) => `node ${node} cannot be removed: ${detail}`,
  "empty-too-short": ({ node, forMs, needMs }) =>
    `node ${node} has been empty for ${duration(forMs)} of ${duration(needMs)} (emptySeconds)`,
  "idle-too-short": ({ node, forMs, needMs }) =>
    `node ${node} has been idle for ${duration(forMs)} of ${duration(needMs)} (idleSeconds)`,
  busy: ({ node, busiest, threshold }) =>
    `node ${node} is busy: a GPU read ${percent(busiest)}, idle is below ${percent(threshold)}`,
  "telemetry-unknown": ({ node }) =>
    `the GPUs of node ${node} do not report, so nobody knows whether they are idle: see its agent`,
  "telemetry-stale": ({ node, ageMs }) => `the last report of node ${node} is ${duration(ageMs)} old`,
  "telemetry-thin": ({ node, coverage }) =>
    `the readings of node ${node} have gaps: ${percent(coverage)} of the window is covered`,
  "gpu-held": ({ node, pod }) => `pod ${pod} holds GPUs of node ${node}`,
  "pod-refuses": ({ node, pod, annotation }) =>
    `pod ${pod} on node ${node} refuses to be moved (${annotation})`,
  "pod-unmanaged": ({ node, pod }) => `pod ${pod} on node ${node} has no owner that would make it again`,
  "pod-of-job": ({ node, pod }) => `pod ${pod} on node ${node} is of a Job and would lose its work`,
  budget: ({ node, pod, budget }) =>
    `PodDisruptionBudget ${budget} allows no eviction of pod ${pod} on node ${node} now`,
  "several-budgets": ({ node, pod, budgets }) =>
    `pod ${pod} on node ${node} has ${count(budgets.length, "PodDisruptionBudget")} (${listed(budgets)}), and the API evicts no such pod: leave it one`,
  "fits-nowhere-else": ({ node, pod }) => `pod ${pod} on node ${node} fits on no other node`,
  "return-waits": ({ node, pod }) =>
    `on-demand node ${node} is emptied once the spot node for pod ${pod} is there`,
  "needed-for-utilization": ({ node, meanAfter, threshold }) =>
    `without node ${node} the others would be ${percent(meanAfter)} busy, over ${percent(threshold)}`,
  "needed-for-pending": ({ node, pod }) => `pod ${pod} is about to use node ${node}`,
  "agent-refused": ({ node, detail }) => `node ${node} stays for one more window: ${detail}`,
  "movable-too-short": ({ node, forMs, needMs }) =>
    `the pods of node ${node} have had room elsewhere for ${duration(forMs)} of ${duration(needMs)} (consolidation.afterSeconds)`,
  "not-cheaper": ({ node }) =>
    `the fleet would not be cheaper without node ${node}, or nobody knows its price`,
  "reserved-paid": ({ node }) => `node ${node} is reserved and paid for whether it runs or not`,
  "tier-floor": ({ node, gpusAfter, floor }) =>
    `without node ${node} ${count(gpusAfter, "GPU")} would be left on on-demand or reserved nodes, below ${floor} (spot.onDemandFloorGpus, shares of tiers)`,
  "needed-for-headroom": ({ node, name }) => `node ${node} is the free room that headroom ${name} keeps`,
  "needed-for-floor": ({ node, floor, minimum }) =>
    `node ${node} is needed for the ${count(minimum, "node")} of ${floor}`,
  "gang-member": ({ node, pod, gang }) =>
    `pod ${pod} on node ${node} runs with the others of ${gang}, and one gone stops them all`,
  "pod-local-storage": ({ node, pod }) =>
    `pod ${pod} keeps data on node ${node} that would be lost (disruption.keepLocalStorage)`,
  "pod-of-system": ({ node, pod }) =>
    `pod ${pod} on node ${node} is of kube-system and has no PodDisruptionBudget (disruption.keepSystemPods)`,
  "node-overlap": ({ node, policies }) =>
    `node ${node} is claimed more than once, by ${listed(policies)}: it is not removed until one of them lets go (nodeSelector, group)`,
};
