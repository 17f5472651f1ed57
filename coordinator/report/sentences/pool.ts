// Sentences for why a pool as a whole holds: its policy, its group, its limits and its clocks. Each names the field
// that an operator can change, where one is to blame.

import { RIVAL_WORDS, STOPPED } from "./rival.ts";
import type { Sentences } from "./table.ts";
import { count, duration, groupFields, hourly, listed, maximumField, moment, scope, verb } from "./words.ts";

export const POOL: Sentences<
  | "nothing-to-do"
  | "cooldown"
  | "after-add"
  | "after-remove"
  | "at-maximum"
  | "at-minimum"
  | "group-maximum"
  | "group-minimum"
  | "group-grows-itself"
  | "group-refills"
  | "rival"
  | "resized-by-hand"
  | "rate-limit"
  | "no-group"
  | "group-missing"
  | "size-unknown"
  | "template-unknown"
  | "disabled"
  | "policy-invalid"
  | "overlap"
  | "group-shared"
  | "instance-shared"
  | "malformed"
  | "not-synced"
  | "memory-lost"
  | "move-in-flight"
  | "booting"
  | "launch-overdue"
  | "spot-disabled"
  | "tier-disabled"
  | "schedule-cap"
  | "long-window"
  | "stabilizing"
  | "behavior-limit"
  | "behavior-disabled"
  | "frozen"
  | "disruption-budget"
  | "removal-rate"
  | "too-many-unhealthy"
  | "health-report-only"
  | "gpu-type-differs"
  | "work-exhausted"
  | "pool-not-usable"
  | "cost-limit"
> = {
  "nothing-to-do": () => "nothing to do",
  cooldown: ({ direction, leftMs }) =>
    direction === "up"
      ? `grew a moment ago: ${duration(leftMs)} of scaleUpCooldownSeconds left`
      : `shrank a moment ago: ${duration(leftMs)} of scaleDownCooldownSeconds left`,
  "after-add": ({ leftMs }) =>
    `nodes were added a moment ago: nothing is removed for ${duration(leftMs)} more (scaleDownDelayAfterAddSeconds)`,
  "after-remove": ({ leftMs }) =>
    `nodes were removed a moment ago: utilisation adds none for ${duration(leftMs)} more (scaleUpCooldownSeconds)`,
  "at-maximum": ({ scope: of, maximum }) =>
    `at the maximum of the ${scope(of)}, ${maximum}: raise ${maximumField(of)} to allow more`,
  "at-minimum": ({ scope: of, minimum }) => `at the minimum of the ${scope(of)}, ${minimum}`,
  "group-maximum": ({ group, maximum }) =>
    `the group itself allows ${count(group, "node")}, nodePools[].maxSize ${maximum}: raise the maximum of the group, or lower maxSize to it`,
  "group-minimum": ({ group, minimum }) =>
    `the group itself keeps ${count(group, "node")}, nodePools[].minSize asks for ${minimum}: lower the minimum of the group, or raise minSize to it`,
  "group-grows-itself": ({ pool }) =>
    `pool ${pool} gets its nodes from what runs its group, which buys them for pods that wait; nodes of it are only removed here: its own limits and events say why it buys none`,
  "group-refills": ({ node }) =>
    `the pool's group fills the place of node ${node} itself once that is gone, so no other node is bought for its pods`,
  rival: ({ rival, detail, stops, leftMs }) => {
    const until = leftMs === undefined ? "" : `, for ${duration(leftMs)} more unless it goes on`;
    return `${RIVAL_WORDS[rival].name}: ${detail}; ${STOPPED[stops]}${until}: ${RIVAL_WORDS[rival].wayOut}`;
  },
  "resized-by-hand": ({ from, to, agoMs, leftMs }) =>
    `somebody else changed the size of the group from ${from} to ${to} ${duration(agoMs)} ago: that is taken over, and both cooldowns run from it; once more within ${duration(leftMs)} holds the pool`,
  "rate-limit": ({ added, allowed, windowMs }) =>
    `${count(added, "node")} added in ${duration(windowMs)}, ${allowed} allowed (maxPercentOrNodesAdded)`,
  "no-group": () => "the pool has no group, so it cannot be sized: set nodePools[].group",
  "group-missing": ({ detail, backEnd }) =>
    `the pool's group does not exist: ${detail}: correct ${groupFields(backEnd)}, or make the group`,
  "size-unknown": ({ detail }) =>
    `the size of the pool's group cannot be read, so none is written: ${detail}`,
  "template-unknown": () =>
    "nobody knows what a node of this pool offers: set nodePools[].instanceTypes or nodePools[].template, or add a first node by hand",
  disabled: () => "the policy is switched off (enabled: false)",
  "policy-invalid": ({ problems }) => `the policy cannot be used: ${problems.join("; ")}`,
  overlap: ({ node, policies }) =>
    `node ${node} is claimed more than once, by ${listed(policies)}: it is not removed until one of them lets go (nodeSelector, group)`,
  "group-shared": ({ pools }) =>
    `one group stands behind ${listed(pools)}: give each pool a group of its own`,
  "instance-shared": ({ instance, pools }) =>
    `machine ${instance} is listed by the groups of ${listed(pools)}, so that neither is sized: give each pool a group of its own (nodePools[].group)`,
  malformed: ({ what }) => `${what} cannot be read`,
  "not-synced": ({ missing }) => `nothing is changed while a list is not complete: ${listed(missing)}`,
  "memory-lost": ({ leftMs }) =>
    `what was remembered of the nodes is gone, as when NATS loses its volume: nothing is removed for ${duration(leftMs)} more`,
  "move-in-flight": ({ key, forMs }) => `${key} has been under way for ${duration(forMs)}`,
  booting: ({ nodes }) => `${count(nodes, "node")} on the way`,
  "launch-overdue": ({ nodes, forMs }) =>
    `${count(nodes, "node")} asked for ${duration(forMs)} ago did not come: see the group for capacity, quota or failed machines`,
  "spot-disabled": () => "spot pools do not grow (enableSpotInstances: false)",
  "tier-disabled": ({ tier, only }) =>
    `${tier} pools do not grow, only ${only} ones (enableMultiTierScaling: false)`,
  "schedule-cap": ({ schedule, maximum }) =>
    `schedule ${schedule} allows ${count(maximum, "node")} while it is open: raise its maxNodes to allow more`,
  "long-window": ({ schedule, opens, hours }) =>
    `schedule ${schedule} stays open for ${hours} hours from ${moment(opens)}: its start and end may name different days; where that is meant, write durationSeconds in place of end`,
  stabilizing: ({ direction, leftMs }) =>
    `a recommendation that would ${direction === "up" ? "grow" : "shrink"} the pool less is not old enough: ${duration(leftMs)} left (behavior.${side(direction)}.stabilizationWindowSeconds)`,
  "behavior-limit": ({ direction, allowed }) =>
    `behavior.${side(direction)}.policies allow ${count(allowed, "node")} ${direction === "up" ? "more" : "fewer"} at this moment`,
  "behavior-disabled": ({ direction }) =>
    `the pool does not ${direction === "up" ? "grow" : "shrink"} (behavior.${side(direction)}.selectPolicy: Disabled)`,
  frozen: () => "no node is removed and none is moved (disruption.freeze: true)",
  "disruption-budget": ({ leaving, allowed, disruption }) =>
    `${count(leaving, "node")} on the way out, ${allowed} allowed for ${disruption} (disruption.budgets)`,
  "removal-rate": ({ removed, allowed, windowMs }) =>
    `${count(removed, "node")} removed in ${duration(windowMs)}, ${allowed} allowed (maxPercentOrNodesRemoved)`,
  "too-many-unhealthy": ({ unhealthy, nodes, percent }) =>
    `${unhealthy} of ${count(nodes, "node")} ${verb(unhealthy, "is", "are")} ill, more than the ${percent} % of health.maxUnhealthyPercent: none is replaced, since the fault lies elsewhere; see network, driver and images`,
  "health-report-only": ({ node, detail }) =>
    `node ${node} is ill and stays: ${detail}; set health.replace: Replace to have such nodes replaced`,
  "gpu-type-differs": ({ pool, wanted, node, seen }) =>
    `pool ${pool} says gpuType ${wanted}, its node ${node} shows ${seen}: correct nodePools[].gpuType or the group's machines`,
  "work-exhausted": ({ pods, units }) =>
    `${count(pods, "pod")} ${verb(pods, "was", "were")} not looked at, since the ${units} units of work of one decision were used up; ${verb(pods, "it comes", "they come")} first in the next`,
  "pool-not-usable": ({ pool }) => `pool ${pool} takes no more pods now: its own holds say why`,
  "cost-limit": ({ usdPerHour, adds, maximum }) =>
    `the nodes cost ${hourly(usdPerHour)} and one more ${hourly(adds)}, over the ${hourly(maximum)} of maxHourlyCostUsd: raise it, or lower what the pools keep`,
};

function side(direction: "up" | "down"): string {
  return direction === "up" ? "scaleUp" : "scaleDown";
}
