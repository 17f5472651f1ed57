// Random fleets for properties of decisions: nodes in every state, pods of every kind, policies at their limits,
// journals with moves under way, telemetry that is fresh, old, thin or missing, launches that failed, pods with rules of
// their own. Most of each fleet is well, since a fleet in which everything is wrong at once decides nothing.

import fc from "fast-check";

import { EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { Memory } from "../../coordinator/decide/snapshot-memory.ts";
import type { PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import type {
  GroupReading,
  InstanceInput,
  NodeInput,
  NoticeInput,
  Snapshot,
  Telemetry,
} from "../../coordinator/decide/snapshot.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { epochMs, ratio } from "../../shared/model/units.ts";
import { digest, drainState, node, reported } from "./node.ts";
import { MINUTE, NOW, SECOND } from "./now.ts";
import { pod } from "./pod.ts";
import { move, policy, pool } from "./policy.ts";
import type { PoolOptions, ValidPolicyInput } from "./policy.ts";
import { podExtras, podLabels, ZONES } from "./random-pod.ts";
import { mostly, offerings, ruleOptions } from "./random-rules.ts";
import { notice, snapshot } from "./snapshot.ts";

const POOLS = ["spot", "od", "res"] as const;
const PRICES = { spot: 2, od: 5, res: 3 } as const;
const TIERS = { spot: "spot", od: "on-demand", res: "reserved" } as const;

const ago = (max: number) => fc.integer({ min: 0, max }).map((ms) => epochMs(NOW - ms));

const telemetries: fc.Arbitrary<Telemetry> = fc
  .record({
    unknown: mostly(false, true),
    mean: mostly<number | null>(0.05, null, 0, 0.5, 0.85, 1),
    ageMs: mostly(2 * SECOND, 0, 15 * SECOND, 16 * SECOND, 300 * SECOND),
    coverage: mostly(1, 0.9, 0.4),
    busiest: mostly<number | null>(0.1, null, 0.2, 0.9),
  })
  .map(({ unknown, ageMs, mean, coverage, busiest }) =>
    unknown
      ? { kind: "unknown", because: "never-reported", detail: "" }
      : reported({
          ageMs,
          mean,
          since: [
            digest(NOW - ageMs - 5 * SECOND, { busiest, coverage }),
            digest(NOW - ageMs, { busiest, coverage }),
          ],
        }),
  );

const anyNodes: fc.Arbitrary<readonly NodeInput[]> = fc
  .array(
    fc.record({
      pool: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom<string | null>(...POOLS) },
        { weight: 1, arbitrary: fc.constant(null) },
      ),
      gpus: mostly(8, 4, 0),
      ready: mostly<NodeInput["ready"]>("ready", "not-ready", "unknown"),
      ageMs: mostly(600 * MINUTE, MINUTE, 20 * MINUTE),
      unschedulable: mostly(false, true),
      telemetry: telemetries,
      drain: mostly<"started" | "refused" | "cancelled" | null>(null, "started", "refused", "cancelled"),
      pinned: mostly(false, true),
      zone: fc.option(fc.constantFrom(...ZONES)),
      health: mostly<"ill" | "healthy" | null>(null, "ill", "healthy"),
      changedMs: mostly<number | null>(null, 5 * MINUTE, 30 * MINUTE),
    }),
    { maxLength: 7 },
  )
  .map((all) =>
    all.map(({ drain, pinned, zone, health, changedMs, ...options }, index) => ({
      ...node(`n${index}`, {
        ...options,
        ...(zone === null ? {} : { labels: { [NODE_LABEL.zone]: zone } }),
        ...(drain === null ? {} : { drainState: drainState({ phase: drain, seenAt: NOW - MINUTE }) }),
        ...(pinned ? { annotations: { "karpenter.sh/do-not-disrupt": "true" } } : {}),
      }),
      ...(health === null
        ? {}
        : { gpuHealth: { verdict: health, since: epochMs(NOW - MINUTE), detail: "XID 79" } }),
      ...(changedMs === null ? {} : { readyChangedAt: epochMs(NOW - Math.min(changedMs, options.ageMs)) }),
    })),
  );

/** Now and then all of them work hard. */
const nodeInputs: fc.Arbitrary<readonly NodeInput[]> = fc
  .tuple(anyNodes, mostly(false, true))
  .map(([all, hot]) =>
    hot ? all.map((each) => ({ ...each, telemetry: reported({ mean: 1, busiest: 1 }) })) : all,
  );

const podInputs = (nodes: number): fc.Arbitrary<readonly PodInput[]> =>
  fc
    .array(
      fc.record({
        node:
          nodes === 0
            ? fc.constant(null)
            : fc.option(fc.integer({ min: 0, max: nodes - 1 }).map((index) => `n${index}`)),
        gpus: fc.constantFrom(0, 0, 1, 2, 4, 8, 9),
        cpu: mostly(1_000, 0, 60_000),
        waitedMs: mostly(60 * MINUTE, 0, 119 * SECOND, 120 * SECOND),
        undecided: mostly(false, true),
        terminating: mostly(false, true),
        daemon: mostly(false, true),
        owner: mostly<PodInput["owner"]>({ uid: "o1", kind: "ReplicaSet" }, { uid: "o2", kind: "Job" }, null),
        priority: mostly(0, 100, -100),
        ageMs: mostly(60 * MINUTE, 0, MINUTE),
        labels: podLabels,
        extras: podExtras,
      }),
      { maxLength: 9 },
    )
    .map((all) =>
      all.map(({ undecided, labels, extras, ...options }, index) => ({
        ...pod(`p${index}`, { ...options, ...(undecided ? { waiting: { kind: "undecided" } } : {}) }),
        labels,
        ...extras,
      })),
    );

const moves: fc.Arbitrary<readonly MoveState[]> = fc
  .record({
    kind: fc.constantFrom("grow", "replace", "shrink", "release"),
    phase: fc.constantFrom("intended", "draining", "applied", "failed"),
    pool: fc.constantFrom(...POOLS),
    node: fc.constantFrom("n0", "n1"),
    from: fc.integer({ min: 0, max: 6 }),
    by: fc.constantFrom(1, 2),
    agoMs: fc.constantFrom(0, 5 * SECOND, 5 * MINUTE, 60 * MINUTE),
  })
  .map(({ kind, phase, pool: name, node: nodeName, from, by, agoMs }) => {
    const grows = kind === "grow" || kind === "replace";
    return move(NOW, {
      kind,
      pool: name,
      agoMs,
      from,
      to: grows ? from + by : Math.max(0, from - 1),
      phase: phase === "draining" && kind !== "shrink" ? "intended" : phase,
      key:
        kind === "replace" ? `demo/${name}/replace/notice-${nodeName}` : `demo/${name}/${kind}/${nodeName}`,
      ...(grows ? {} : { node: nodeName }),
    });
  })
  .chain((one) => mostly<readonly MoveState[]>([], [one]));

interface RandomPool {
  readonly booting: number;
  readonly minSize: number;
  readonly maxSize: number;
  readonly gpus: number | null;
  readonly group: GroupReading | null;
  readonly zone: string | null;
  /** Members that the cloud refused to make. */
  readonly failed: number;
  /** Members that became no node in time. */
  readonly stuck: number;
  /** Places of the group that no machine fills: of some it says that none will. */
  readonly places: readonly ("booting" | "failed")[];
  /** True: one of the places has a node by now, which the group's list does not have yet. */
  readonly filled: boolean;
  /** What the group says of its size besides. */
  readonly bounds: GroupBounds;
}

type GroupBounds = Pick<Extract<GroupReading, { readonly kind: "known" }>, "min" | "max" | "growsItself">;

const randomPools: fc.Arbitrary<RandomPool> = fc.record({
  booting: mostly(0, 1, 2),
  minSize: mostly(0, 1, 2),
  maxSize: fc.integer({ min: 2, max: 9 }),
  gpus: mostly<number | null>(8, 4, 0, null),
  group: mostly<GroupReading | null>(
    null,
    { kind: "none" },
    { kind: "missing", detail: "404" },
    { kind: "unknown", detail: "timeout" },
  ),
  zone: fc.option(fc.constantFrom(...ZONES)),
  failed: mostly(0, 1),
  stuck: mostly(0, 1),
  places: mostly<RandomPool["places"]>([], ["failed"], ["booting", "failed"]),
  filled: mostly(false, true),
  bounds: mostly<GroupBounds>({}, { max: 3 }, { min: 2, max: 4 }, { min: 1 }, { growsItself: true }),
});

function poolOptions(
  name: (typeof POOLS)[number],
  random: RandomPool,
  nodes: readonly NodeInput[],
): PoolOptions {
  const { minSize, maxSize, gpus, group, booting, zone, failed, stuck, places, filled, bounds } = random;
  const here = nodes.filter((each) => each.labels[NODE_LABEL.pool] === name);
  const members = here.map((each): InstanceInput => ({
    id: `i-${each.name}`,
    node: each.name,
    state: each.ready === "ready" ? "ready" : "booting",
  }));
  const refused = Array.from({ length: failed }, (_, index): InstanceInput => ({
    id: `i-failed-${name}-${index}`,
    node: null,
    state: "failed",
    createdAt: epochMs(NOW - MINUTE),
    failure: { kind: "no-capacity", detail: "none left" },
  }));
  const late = Array.from({ length: stuck }, (_, index): InstanceInput => ({
    id: `i-stuck-${name}-${index}`,
    node: null,
    state: "booting",
    createdAt: epochMs(NOW - 20 * MINUTE),
  }));
  const open = places.map((state, index): InstanceInput => ({
    id: `${name}/placeholder-${index}`,
    node: null,
    placeholder: true,
    state,
    ...(state === "failed" ? { failure: { kind: "quota", detail: "64 vCPU" } } : {}),
  }));
  const ahead = filled && places.length > 0 && members.length > 0 ? 1 : 0;
  const size = here.length + booting + failed + stuck + places.length - ahead;
  return {
    capacityType: TIERS[name],
    minSize,
    maxSize,
    gpus,
    group: group ?? { kind: "known", size, chosenRemoval: true, ...bounds },
    ...(failed + stuck + places.length === 0
      ? {}
      : { instances: [...members.slice(ahead), ...refused, ...late, ...open] }),
    fields: {
      price: { usdPerHour: PRICES[name] },
      ...(zone === null ? {} : { availabilityZones: [zone] }),
    },
  };
}

const policies = (nodes: readonly NodeInput[]): fc.Arbitrary<ValidPolicyInput> =>
  fc
    .record({
      maxNodes: fc.integer({ min: 3, max: 15 }),
      minNodes: mostly(0, 1),
      maxGpus: mostly<number | undefined>(undefined, 0, 16, 40),
      rate: fc.record({ nodes: mostly(10, 0, 1), percent: mostly(25, 0, 100) }),
      reclaimIdleHolders: fc.boolean(),
      enableSpotInstances: mostly(true, false),
      enableMultiTierScaling: mostly(true, false),
      enabled: mostly(true, false),
      pools: fc.tuple(randomPools, randomPools, randomPools),
      additions: fc.array(fc.record({ at: ago(15 * MINUTE), nodes: fc.integer({ min: 0, max: 4 }) }), {
        maxLength: 1,
      }),
      lastUp: ago(15 * MINUTE).chain((at) => mostly<typeof at | null>(null, at)),
      lastDown: ago(15 * MINUTE).chain((at) => mostly<typeof at | null>(null, at)),
      moves,
      failures: offerings,
      forecast: mostly<number | null>(null, 8, 40),
      rules: ruleOptions,
    })
    .map(({ rate, maxGpus, pools: random, additions, lastUp, lastDown, moves: begun, ...more }) => {
      const { failures, forecast, rules, ...spec } = more;
      return policy({
        ...rules,
        ...spec,
        ...(forecast === null
          ? {}
          : {
              forecast: {
                gpus: forecast,
                at: epochMs(NOW + 30 * MINUTE),
                confidence: ratio(0.9),
                earned: true,
              },
            }),
        ...(maxGpus === undefined ? {} : { maxGpus }),
        maxPercentOrNodesAdded: rate,
        journal: {
          additions,
          offerings: failures,
          moves: begun,
          lastUpAt: lastUp === null ? {} : { spot: lastUp },
          lastDownAt: lastDown === null ? {} : { spot: lastDown },
        },
        pools: [
          pool("spot", poolOptions("spot", random[0], nodes)),
          pool("od", poolOptions("od", random[1], nodes)),
          pool("res", poolOptions("res", random[2], nodes)),
        ],
      });
    });

const longAgo = epochMs(NOW - 30 * MINUTE);
const timers = fc.record({
  idleSince: ago(20 * MINUTE).chain((at) => mostly<typeof at | null>(longAgo, null, at)),
  emptySince: ago(20 * MINUTE).chain((at) => mostly<typeof at | null>(longAgo, null, at)),
  lastReportAt: fc.constant(epochMs(NOW - 12 * SECOND)),
});

const memories = (nodes: number): fc.Arbitrary<Memory> =>
  fc
    .record({
      at: mostly<Memory["at"]>(epochMs(NOW - 10 * SECOND), null, epochMs(NOW - MINUTE)),
      nodes: fc.array(timers, { minLength: nodes, maxLength: nodes }),
      missing: fc.record({ missing: fc.integer({ min: 1, max: 2 }), since: ago(30 * MINUTE) }),
    })
    .map(({ at, nodes: all, missing }) => ({
      ...EMPTY_MEMORY,
      at,
      nodes: Object.fromEntries(all.map((memory, index) => [`n${index}`, memory])),
      launches: { "demo/spot": missing },
    }));

const notices = (nodes: number): fc.Arbitrary<readonly NoticeInput[]> =>
  nodes === 0
    ? fc.constant([])
    : fc
        .uniqueArray(
          fc.record({
            node: fc.integer({ min: 0, max: nodes - 1 }),
            source: mostly<NoticeInput["source"]>("aws", "drill"),
            replace: mostly(true, false),
            drained: fc.boolean(),
            kind: mostly<NonNullable<NoticeInput["kind"]>>("termination", "rebalance", "maintenance"),
          }),
          { maxLength: 2, selector: ({ node: index }) => index },
        )
        .chain((all) => fc.constantFrom([], [], all))
        .map((all) => all.map(({ node: index, ...options }) => notice(`n${index}`, options)));

export const snapshots: fc.Arbitrary<Snapshot> = nodeInputs.chain((nodes) =>
  fc
    .record({
      policy: policies(nodes),
      pods: podInputs(nodes.length),
      notices: notices(nodes.length),
      memory: memories(nodes.length),
      synced: mostly(true, false),
      allowed: mostly(1, 0),
    })
    .map(({ policy: only, pods, notices: all, memory, synced, allowed }) =>
      snapshot({
        policies: [only],
        nodes,
        pods,
        notices: all,
        memory,
        ...(synced ? {} : { sync: { kind: "unsynced", missing: ["pods"] } }),
        budgets: [
          { key: "default/b", disruptionsAllowed: allowed, pods: ["default/p0", "default/p1", "default/p2"] },
        ],
      }),
    ),
);
