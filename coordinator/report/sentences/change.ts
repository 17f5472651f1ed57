// Sentences for why a pool grows or shrinks. A reason of a move says what was seen, with the figure that it was
// measured against; there is nothing to change about it.

import type { Sentences } from "./table.ts";
import { count, duration, hourly, instant, moment, offering, percent, scope, verb } from "./words.ts";

export const CHANGE: Sentences<
  | "pending-pods"
  | "utilization-high"
  | "below-minimum"
  | "interruption"
  | "schedule"
  | "headroom"
  | "forecast"
  | "probe"
  | "tier-share"
  | "on-demand-floor"
  | "empty"
  | "idle"
  | "lost-to-interruption"
  | "movable"
  | "expired"
  | "rebalance"
  | "node-not-ready"
  | "gpu-unhealthy"
  | "gpu-missing"
  | "never-registered"
  | "machine-failed"
  | "place-unfilled"
  | "return-to-spot"
> = {
  "pending-pods": ({ pods, gpus, oldestMs }) =>
    `${count(pods, "pod")} (${count(gpus, "GPU")}) ${verb(pods, "waits", "wait")} for a node, the oldest for ${duration(oldestMs)}`,
  "utilization-high": ({ mean, threshold, gpus, forMs }) =>
    `the ${count(gpus, "GPU")} ${verb(gpus, "is", "are")} ${percent(mean)} busy on average, over the ${percent(threshold)} of scaleUpThreshold for ${duration(forMs)}`,
  "below-minimum": ({ scope: of, size, minimum }) =>
    `${count(size, "node")} in the ${scope(of)}, below its minimum of ${minimum}`,
  interruption: ({ node, deadline, source, pods }) =>
    `node ${node} goes at ${instant(deadline)} (${source}) with ${count(pods, "pod")} on it`,
  schedule: ({ schedule, size, minimum, until }) =>
    `${count(size, "node")}, below the ${minimum} that schedule ${schedule} asks for until ${moment(until)}`,
  headroom: ({ name, free, wanted }) =>
    `${free} free of the ${wanted} that headroom ${name} keeps ready for pods that come`,
  forecast: ({ gpus, wanted, at, confidence }) =>
    `${count(gpus, "GPU")} where the forecast expects ${wanted} to be in use at ${moment(at)} (confidence ${percent(confidence)}); one that is often wrong needs more days of history and a higher confidence, and enablePredictiveScaling: false leaves it out`,
  probe: ({ offering: of, failures }) =>
    `one node to find out whether there is capacity again for ${offering(of)}, after ${count(failures, "failure")} in a row`,
  "tier-share": ({ tier, share, target }) =>
    `${tier} has ${percent(share)} of the GPUs, its target is ${percent(target)}`,
  "on-demand-floor": ({ gpus, floor }) =>
    `${count(gpus, "GPU")} on on-demand or reserved nodes, below the ${floor} of spot.onDemandFloorGpus`,

  empty: ({ node, forMs }) => `node ${node} has been empty for ${duration(forMs)}`,
  idle: ({ node, forMs, threshold }) =>
    `every GPU of node ${node} has been below ${percent(threshold)} for ${duration(forMs)}`,
  "lost-to-interruption": ({ node, source }) =>
    `the machine of node ${node} is taken by its cloud (${source}), so its place leaves the group`,
  movable: ({ node, forMs, savesUsdPerHour }) =>
    `every pod of node ${node} has had room elsewhere for ${duration(forMs)}; without it the fleet costs ${hourly(savesUsdPerHour)} less`,
  expired: ({ node, ageMs, limitMs }) =>
    `node ${node} is ${duration(ageMs)} old, over the ${duration(limitMs)} of expireAfterSeconds`,
  rebalance: ({ node, source, forMs }) =>
    `its cloud (${source}) said ${duration(forMs)} ago that node ${node} may be interrupted soon: its pods get places elsewhere first, then it is emptied (spot.rebalance: Replace)`,
  "node-not-ready": ({ node, forMs }) => `node ${node} has not been Ready for ${duration(forMs)}`,
  "gpu-unhealthy": ({ node, forMs, detail }) =>
    `the agent of node ${node} has called its GPUs ill for ${duration(forMs)}: ${detail}`,
  "gpu-missing": ({ node, forMs, limitMs }) =>
    `node ${node} has been Ready for ${duration(forMs)} and shows no GPU, over the ${duration(limitMs)} of provisioning.gpuReadyTimeoutSeconds: see its driver and device plugin`,
  "never-registered": ({ instance, forMs, limitMs }) =>
    `machine ${instance} has become no Ready node in ${duration(forMs)}, over the ${duration(limitMs)} of provisioning.registrationTimeoutSeconds: see its console and its bootstrap`,
  "machine-failed": ({ instance, detail }) =>
    `machine ${instance} will never be a node (${detail}): it leaves its group, so that another one can be asked for`,
  "place-unfilled": ({ instance, forMs, limitMs }) =>
    `no machine has come for ${instance} in ${duration(forMs)}, over the ${duration(limitMs)} of provisioning.launchTimeoutSeconds: its place is given back, so that it can be asked for elsewhere`,
  "return-to-spot": ({ node, share, target }) =>
    `on-demand node ${node} goes back to spot: ${percent(share)} of the GPUs are on demand where ${percent(target)} should be`,
};
