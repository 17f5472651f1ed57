// Sentences for why nothing can be bought where it was wanted: failures of a launch, prices and interruptions. A
// shortage, a quota, a missing permission and a wrong name each have a way out of their own.

import type { Millis } from "../../../shared/model/units.ts";
import type { Sentences } from "./table.ts";
import { count, duration, grantor, groupFields, hourly, moment, offering, percent, verb } from "./words.ts";

export const MARKET: Sentences<
  | "no-capacity"
  | "launch-timed-out"
  | "quota"
  | "not-permitted"
  | "misconfigured"
  | "provider-failing"
  | "price-unknown"
  | "over-price"
  | "cost-unknown"
  | "interruption-rate"
  | "rebalance-hint"
  | "rebalance-waits"
  | "rebalance-seldom-true"
  | "maintenance-hint"
> = {
  "no-capacity": ({ offering: of, failures, leftMs, detail }) =>
    `no capacity for ${offering(of)}, ${count(failures, "failure")} in a row: ${detail}; ${pause(leftMs)}; add pools of other instance types and availabilityZones, or of another capacityType`,
  "launch-timed-out": ({ offering: of, failures, leftMs }) =>
    `${offering(of)} did not come in time, ${count(failures, "failure")} in a row; ${pause(leftMs)}; see the group's machines, and raise provisioning.launchTimeoutSeconds or provisioning.registrationTimeoutSeconds if they only take long`,
  quota: ({ pool, leftMs, detail }) =>
    `the cloud's quota for pool ${pool} is used up: ${detail}; ask the cloud for more of it, or add a pool of another instance type; tried again in ${duration(leftMs)}`,
  "not-permitted": ({ pool, leftMs, detail, backEnd }) =>
    `the cloud refuses pool ${pool} for lack of permission: ${detail}; give ${grantor(backEnd)} the right that is named; tried again in ${duration(leftMs)}`,
  misconfigured: ({ pool, leftMs, detail, backEnd }) =>
    `the group of pool ${pool} asks for what does not exist or is not allowed: ${detail}; correct ${groupFields(backEnd)} and the group's own machine template; tried again in ${duration(leftMs)}`,
  "provider-failing": ({ pool, leftMs, detail }) =>
    `the cloud does not answer for pool ${pool}: ${detail}; nothing to change here, tried again in ${duration(leftMs)}`,
  "price-unknown": ({ pool }) =>
    `nobody knows what a node of pool ${pool} costs, and it has a maxPricePerHour: set nodePools[].price.usdPerHour, or its instanceTypes and region`,
  "over-price": ({ pool, usdPerHour, maximum }) =>
    `a node of pool ${pool} costs ${hourly(usdPerHour)}, over its ${hourly(maximum)}: raise nodePools[].price.maxPricePerHour, or wait for the price to fall`,
  "cost-unknown": ({ pool, maximum }) =>
    `nobody knows what a node of pool ${pool} costs, and maxHourlyCostUsd allows ${hourly(maximum)}: set nodePools[].price.usdPerHour, or its instanceTypes and region`,
  "interruption-rate": ({ perNodeDay, limit, spotTarget, until }) =>
    `${rounded(perNodeDay)} interruptions a node and day, over the ${rounded(limit)} of spot.maxInterruptionsPerNodeDay: spot is aimed at ${percent(spotTarget)} until ${moment(until)}; add instanceTypes and availabilityZones, or lower spotInstancePercentage`,
  "rebalance-hint": ({ node, setting }) =>
    `its cloud says that node ${node} may be interrupted soon (spot.rebalance: ${setting})${setting === "Replace" ? "; nobody is on it who needs a place first, or its pool is not ours to size" : "; Replace finds its pods another place before that"}`,
  "rebalance-waits": ({ node, begun, allowed, leftMs }) =>
    `its cloud says that node ${node} may be interrupted soon; ${count(begun, "node")} of its pool ${verb(begun, "is", "are")} being replaced for such a hint or ${verb(begun, "was", "were")} in the last 30 min, ${allowed} allowed (one, or a tenth of the pool)${leftMs > 0 ? `: ${duration(leftMs)} left` : ""}`,
  "rebalance-seldom-true": ({ node, followed, hints }) =>
    `its cloud says that node ${node} may be interrupted soon, and it stays: of the last ${hints} such hints in its pool that were left alone ${followed} came true`,
  "maintenance-hint": ({ node, action, begins, endsMachine }) =>
    `the host of node ${node} is worked on (${action})${begins === undefined ? ", nobody says when" : ` at ${moment(begins)}`}${endsMachine === undefined ? "" : endsMachine ? "; the machine does not live through it" : "; the machine lives through it"}`,
};

/** With no time left it is the node that tries which is waited for. */
function pause(leftMs: Millis): string {
  return leftMs === 0 ? "one node tries it first" : `not asked again for ${duration(leftMs)}`;
}

function rounded(rate: number): string {
  return `${Math.round(rate * 1000) / 1000}`;
}
