// The snapshot arranged by the questions that decisions ask: each pool with its size, its nodes, what is still to
// come and what one more would offer; each node with its pods and whether it may be counted on. It judges nothing:
// whether to grow or shrink is for the steps that read it.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { compareText, firstDifference } from "../order.ts";
import type { Journal, LaunchMemory, NodeShape, SizeMemory } from "../snapshot-memory.ts";
import type {
  ForecastInput,
  InstanceInput,
  NodeInput,
  NoticeInput,
  PoolInput,
  Snapshot,
} from "../snapshot.ts";
import { withDaemons } from "./daemons.ts";
import { NOTHING_EXPECTED, expectedOf } from "./devices.ts";
import type { Expected } from "./devices.ts";
import { lastTarget, plannedSize, settledSize } from "./flights.ts";
import { backEndOf } from "./group-identity.ts";
import { hintsApart } from "./hints.ts";
import { launchesOf } from "./launches.ts";
import type { Late } from "./launches.ts";
import { rebuildLeftMs } from "./lost.ts";
import { ownership, poolId } from "./ownership.ts";
import type { Claim, ValidPolicy } from "./ownership.ts";
import { adoptedSize, followSize, resizingHand } from "./resizes.ts";
import { rivalsOnNodes } from "./rival-nodes.ts";
import { blockedByRival, rivalReasons } from "./rivals.ts";
import type { RivalReason } from "./rivals.ts";
import { declaredShape, learnedShape, rememberedShape } from "./shape.ts";
import { clocksOf, nodeState } from "./standing.ts";
import type { NodeState, PoolSetting } from "./standing.ts";

/** Where the tiers stand when nothing else decides: the cheapest that may be taken away comes first. */
export const TIER_ORDER: Readonly<Record<CapacityType, number>> = { spot: 0, "on-demand": 1, reserved: 2 };

export interface Fleet {
  readonly at: EpochMs;
  readonly sync: Snapshot["sync"];
  /** How long nothing is removed yet because what was remembered is gone; 0: it is not. */
  readonly rebuildLeftMs: Millis;
  /** Pools of every policy that can be read, enabled or not, by policy and in the order of its spec. */
  readonly pools: readonly PoolState[];
  readonly poolsById: ReadonlyMap<string, PoolState>;
  /** Every node of the cluster, by name. */
  readonly nodes: readonly NodeState[];
  readonly nodesByName: ReadonlyMap<string, NodeState>;
  readonly ownerOf: ReadonlyMap<string, Claim>;
  /** Of nodes that go. */
  readonly notices: readonly NoticeInput[];
  /** Of nodes that their cloud may take soon, and that stay. */
  readonly hints: readonly NoticeInput[];
}

export interface PoolState {
  readonly id: string;
  readonly policy: string;
  readonly name: string;
  readonly spec: PolicySpec;
  readonly pool: NodePoolSpec;
  readonly input: PoolInput;
  readonly journal: Journal;
  /** Of its policy; null: there is none. */
  readonly forecast: ForecastInput | null;
  /** Why nobody may size it at all; null when it can be sized. */
  readonly blocked: Reason | null;
  /** Why demand opens no node in it, `blocked` included; null when it may. Minimum sizes only ask `blocked`. */
  readonly closed: Reason | null;
  /** Nodes and groups that another policy claims too. */
  readonly disputes: readonly Reason[];
  /** What else sizes its group, or exchanges its machines. */
  readonly rivals: readonly RivalReason[];
  /** Another hand changed its size once, and that size is taken over; null: none did lately. */
  readonly adopted: Extract<Reason, { readonly code: "resized-by-hand" }> | null;
  /** The size that its group had at the last looks; null: nothing is known of it. */
  readonly sizes: SizeMemory | null;
  /** As the group says, with what we have just done to it; null when it does not. */
  readonly size: number | null;
  /** With growth that was begun and does not show yet; the best estimate when the size is not known. */
  readonly planned: number;
  readonly nodes: readonly NodeState[];
  readonly ready: number;
  /** Asked for, not here yet, and still counted on. */
  readonly booting: number;
  /** Asked for, not here, and not counted on any more. */
  readonly overdue: { readonly nodes: number; readonly forMs: Millis };
  /** Machines whose time is up, nodes that are here and never worked among them. */
  readonly late: readonly Late[];
  /** Members of the group that will never be a node. */
  readonly dead: readonly InstanceInput[];
  readonly launch: LaunchMemory | null;
  readonly shape: NodeShape | null;
  /** What its nodes that are up offer; null when none is up. */
  readonly learned: NodeShape | null;
  readonly gpusPerNode: number | null;
}

export function assemble(snapshot: Snapshot): Fleet {
  const { at } = snapshot;
  const { ownerOf, disputes } = ownership(snapshot);
  const podsOn = Map.groupBy(
    snapshot.pods.filter((pod) => pod.node !== null),
    (pod) => pod.node ?? "",
  );
  const { taking, hints } = hintsApart(snapshot, ownerOf);
  // Sorted by deadline, so the first of a node is its earliest.
  const noticeOf = new Map(taking.toReversed().map((notice) => [notice.node, notice]));
  const valid = snapshot.policies.filter((policy) => policy.kind === "valid");
  const nodesOf = Map.groupBy(snapshot.nodes, (node) => idOf(ownerOf.get(node.name)));

  const pools: PoolState[] = [];
  const nodes: NodeState[] = [];
  const place = (node: NodeInput, pool: PoolSetting | null, expected: Expected): NodeState =>
    nodeState({
      expected,
      node,
      pool,
      at,
      pods: podsOn.get(node.name) ?? [],
      notice: noticeOf.get(node.name) ?? null,
    });
  for (const policy of valid) {
    for (const setting of settingsOf(policy, snapshot)) {
      const members = nodesOf.get(setting.id) ?? [];
      const known = setting.remembered ?? setting.template;
      const { gpusMs } = clocksOf(policy.spec);
      const expected = expectedOf(members, known, { gpusMs, at });
      const own = members.map((node) => place(node, setting, expected));
      nodes.push(...own);
      pools.push(poolState(setting, own, disputes.get(setting.id) ?? [], snapshot));
    }
  }
  closeTiers(pools);
  nodes.push(...(nodesOf.get("") ?? []).map((node) => place(node, null, NOTHING_EXPECTED)));
  nodes.sort((a, b) => compareText(a.name, b.name));
  return {
    at,
    sync: snapshot.sync,
    rebuildLeftMs: rebuildLeftMs(snapshot.memory, at),
    pools,
    poolsById: new Map(pools.map((pool) => [pool.id, pool])),
    nodes,
    nodesByName: new Map(nodes.map((node) => [node.name, node])),
    ownerOf,
    notices: taking,
    hints,
  };
}

/** The pools that one policy may act on. */
export function poolsOf(fleet: Fleet, policy: string): readonly PoolState[] {
  return fleet.pools.filter((pool) => pool.policy === policy);
}

function idOf(claim: Claim | undefined): string {
  return claim === undefined ? "" : poolId(claim.policy, claim.pool);
}

function* settingsOf(policy: ValidPolicy, snapshot: Snapshot): Generator<PoolSetting> {
  for (const pool of policy.spec.nodePools) {
    const id = poolId(policy.name, pool.name);
    const input = policy.pools.find(({ name }) => name === pool.name) ?? {
      name: pool.name,
      group: { kind: "unknown", detail: "the group was not read" } as const,
      instances: [],
    };
    const instances = new Map(
      input.instances.flatMap((instance) =>
        instance.node === null ? [] : [[instance.node, instance] as const],
      ),
    );
    yield {
      id,
      policy,
      pool,
      input,
      instances,
      remembered: rememberedShape(policy.spec.provider, pool, snapshot.memory.shapes[id], input.template),
      template: declaredShape(policy.spec.provider, pool, input.template),
    };
  }
}

function poolState(
  setting: PoolSetting,
  nodes: readonly NodeState[],
  disputes: readonly Reason[],
  snapshot: Snapshot,
): PoolState {
  const { id, policy, pool, input } = setting;
  const { at, memory } = snapshot;
  const group = input.group;
  const size = group.kind === "known" ? settledSize(policy.journal, pool.name, group.size, at) : null;
  const estimate = Math.max(nodes.length, input.instances.length, lastTarget(policy.journal, pool.name));
  const planned = size === null ? estimate : plannedSize(policy.journal, pool.name, size, at);
  const up = nodes.filter((state) => state.standing === "up");
  const launches = launchesOf({
    setting,
    nodes,
    size,
    planned,
    before: memory.launches?.[id],
    lookedAt: memory.at,
    coming: (name) => memory.nodes[name]?.comingSince !== undefined,
    at,
  });
  const learned = learnedShape(pool, up);
  const bare = learned ?? setting.remembered ?? setting.template;
  const shape = bare === null ? null : withDaemons(bare, snapshot.daemons);
  const seen = rivalReasons(policy.spec, [...(input.rivals ?? []), ...rivalsOnNodes(pool, nodes, at)]);
  const sizes = followSize({
    setting,
    nodes,
    before: memory.sizes?.[id],
    rivaled: blockedByRival(seen) !== null,
    at,
  });
  const hand = resizingHand(sizes, at);
  const rivals = hand === null ? seen : [...seen, hand];
  const blocked = blockOf(policy, pool, input, { disputes, rival: blockedByRival(rivals) });
  return {
    id,
    policy: policy.name,
    name: pool.name,
    spec: policy.spec,
    pool,
    input,
    journal: policy.journal,
    forecast: policy.forecast ?? null,
    blocked,
    closed: blocked ?? (shape === null ? { code: "template-unknown" } : null),
    disputes,
    rivals,
    adopted: adoptedSize(sizes, at),
    sizes,
    size,
    planned,
    nodes,
    ready: up.length,
    ...launches,
    shape,
    learned,
    gpusPerNode: shape === null ? null : gpusIn(shape.allocatable),
  };
}

function blockOf(
  policy: ValidPolicy,
  pool: NodePoolSpec,
  input: PoolInput,
  { disputes, rival }: { readonly disputes: readonly Reason[]; readonly rival: RivalReason | null },
): Reason | null {
  const { spec } = policy;
  if (!spec.enabled) return { code: "disabled" };
  const shared = disputes.find(({ code }) => code === "group-shared" || code === "instance-shared");
  if (shared !== undefined) return shared;
  switch (input.group.kind) {
    case "none":
      return { code: "no-group" };
    case "missing":
      return { code: "group-missing", detail: input.group.detail, ...backEndOf(pool) };
    case "unknown":
      return { code: "size-unknown", detail: input.group.detail };
    case "known":
      if (rival !== null) return rival;
      return pool.capacityType === "spot" && !spec.enableSpotInstances ? { code: "spot-disabled" } : null;
  }
}

/**
 * With multi-tier scaling switched off, a policy grows in one tier: that of the pool it prefers. What it has in
 * others stays, and minimum sizes there are still kept.
 */
function closeTiers(pools: PoolState[]): void {
  for (const [index, pool] of pools.entries()) {
    if (pool.spec.enableMultiTierScaling || pool.closed !== null) continue;
    const only = preferredTier(
      pools.filter((other) => other.policy === pool.policy && other.blocked === null),
    );
    if (only === null || only === pool.pool.capacityType) continue;
    pools[index] = { ...pool, closed: { code: "tier-disabled", tier: pool.pool.capacityType, only } };
  }
}

function preferredTier(pools: readonly PoolState[]): CapacityType | null {
  const [first] = pools.toSorted((a, b) =>
    firstDifference(
      b.pool.priority - a.pool.priority,
      TIER_ORDER[a.pool.capacityType] - TIER_ORDER[b.pool.capacityType],
    ),
  );
  return first?.pool.capacityType ?? null;
}
