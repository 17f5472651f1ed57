// The list of vetoes is only as good as each of its lines: for each rule a fleet in which it alone keeps a node. With
// the rule the node stays, without it the node goes, so a rule that is lost, or never needed, fails here.

import { describe, expect, test } from "vitest";

import { healthOf } from "../../coordinator/decide/fleet/condemned.ts";
import { assemble } from "../../coordinator/decide/fleet/fleet.ts";
import { remember } from "../../coordinator/decide/fleet/memory.ts";
import { sane } from "../../coordinator/decide/fleet/sane.ts";
import { growForPods } from "../../coordinator/decide/grow/grow.ts";
import { reservePlaces } from "../../coordinator/decide/grow/replace.ts";
import { createSteps } from "../../coordinator/decide/limits/steps.ts";
import { createPacking } from "../../coordinator/decide/pack/packing.ts";
import { LAST_RULES, NODE_RULES } from "../../coordinator/decide/rules/index.ts";
import { shrink } from "../../coordinator/decide/shrink/shrink.ts";
import type { PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import { epochMs } from "../../shared/model/units.ts";
import { node, reported } from "../build/node.ts";
import type { NodeOptions } from "../build/node.ts";
import { MINUTE, NOW, SECOND } from "../build/now.ts";
import { pod } from "../build/pod.ts";
import type { PodOptions } from "../build/pod.ts";
import { move, policy, pool } from "../build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../build/policy.ts";
import { memory, notice, snapshot } from "../build/snapshot.ts";
import type { SnapshotOptions } from "../build/snapshot.ts";

const HOUR = 60 * MINUTE;
const quiet = reported({ busiest: 0.01 });
const NO_BUDGETS = { budgets: [], freeze: false, keepLocalStorage: false, keepSystemPods: false };
/** Younger than the node of a day that the builder makes. */
const EXPIRES = { expireAfterSeconds: 3600 };

interface CaseOptions extends Omit<SnapshotOptions, "policies"> {
  readonly n1?: NodeOptions;
  readonly n2?: NodeOptions;
  readonly policy?: PolicyOptions;
  readonly pool?: PoolOptions;
}

function fleet({ n1 = {}, n2 = {}, policy: spec, pool: built, ...rest }: CaseOptions): Snapshot {
  return snapshot({
    nodes: [node("n1", n1), node("n2", n2)],
    policies: [policy({ disruption: NO_BUDGETS, pools: [pool("spot", built)], ...spec })],
    ...rest,
  });
}

/** n1 has been empty for an hour, n2 has a pod that stays. */
function empty(options: CaseOptions = {}): Snapshot {
  const pods = options.pods ?? [pod("stays", { node: "n2", owner: null })];
  return fleet({ memory: memory({ n1: { emptyMs: HOUR } }), ...options, pods });
}

/** n1 has been idle for an hour with one pod on it that fits on n2, unless the pod says otherwise. */
function idle(on: PodOptions & Partial<PodInput>, options: CaseOptions = {}): Snapshot {
  return fleet({
    n1: { telemetry: quiet },
    memory: memory({ n1: { idleMs: HOUR } }),
    pods: [onNode(on)],
    ...options,
  });
}

/** n1 is older than nodes may be, with one pod on it that fits on n2. */
function expired(options: CaseOptions = {}): Snapshot {
  return fleet({
    pods: [pod("p", { node: "n1", gpus: 0 })],
    ...options,
    policy: { ...EXPIRES, ...options.policy },
  });
}

function onNode(options: PodOptions & Partial<PodInput>): PodInput {
  const { key, gang, localStorage } = options;
  return {
    ...pod("p", { node: "n1", gpus: 0, ...options }),
    ...(key === undefined ? {} : { key }),
    ...(gang === undefined ? {} : { gang }),
    ...(localStorage === undefined ? {} : { localStorage }),
  };
}

const GANG = { id: "default/g", minimum: 2, source: "PodGroup" } as const;
const ALWAYS = { name: "day", timeZone: "UTC", start: "0 0 * * *", durationSeconds: 86_400 };
const SCHEDULE = { pools: [], readyBy: false, allowDisruption: false, suspend: false, priority: 0 };

const CASES: Readonly<Record<string, Snapshot>> = {
  synced: expired({ sync: { kind: "unsynced", missing: ["pods"] } }),
  "memory-lost": empty({
    memory: { ...memory({ n1: { emptyMs: HOUR } }), lostAt: epochMs(NOW - MINUTE) },
  }),
  "under-notice": empty({ notices: [notice("n1", { replace: false })] }),
  draining: empty({
    n1: {
      drainRequest: { kind: "value", value: { v: 1, id: "d", deadline: NOW, reason: "", idleBelow: 0.2 } },
    },
  }),
  booting: expired({ n1: { ready: "unknown" } }),
  pinned: empty({ n1: { annotations: { "cluster-autoscaler.kubernetes.io/scale-down-disabled": "true" } } }),
  removable: empty({ pool: { group: { kind: "known", size: 2, chosenRemoval: false } } }),
  "last-try": expired({
    policy: {
      journal: { moves: [move(NOW, { kind: "shrink", node: "n1", phase: "failed", agoMs: MINUTE })] },
    },
  }),
  "empty-window": empty({ memory: memory({ n1: { emptyMs: MINUTE } }) }),
  // The clock was set back: the timer has seen a report a moment ago, and yet the last one is from the future.
  telemetry: idle({}, { n1: { telemetry: reported({ ageMs: -20 * SECOND, since: [] }) } }),
  "idle-window": idle({}, { memory: memory({ n1: { idleMs: MINUTE } }) }),
  allocated: idle({ gpus: 1 }),
  refusing: idle({ annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "false" } }),
  unmanaged: idle({ owner: null }),
  job: idle({ owner: { uid: "j", kind: "Job" } }),
  "gang-member": idle(
    {},
    { pods: [onNode({ gang: GANG }), { ...pod("q", { node: "n2", gpus: 0 }), gang: GANG }] },
  ),
  "local-storage": idle(
    { localStorage: true },
    { policy: { disruption: { ...NO_BUDGETS, keepLocalStorage: true } } },
  ),
  "system-pod": idle(
    { key: "kube-system/dns" },
    { policy: { disruption: { ...NO_BUDGETS, keepSystemPods: true } } },
  ),
  "movable-window": fleet({
    pods: [pod("p", { node: "n1" }), pod("stays", { node: "n2", owner: null })],
    policy: { consolidation: { enabled: true, afterSeconds: 600 } },
    pool: { fields: { price: { usdPerHour: 3 } } },
  }),
  "needed-for-pending": empty({ pods: [pod("full", { node: "n2", gpus: 8, owner: null }), pod("waits")] }),
  budget: idle({}, { budgets: [{ key: "default/b", disruptionsAllowed: 0, pods: ["default/p"] }] }),
  minimum: empty({ pool: { minSize: 2 } }),
  "needed-for-floor": empty({ policy: { schedules: [{ ...ALWAYS, ...SCHEDULE, minNodes: 2 }] } }),
  "tier-floor": empty({
    policy: { spot: { diversify: true, onDemandFloorGpus: 16, rebalance: "Report" } },
    pool: { capacityType: "on-demand" },
  }),
  "reserved-paid": empty({
    policy: { reservedPercentage: 1, spotInstancePercentage: 0 },
    pool: { capacityType: "reserved" },
  }),
  "in-flight": empty({
    policy: { journal: { moves: [move(NOW, { from: 2, to: 3, phase: "intended", agoMs: SECOND })] } },
  }),
  cooldown: empty({ policy: { journal: { lastDownAt: { spot: epochMs(NOW - MINUTE) } } } }),
  "after-add": empty({ policy: { journal: { lastUpAt: { spot: epochMs(NOW - MINUTE) } } } }),
  "needed-for-utilization": empty({
    n1: { telemetry: reported({ mean: 0 }) },
    n2: { telemetry: reported({ mean: 0.9 }) },
  }),
  "needed-for-headroom": empty({
    pods: [pod("full", { node: "n2", gpus: 8, owner: null })],
    policy: {
      headroom: [{ name: "spare", gpus: 8, resource: "nvidia.com/gpu", gpusPerPod: 1, nodeSelector: {} }],
    },
  }),
  elsewhere: expired({ pods: [pod("p", { node: "n1", gpus: 8 }), pod("q", { node: "n2", owner: null })] }),
  rival: empty({ pool: { rivals: [{ rival: "instance-refresh", detail: "r-1 is InProgress" }] } }),
  limits: empty({ policy: { disruption: { ...NO_BUDGETS, freeze: true } } }),
};

/** Nodes that go; `without`: a rule that is left out. */
function goes(input: Snapshot, without?: string): readonly string[] {
  const taken = sane(input)?.snapshot;
  if (taken === undefined) throw new Error("the snapshot of this test has no time");
  const made = assemble(taken);
  const timers = remember(made, taken);
  const packing = createPacking(made, taken.pods, { ...taken, before: taken.memory, now: timers });
  reservePlaces(packing);
  growForPods(packing);
  const kept = ({ name }: { readonly name: string }): boolean => name !== without;
  const rules = { node: NODE_RULES.filter(kept), last: LAST_RULES.filter(kept) };
  const health = healthOf(made, taken);
  const { moves } = shrink(packing, taken.budgets, timers, createSteps(), { health, rules });
  return moves.map((found) => found.node);
}

describe("without the veto", () => {
  test.each([...NODE_RULES, ...LAST_RULES].map(({ name }) => name))("%s a node would go", (name) => {
    const input = CASES[name];
    if (input === undefined) throw new Error(`no case shows what the rule ${name} is for`);
    expect(goes(input)).toEqual([]);
    expect(goes(input, name)).toEqual(["n1"]);
  });
});

test("each case is of a rule that there is", () => {
  const names = new Set([...NODE_RULES, ...LAST_RULES].map(({ name }) => name));
  expect(Object.keys(CASES).filter((name) => !names.has(name))).toEqual([]);
});
