// For each rule across fields of a policy, specs that differ in what the rule is about alone: one that is refused, with the
// field and the words of the API server, and one that is accepted. The parser and the API server are asked the same.

import type { MoreRule } from "../../deploy/crd/more-rules.ts";
import type { PolicyRule } from "../../shared/contract/policy/rules.ts";

export interface PolicyCase {
  readonly refused: object;
  readonly accepted: object;
  /** Where the API server says it, as `spec.nodePools[0].minSize`. */
  readonly field: string;
  /** Part of what it says. */
  readonly says: string;
}

const POOL = { name: "a", capacityType: "spot" };
const SCHEDULE = { name: "day", timeZone: "Europe/Vienna", start: "0 8 * * 1-5" };
const KARPENTER_POOL = { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "gpu", manageLimits: true };
const AZURE = { subscriptionID: "0f3d1c5a-2b4e-4c6d-8e9f-a1b2c3d4e5f6", resourceGroup: "ml" };
const DEPLOYMENT = { apiVersion: "cluster.x-k8s.io/v1beta2", kind: "MachineDeployment", name: "gpu" };

const spec = (fields: object): object => ({ provider: "custom", ...fields });
const withPool = (fields: object): object => spec({ nodePools: [{ ...POOL, ...fields }] });
const withGroup = (group: object): object => withPool({ group });
const withSchedule = (fields: object): object =>
  spec({ nodePools: [POOL], schedules: [{ ...SCHEDULE, ...fields }] });
const withCalendar = (...calendar: readonly object[]): object => spec({ predictive: { calendar } });
const withBudget = (fields: object): object => spec({ disruption: { budgets: [{ nodes: 1, ...fields }] } });

/** Of the rules that the parser has as well. */
export const POLICY_CASES: Readonly<Record<PolicyRule, readonly PolicyCase[]>> = {
  "thresholds-in-order": [
    {
      refused: spec({ scaleUpThreshold: 0.2, scaleDownThreshold: 0.5 }),
      accepted: spec({ scaleUpThreshold: 0.5, scaleDownThreshold: 0.2 }),
      field: "spec.scaleUpThreshold",
      says: "0.2 is not above scaleDownThreshold 0.5: a node would be added and removed in turn; raise one or lower the other",
    },
  ],
  "nodes-in-order": [
    {
      refused: spec({ minNodes: 101 }),
      accepted: spec({ minNodes: 100 }),
      field: "spec.minNodes",
      says: "101 is above maxNodes 100; lower it or raise maxNodes",
    },
  ],
  "three-shares-are-one": [
    {
      refused: spec({ spotInstancePercentage: 0.6, onDemandPercentage: 0.3, reservedPercentage: 0.05 }),
      accepted: spec({ spotInstancePercentage: 0.6, onDemandPercentage: 0.35, reservedPercentage: 0.05 }),
      field: "spec.spotInstancePercentage",
      says: "spot 0.6, on-demand 0.3 and reserved 0.05 do not add up to 1; leave one out or correct one",
    },
  ],
  "two-shares-fit": [
    {
      refused: spec({ spotInstancePercentage: 0.6, onDemandPercentage: 0.5 }),
      accepted: spec({ spotInstancePercentage: 0.6, onDemandPercentage: 0.4 }),
      field: "spec.onDemandPercentage",
      says: "0.5 and spotInstancePercentage 0.6 are more than the whole; lower one",
    },
    {
      refused: spec({ reservedPercentage: 0.5 }),
      accepted: spec({ reservedPercentage: 0 }),
      field: "spec.reservedPercentage",
      says: "0.5 and spotInstancePercentage 0.6 are more than the whole; lower one",
    },
  ],
  "pool-names-differ": [
    {
      refused: spec({ nodePools: [POOL, { ...POOL, capacityType: "reserved" }] }),
      accepted: spec({ nodePools: [POOL, { ...POOL, name: "b" }] }),
      field: "spec.nodePools[1]",
      says: 'Duplicate value: {"name":"a"}',
    },
  ],
  "sizes-in-order": [
    {
      refused: withPool({ minSize: 3, maxSize: 2 }),
      accepted: withPool({ minSize: 2, maxSize: 2 }),
      field: "spec.nodePools[0].minSize",
      says: "3 is above maxSize 2; lower it or raise maxSize",
    },
  ],
  "spot-share-of-spot": [
    {
      refused: withPool({ capacityType: "on-demand", spotPercentage: 0.5 }),
      accepted: withPool({ capacityType: "on-demand", spotPercentage: 0 }),
      field: "spec.nodePools[0].spotPercentage",
      says: "0.5 contradicts capacityType on-demand; leave it out or make the pool spot",
    },
  ],
  "one-group": [
    {
      refused: withGroup({ scale: DEPLOYMENT, simulated: { url: "http://cloud.example", name: "a" } }),
      accepted: withGroup({ scale: DEPLOYMENT }),
      field: "spec.nodePools[0].group",
      says: '["scale", "simulated"] cannot all size one pool; leave one',
    },
  ],
  "group-named-once": [
    {
      refused: withGroup({ aws: { region: "us-west-2", tags: {} } }),
      accepted: withGroup({ aws: { region: "us-west-2", tags: { "eks:nodegroup-name": "gpu" } } }),
      field: "spec.nodePools[0].group.aws",
      says: "give either autoScalingGroup or tags: one of the two says which group it is",
    },
  ],
  "azure-group-named-once": [
    {
      refused: withGroup({ azure: { ...AZURE, vmScaleSet: "gpu", managedCluster: "ml", agentPool: "gpu" } }),
      accepted: withGroup({ azure: { ...AZURE, vmScaleSet: "gpu" } }),
      field: "spec.nodePools[0].group.azure",
      says: "give either vmScaleSet, or managedCluster with agentPool: one of the two says which group it is",
    },
    {
      refused: withGroup({ azure: { ...AZURE, agentPool: "gpu" } }),
      accepted: withGroup({ azure: { ...AZURE, managedCluster: "ml", agentPool: "gpu" } }),
      field: "spec.nodePools[0].group.azure",
      says: "give either vmScaleSet, or managedCluster with agentPool: one of the two says which group it is",
    },
  ],
  "limits-of-karpenter": [
    {
      refused: withGroup({ scale: { ...DEPLOYMENT, manageLimits: true } }),
      accepted: withGroup({ scale: KARPENTER_POOL }),
      field: "spec.nodePools[0].group.scale.manageLimits",
      says: "true is only for a NodePool of karpenter.sh, and the group is a MachineDeployment of cluster.x-k8s.io/v1beta2; leave it out",
    },
  ],
  "price-in-order": [
    {
      refused: withPool({ price: { usdPerHour: 3, maxPricePerHour: 2.5 } }),
      accepted: withPool({ price: { usdPerHour: 0, maxPricePerHour: 0 } }),
      field: "spec.nodePools[0].price.usdPerHour",
      says: "3 is above maxPricePerHour 2.5, so no node would ever be bought; correct one",
    },
  ],
  "schedule-names-differ": [
    {
      refused: spec({
        schedules: [
          { ...SCHEDULE, durationSeconds: 60 },
          { ...SCHEDULE, durationSeconds: 120 },
        ],
      }),
      accepted: withSchedule({ durationSeconds: 60 }),
      field: "spec.schedules[1]",
      says: 'Duplicate value: {"name":"day"}',
    },
  ],
  "schedule-ends-once": [
    {
      refused: withSchedule({}),
      accepted: withSchedule({ end: "0 18 * * 1-5" }),
      field: "spec.schedules[0].end",
      says: "give either end or durationSeconds",
    },
  ],
  "window-in-order": [
    {
      refused: withSchedule({ durationSeconds: 60, minNodes: 2, maxNodes: 0 }),
      accepted: withSchedule({ durationSeconds: 60, minNodes: 2 }),
      field: "spec.schedules[0].minNodes",
      says: "2 is above maxNodes 0; lower it or raise maxNodes",
    },
  ],
  "schedule-pools-exist": [
    {
      refused: withSchedule({ durationSeconds: 60, pools: ["a", "c"] }),
      accepted: withSchedule({ durationSeconds: 60, pools: ["a"] }),
      field: "spec.schedules",
      says: 'day names a pool that is none of this policy; its pools are ["a"]; correct the name or add the pool',
    },
    {
      refused: spec({ schedules: [{ ...SCHEDULE, durationSeconds: 60, pools: ["a"] }] }),
      accepted: spec({ schedules: [{ ...SCHEDULE, durationSeconds: 60 }] }),
      field: "spec.schedules",
      says: "day names a pool that is none of this policy; its pools are []; correct the name or add the pool",
    },
  ],
  "headroom-names-differ": [
    {
      refused: spec({
        headroom: [
          { name: "warm", gpus: 8 },
          { name: "warm", gpus: 4 },
        ],
      }),
      accepted: spec({ headroom: [{ name: "warm", gpus: 0 }] }),
      field: "spec.headroom[1]",
      says: 'Duplicate value: {"name":"warm"}',
    },
  ],
  "budget-window-whole": [
    {
      refused: withBudget({ schedule: "0 8 * * *" }),
      accepted: withBudget({ schedule: "0 8 * * *", durationSeconds: 60 }),
      field: "spec.disruption.budgets[0].schedule",
      says: "schedule and durationSeconds belong together; give both or neither",
    },
  ],
  "calendar-dates-differ": [
    {
      refused: withCalendar({ date: "2026-12-25" }, { date: "2026-12-25", treatAs: "weekend" }),
      accepted: withCalendar({ date: "2026-12-25" }, { date: "2026-12-26", treatAs: "weekend" }),
      field: "spec.predictive.calendar[1]",
      says: 'Duplicate value: {"date":"2026-12-25"}',
    },
  ],
};

/** Of what is true of one spec and not checked by its own rules. */
export const MORE_CASES: Readonly<Record<Exclude<MoreRule, "capacity-type-stays">, readonly PolicyCase[]>> = {
  "cron-has-five-fields": [
    {
      refused: withSchedule({ start: "0 8 * *", durationSeconds: 60 }),
      accepted: withSchedule({ start: " 0,30 8-10/2 L * MON#1 ", durationSeconds: 60 }),
      field: "spec.schedules[0].start",
      says: '"0 8 * *" is no cron line of five fields such as "30 8 * * 1-5"',
    },
    {
      refused: withSchedule({ end: "18:00" }),
      accepted: withSchedule({ end: "@daily" }),
      field: "spec.schedules[0].end",
      says: '"18:00" is no cron line of five fields such as "30 8 * * 1-5"',
    },
    {
      refused: withBudget({ schedule: "0 0 8 * * *", durationSeconds: 60 }),
      accepted: withBudget({ schedule: "0 8 * JAN-MAR ?", durationSeconds: 60 }),
      field: "spec.disruption.budgets[0].schedule",
      says: '"0 0 8 * * *" is no cron line of five fields such as "30 8 * * 1-5"',
    },
  ],
  "zone-exists": [
    {
      refused: withSchedule({ timeZone: "Europe/Wien", durationSeconds: 60 }),
      accepted: withSchedule({ timeZone: "Europe/Vienna", durationSeconds: 60 }),
      field: "spec.schedules[0].timeZone",
      says: "unknown time zone Europe/Wien evaluating rule: is no time zone that is known here; write an IANA name such as Europe/Vienna or UTC",
    },
    {
      refused: withBudget({ timeZone: "Vienna" }),
      accepted: withBudget({ timeZone: "America/New_York" }),
      field: "spec.disruption.budgets[0].timeZone",
      says: "unknown time zone Vienna evaluating rule: is no time zone that is known here; write an IANA name such as Europe/Vienna or UTC",
    },
    {
      refused: spec({ predictive: { timeZone: "Wien" } }),
      accepted: spec({ predictive: { timeZone: "Australia/Lord_Howe" } }),
      field: "spec.predictive.timeZone",
      says: "unknown time zone Wien evaluating rule: is no time zone that is known here; write an IANA name such as Europe/Vienna or UTC",
    },
  ],
  "day-exists": [
    {
      refused: withCalendar({ date: "2026-02-29" }),
      accepted: withCalendar({ date: "2028-02-29" }),
      field: "spec.predictive.calendar[0].date",
      says: "is no day that exists; write one such as 2026-12-25",
    },
  ],
  "window-has-length": [
    {
      refused: withSchedule({ end: "0 8 * * 1-5 " }),
      accepted: withSchedule({ end: "0 9 * * 1-5" }),
      field: "spec.schedules[0].end",
      says: "is the same as start, so no window has a length; correct one",
    },
  ],
  "window-opens": [
    {
      refused: withSchedule({
        durationSeconds: 60,
        from: "2026-02-01T00:00:00Z",
        until: "2026-01-31T23:59:59Z",
      }),
      accepted: withSchedule({
        durationSeconds: 60,
        from: "2026-02-01T00:00:00+02:00",
        until: "2026-01-31T23:59:59Z",
      }),
      field: "spec.schedules[0].from",
      says: "2026-02-01T00:00:00Z is after until 2026-01-31T23:59:59Z, so the window never opens; correct one",
    },
  ],
  "target-above-idle": [
    {
      refused: withSchedule({ durationSeconds: 60, targetUtilization: 0.2 }),
      accepted: withSchedule({ durationSeconds: 60, targetUtilization: 0.21 }),
      field: "spec.schedules",
      says: "targetUtilization of day is not above scaleDownThreshold 0.2: a node would be added and removed in turn; raise it",
    },
  ],
};
