// One node of the cluster as decisions see it: whose it is, what is on it, and whether it may be counted on. A node
// that is Ready and does not show its GPUs yet is not up; one that is on its way out is nobody's room.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { elapsed, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { InstanceInput, NodeInput, NoticeInput, PoolInput } from "../snapshot.ts";
import { showsAll } from "./devices.ts";
import type { Expected } from "./devices.ts";
import { isNodeLeaving, wasRemoved } from "./flights.ts";
import type { ValidPolicy } from "./ownership.ts";
import { isStarting } from "./starting.ts";

/** How long each stage of a launch may take; of a node that no policy owns, what the fields' defaults say. */
export interface Clocks {
  readonly launchMs: Millis;
  readonly registrationMs: Millis;
  readonly gpusMs: Millis;
}

const FOREIGN: Clocks = {
  launchMs: millis(300_000),
  registrationMs: millis(900_000),
  gpusMs: millis(900_000),
};

export interface NodeState {
  readonly name: string;
  readonly node: NodeInput;
  readonly pods: readonly PodInput[];
  readonly poolId: string | null;
  readonly instance: InstanceInput | null;
  /** The earliest that it is under. */
  readonly notice: NoticeInput | null;
  /** Being emptied or removed, by a notice's drain, by our request or by a move on its way. */
  readonly draining: boolean;
  /** up: Ready and showing what its pool's nodes have. booting: not yet. sick: not up for too long. leaving: taken out of its group. */
  readonly standing: "up" | "booting" | "sick" | "leaving";
}

/** A pool before its nodes are counted. */
export interface PoolSetting {
  readonly id: string;
  readonly policy: ValidPolicy;
  readonly pool: NodePoolSpec;
  readonly input: PoolInput;
  readonly instances: ReadonlyMap<string, InstanceInput>;
  readonly remembered: NodeShape | null;
  readonly template: NodeShape | null;
}

/** A node that the scheduler may use and that stays. */
export function isUsable(state: NodeState): boolean {
  return state.standing === "up" && !state.node.unschedulable && state.notice === null && !state.draining;
}

/** Pods that somebody has to find a place for when the node goes. */
export function workloads(state: NodeState): readonly PodInput[] {
  return state.pods.filter((pod) => !pod.daemon && !pod.mirror);
}

export function nodeState(about: {
  readonly node: NodeInput;
  readonly pool: PoolSetting | null;
  readonly expected: Expected;
  readonly pods: readonly PodInput[];
  readonly notice: NoticeInput | null;
  readonly at: EpochMs;
}): NodeState {
  const { node, pool, expected, pods, notice, at } = about;
  const instance = pool?.instances.get(node.name) ?? null;
  const removed =
    instance?.state === "leaving" ||
    (pool !== null && wasRemoved(pool.policy.journal, node.name, node.createdAt, at));
  const clocks = pool === null ? FOREIGN : clocksOf(pool.policy.spec);
  const young = isInTime(node, instance?.createdAt ?? node.createdAt, { clocks, at });
  // A node is Ready before its device plugins have told of what it has, and before what is to start on it has; until
  // then it is none of the pool's.
  const starting = young && !pods.some(isAtWork) && isStarting(node.taints, expected.taints);
  const up = node.ready === "ready" && showsAll(node, expected, young) && !starting;
  return {
    name: node.name,
    node,
    pods,
    poolId: pool?.id ?? null,
    instance,
    notice,
    draining: isDraining(node) || (pool !== null && isNodeLeaving(pool.policy.journal, node.name, at)),
    standing: removed ? "leaving" : up ? "up" : young ? "booting" : "sick",
  };
}

/** What is at work on a node takes room of it, which pods would be promised if the node were still to come. */
function isAtWork({ daemon, mirror, requests }: PodInput): boolean {
  return !daemon && !mirror && gpusIn(requests) > 0;
}

export function clocksOf({ provisioning }: PolicySpec): Clocks {
  return {
    launchMs: millis(provisioning.launchTimeoutSeconds * 1000),
    registrationMs: millis(provisioning.registrationTimeoutSeconds * 1000),
    gpusMs: millis(provisioning.gpuReadyTimeoutSeconds * 1000),
  };
}

/** A node that is Ready has registered in time; from then on its GPUs are waited for. */
function isInTime(
  node: NodeInput,
  askedAt: EpochMs,
  { clocks, at }: { readonly clocks: Clocks; readonly at: EpochMs },
): boolean {
  return node.ready === "ready"
    ? elapsed(node.readyChangedAt ?? node.createdAt, at) <= clocks.gpusMs
    : elapsed(askedAt, at) <= clocks.registrationMs;
}

function isDraining({ drainState, drainRequest }: NodeInput): boolean {
  // A mark that cannot be read was written by somebody who is at work on the node.
  if (drainState.kind === "malformed" || drainRequest.kind === "malformed") return true;
  if (
    drainState.kind === "value" &&
    drainState.value.phase !== "cancelled" &&
    drainState.value.phase !== "refused"
  )
    return true;
  return drainRequest.kind === "value";
}
