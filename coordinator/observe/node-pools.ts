// Karpenter's NodePools and NodeClaims, by watch. A static NodePool has the size that it says, less the claims whose
// removal has begun and which it still counts; a dynamic one as many as it has claims. A place without a claim is a
// placeholder: Karpenter deletes a claim for which there is no machine, and says why in an event only.

import type { NodeClaim, NodePool } from "../../shared/model/kube.ts";
import { KARPENTER } from "../../shared/model/names.ts";
import { elapsed } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { nodePoolBounds } from "../cloud/scale/bounds.ts";
import { isLive, isUnlaunched } from "../cloud/scale/claims.ts";
import { isStatic, nodeClaimsOf, nodePoolsOf } from "../cloud/scale/kinds.ts";
import { isOld, notesOf } from "../cloud/scale/lowering.ts";
import { noSize } from "../cloud/scale/paused.ts";
import type { GroupReading, InstanceInput } from "../decide/snapshot.ts";
import { watchClaimFailures } from "./claim-failures.ts";
import { claimInstance } from "./claim-instance.ts";
import { nodePoolTemplate } from "./group-template.ts";
import type { PoolReading } from "./groups.ts";
import { apart, joinToNode } from "./joined.ts";
import type { MachineFailure } from "./machine-failure.ts";
import type { ScaleGroupsOptions, Target, VersionWatch } from "./scale-groups.ts";
import { startServed } from "./served.ts";
import { createNews, createWatched } from "./watched.ts";

export function watchNodePools(target: Target, options: ScaleGroupsOptions): VersionWatch {
  const { apiVersion } = target;
  const { clock, onChange } = options;
  /** By NodePool; null when they have changed. */
  let members: ReadonlyMap<string, readonly NodeClaim[]> | null = null;
  /** Since when a static NodePool that says it is ready has not had one claim. */
  const idleSince = new Map<string, EpochMs>();
  const failures = watchClaimFailures(options);

  const served = startServed(target, options, () => {
    const isPoolNews = createNews<NodePool>((pool) => [
      sizeOf(pool, [], clock.now()),
      notesOf(pool),
      troubles(pool),
      nodePoolTemplate(pool),
      pool.metadata.deletionTimestamp !== undefined,
    ]);
    const isClaimNews = createNews<NodeClaim>((claim) => [
      poolOf(claim),
      claim.status?.providerID,
      claimInstance(claim, claim.status?.nodeName ?? null, true),
    ]);
    return {
      pools: createWatched(nodePoolsOf(apiVersion), options.watch, (event) => {
        if (isPoolNews(event) || event.kind === "live") onChange();
      }),
      claims: createWatched(nodeClaimsOf(apiVersion), options.watch, (event) => {
        members = null;
        if (isClaimNews(event) || event.kind === "live") onChange();
      }),
    };
  });

  /** Karpenter without its gate StaticCapacity takes the object, says that it is ready, and does nothing. */
  function ignored(pool: NodePool, claims: readonly NodeClaim[], now: EpochMs): readonly string[] {
    const { name } = pool.metadata;
    if ((pool.spec?.replicas ?? 0) === 0 || claims.length > 0 || troubles(pool).length > 0) {
      idleSince.delete(name);
      return [];
    }
    const since = idleSince.get(name) ?? now;
    idleSince.set(name, since);
    if (elapsed(since, now) <= IGNORED_MS) return [];
    return [
      `NodePool ${name} asks for ${pool.spec?.replicas ?? 0} nodes and is ready, but Karpenter makes no NodeClaim: is its feature gate StaticCapacity on?`,
    ];
  }

  function known(pool: NodePool, claims: readonly NodeClaim[], now: EpochMs): PoolReading {
    const { name } = pool.metadata;
    const static_ = isStatic(pool);
    const failure = static_ ? failures.recent(name, now) : null;
    // What was refused comes back as a new claim at once: the next attempt at the same place.
    const refused = (instance: InstanceInput, claim: NodeClaim): InstanceInput =>
      failure !== null && instance.state === "booting" && isUnlaunched(claim)
        ? { ...instance, state: "failed", failure }
        : instance;
    const { instances, mismatches } = apart(
      claims.map((claim) => {
        const words = `NodeClaim ${claim.metadata.name}`;
        const { nodeName, providerID } = claim.status ?? {};
        const { node, mismatch } = joinToNode({ words, node: nodeName, providerID }, options.providerIdOf);
        const ready = node !== null && options.isNodeReady(node);
        return { instance: refused(claimInstance(claim, node, ready), claim), mismatch };
      }),
    );
    const said = [
      ...mismatches,
      ...troubles(pool),
      ...(static_ && failure === null ? ignored(pool, claims, now) : []),
    ];
    const group = sizeOf(pool, claims, now);
    const template = nodePoolTemplate(pool);
    return {
      group,
      instances: [...instances, ...(static_ ? placeholders(name, group, claims, failure) : [])],
      ...(template === null ? {} : { template }),
      ...(said.length === 0 ? {} : { mismatches: said }),
    };
  }

  return {
    reading: ({ name }) => {
      const now = clock.now();
      const open = served.open(now);
      if ("absent" in open) return { group: open.absent, instances: [] };
      const { pools, claims } = open.watches;
      const pool = pools.store.get({ name });
      if (pool === undefined || pool.metadata.deletionTimestamp !== undefined)
        return {
          group: { kind: "missing", detail: `there is no NodePool ${name}: ${WAY_OUT}` },
          instances: [],
        };
      members ??= Map.groupBy(claims.store.values(), poolOf);
      return known(pool, members.get(name) ?? [], now);
    },
  };
}

const WAY_OUT = "create it, or correct nodePools[].group";

/** Karpenter looks at a NodePool at least once a minute. */
const IGNORED_MS = 120_000;

function sizeOf(pool: NodePool, claims: readonly NodeClaim[], now: EpochMs): GroupReading {
  const live = claims.filter(isLive);
  const bounds = nodePoolBounds(pool.spec?.limits);
  if (!isStatic(pool))
    return { kind: "known", size: live.length, chosenRemoval: true, growsItself: true, ...bounds };
  const replicas = pool.spec?.replicas;
  if (replicas === undefined || !Number.isInteger(replicas) || replicas < 0) {
    return { kind: "unknown", detail: noSize(`NodePool ${pool.metadata.name}`, replicas) };
  }
  const alive = new Set(live.map(({ metadata }) => metadata.uid));
  const owed = notesOf(pool).filter((note) => !isOld(note, now) && !alive.has(note.uid)).length;
  const size = Math.max(0, replicas - owed);
  return { kind: "known", size, chosenRemoval: true, replacesLeaving: true, ...bounds };
}

/** What of the object itself stands against its size. */
function troubles({ metadata, spec, status }: NodePool): readonly string[] {
  const words = `NodePool ${metadata.name}`;
  const { max } = nodePoolBounds(spec?.limits);
  const found: string[] = [];
  if (max !== undefined && spec?.replicas !== undefined && spec.replicas > max)
    found.push(
      `${words} asks for ${spec.replicas} nodes (spec.replicas), and its limits.nodes allows ${max}: raise the limit, or lower maxSize of the pool`,
    );
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  if (ready !== undefined && ready.status !== "True") {
    const why = [ready.reason, ready.message].filter((part) => (part ?? "") !== "").join(": ");
    found.push(`${words} is not ready, so Karpenter makes no nodes for it (${why || "it does not say why"})`);
  }
  return found;
}

function placeholders(
  name: string,
  group: GroupReading,
  claims: readonly NodeClaim[],
  failure: MachineFailure | null,
): readonly InstanceInput[] {
  const size = group.kind === "known" ? group.size : 0;
  const open = Math.max(0, size - claims.filter(isLive).length);
  return Array.from({ length: open }, (_, at) => ({
    id: `${name}/placeholder-${at + 1}`,
    node: null,
    state: failure === null ? "booting" : "failed",
    placeholder: true,
    ...(failure === null ? {} : { failure }),
  }));
}

function poolOf({ metadata }: NodeClaim): string {
  return metadata.labels?.[KARPENTER.nodePool] ?? "";
}
