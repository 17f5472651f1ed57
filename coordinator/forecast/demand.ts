// How many GPUs are wanted at a moment, by policy and kind of GPU: those that pods hold, and those that waiting pods ask
// for, whether or not there are nodes. Utilisation is no demand: it falls when nodes are added. Nothing is remembered.

import { predictiveModeOf } from "../../shared/contract/policy/predictive.ts";
import { gpuModelOf, gpuModelOfLabels, mayBeSameGpu } from "../../shared/model/gpu-models.ts";
import type { GpuModel } from "../../shared/model/gpu-models.ts";
import { untoleratedTaint } from "../../shared/model/node.ts";
import { gpusIn } from "../../shared/model/resources.ts";
import { millis } from "../../shared/model/units.ts";
import type { Millis } from "../../shared/model/units.ts";
import { stageFigures } from "../decide/fleet/ledger-stages.ts";
import { ownership, poolId } from "../decide/fleet/ownership.ts";
import type { ValidPolicy } from "../decide/fleet/ownership.ts";
import { declaredShape, rememberedShape } from "../decide/fleet/shape.ts";
import { someTermHolds } from "../decide/node-terms.ts";
import type { LaunchStage, NodeShape } from "../decide/snapshot-memory.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { PoolInput, Snapshot } from "../decide/snapshot.ts";

/** The pools of a policy whose nodes have one kind of GPU. */
export interface Demand {
  readonly policy: ValidPolicy;
  /** Null: nobody says which GPUs its nodes have. */
  readonly gpuType: string | null;
  readonly pools: readonly string[];
  /** Null: not known, as a list may lack pods. */
  readonly gpus: number | null;
  /** Pods wait and no pool can grow: more may be wanted than has been asked for. */
  readonly isCut: boolean;
  /** There or on their way. */
  readonly nodes: number;
  /** Of the smallest node. Null: nobody knows. */
  readonly gpusPerNode: number | null;
  /** From the order of a node to its readiness, in nine of ten cases. Null: nobody has measured it. */
  readonly startMs: Millis | null;
}

/** From the order to a node that takes pods. */
const STAGES: readonly LaunchStage[] = ["accepted", "launched", "registered", "ready"];

interface Pool {
  readonly policy: ValidPolicy;
  readonly input: PoolInput;
  readonly shape: NodeShape | null;
  readonly model: GpuModel | null;
  readonly gpuType: string | null;
  readonly isFull: boolean;
}

/** Of the policies that want a forecast, in their order; kinds of GPU in the order of the first pool that has them. */
export function demandOf(snapshot: Snapshot): readonly Demand[] {
  const policies = snapshot.policies.filter(
    (policy) => policy.kind === "valid" && predictiveModeOf(policy.spec) !== "Off",
  ) as readonly ValidPolicy[];
  if (policies.length === 0) return [];
  const pools = policies.flatMap((policy) => [...poolsOf(policy, snapshot)]);
  const byId = new Map(pools.map((pool) => [poolId(pool.policy.name, pool.input.name), pool]));
  const { ownerOf } = ownership(snapshot);
  const busy = new Map<Pool, number>();
  const waiting = new Map<Pool, number>();
  for (const pod of snapshot.pods) {
    if (pod.terminating || pod.daemon || pod.mirror) continue;
    const gpus = gpusIn(pod.requests);
    if (gpus === 0) continue;
    const owner = pod.node === null ? undefined : ownerOf.get(pod.node);
    const pool =
      pod.node === null
        ? pools.find((one) => isFor(pod, one))
        : owner === undefined
          ? undefined
          : byId.get(poolId(owner.policy, owner.pool));
    if (pool === undefined) continue;
    const sums = pod.node === null ? waiting : busy;
    sums.set(pool, (sums.get(pool) ?? 0) + gpus);
  }
  const nodesOf = new Map<Pool, number>();
  for (const { name } of snapshot.nodes) {
    const owner = ownerOf.get(name);
    const pool = owner === undefined ? undefined : byId.get(poolId(owner.policy, owner.pool));
    if (pool !== undefined) nodesOf.set(pool, (nodesOf.get(pool) ?? 0) + 1);
  }

  const kinds = Map.groupBy(pools, ({ policy, gpuType }) => JSON.stringify([policy.name, gpuType]));
  return [...kinds.values()].flatMap((own): Demand[] => {
    const [first] = own;
    if (first === undefined) return [];
    const sum = (of: (pool: Pool) => number): number => own.reduce((total, pool) => total + of(pool), 0);
    const queued = sum((pool) => waiting.get(pool) ?? 0);
    const perNode = own.flatMap(({ shape }) => (shape === null ? [] : [gpusIn(shape.allocatable)]));
    const starts = own.flatMap(({ policy, input }) => startOf(snapshot, poolId(policy.name, input.name)));
    return [
      {
        policy: first.policy,
        gpuType: first.gpuType,
        pools: own.map(({ input }) => input.name),
        gpus: snapshot.sync.kind === "synced" ? sum((pool) => busy.get(pool) ?? 0) + queued : null,
        isCut: queued > 0 && own.every(({ isFull }) => isFull),
        nodes: sum((pool) => sizeOf(pool, nodesOf.get(pool) ?? 0)),
        gpusPerNode: perNode.length === 0 ? null : Math.min(...perNode),
        startMs: starts.length === 0 ? null : millis(Math.max(...starts)),
      },
    ];
  });
}

function* poolsOf(policy: ValidPolicy, { memory, at }: Snapshot): Generator<Pool> {
  const { spec, journal } = policy;
  const rests = new Set(
    (journal.offerings ?? []).filter(({ until }) => until > at).map(({ offering }) => offering),
  );
  const isAtMost =
    policy.pools.reduce((sum, { group }) => sum + (group.kind === "known" ? group.size : 0), 0) >=
    spec.maxNodes;
  for (const pool of spec.nodePools) {
    const input = policy.pools.find(({ name }) => name === pool.name);
    if (input === undefined) continue;
    const { template, group } = input;
    const seen = rememberedShape(
      spec.provider,
      pool,
      memory.shapes[poolId(policy.name, pool.name)],
      template,
    );
    const declared = declaredShape(spec.provider, pool, template);
    const shape = seen ?? declared;
    // A pool without GPUs serves nobody of whom a forecast knows.
    if (shape !== null && gpusIn(shape.allocatable) === 0) continue;
    // What the policy says comes first, since it stays the same while nodes come and go.
    const model =
      (pool.gpuType === undefined ? null : gpuModelOf(pool.gpuType)) ??
      gpuModelOfLabels(declared?.labels) ??
      gpuModelOfLabels(shape?.labels);
    const most = group.kind === "known" ? Math.min(pool.maxSize, group.max ?? Infinity) : pool.maxSize;
    const isFull =
      group.kind !== "known" ||
      group.size >= most ||
      isAtMost ||
      rests.has(`pool/${pool.name}`) ||
      (pool.instanceTypes.length > 0 &&
        pool.instanceTypes.every((type) => [...rests].some((offering) => offering.startsWith(`${type}|`))));
    yield { policy, input, shape, model, gpuType: model ?? pool.gpuType ?? null, isFull };
  }
}

/** Whether the pod could be meant for the pool, by labels, taints and the model that it asks for. */
function isFor(pod: PodInput, { shape, model, policy }: Pool): boolean {
  if (pod.waiting === null || pod.waiting.kind === "gated") return false;
  const asked = pod.gpuModel === undefined ? null : gpuModelOf(pod.gpuModel);
  if (asked !== null && model !== null && !mayBeSameGpu(asked, model)) return false;
  if (shape === null) return true;
  const labels = { ...policy.spec.nodeSelector, ...shape.labels };
  for (const key in pod.nodeSelector) if (labels[key] !== pod.nodeSelector[key]) return false;
  if (pod.nodeTerms !== undefined && !someTermHolds(pod.nodeTerms, { name: null, labels })) return false;
  return untoleratedTaint(shape.taints, pod.tolerations) === null;
}

/** Empty: not measured from end to end. */
function startOf({ memory }: Snapshot, id: string): readonly number[] {
  const ledger = memory.ledger?.[id];
  const stages = ledger === undefined ? [] : stageFigures(ledger);
  const p90s = STAGES.map((stage) => stages.find((one) => one.stage === stage)?.p90Ms);
  // Members of some groups are seen first as nodes; then the stage before is in the next one.
  const known = p90s.filter((ms) => ms !== undefined);
  return known.length === 0 || p90s.at(-1) === undefined ? [] : [known.reduce((sum, ms) => sum + ms, 0)];
}

function sizeOf({ input: { group } }: Pool, nodes: number): number {
  return group.kind === "known" ? Math.max(group.size, nodes) : nodes;
}
