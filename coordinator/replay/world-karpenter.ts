// Karpenter's controllers, as far as a size goes: a static NodePool has as many NodeClaims as it says. A claim that is
// deleted alone is replaced at once. When the number falls, claims that are not launched go first, then empty nodes,
// then whichever costs least: a victim of Karpenter's own choice. A claim for which the provider has no machine is
// deleted with an event, and the next attempt made. For pods that wait it makes no claims: that is told to it.

import type { NodeClaim, NodePool } from "../../shared/model/kube.ts";
import { KARPENTER } from "../../shared/model/names.ts";
import { after } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { nameSuffix } from "./world-core.ts";
import type { Core, Part } from "./world-core.ts";
import type { NodeIndex } from "./world-index.ts";
import { createLauncher, insufficient } from "./world-karpenter-launch.ts";
import type { Pool } from "./world-karpenter-launch.ts";
import { isLive, isUnlaunched, nodeClaimFor, nodePoolFor, poolOf } from "./world-karpenter-objects.ts";
import type { Kubelet } from "./world-kubelet.ts";
import { loseNode } from "./world-nodes.ts";
import type { NodePoolShape } from "./world-options.ts";
import { isFinished, isNodeBound, isTerminating, withCondition } from "./world-pods.ts";
import { sameJson } from "./world-store.ts";
import { timestamp } from "./world-time.ts";

export interface Karpenter extends Part {
  addPool(shape: NodePoolShape): void;
  /** As a DELETE of a NodeClaim: its node is drained, then both go. */
  deleteClaim(name: string): void;
  /** The node's cloud has said that it will take it. */
  noticed(node: string): void;
  /** False: the node is none of its own. */
  takeNode(node: string): boolean;
  /** False: it has no such pool. */
  setCapacity(pool: string, max: number | null, refusal?: string): boolean;
}

export function createKarpenter(core: Core, index: NodeIndex, kubelet: Kubelet): Karpenter {
  const names = core.random("node claim names");
  const pools = new Map<string, Pool>();
  const drains = new Map<string, EpochMs>();
  let stale = false;
  const launcher = createLauncher(core, { claimsOf, removeClaim, wake });

  core.store.onChange(({ resource }) => {
    stale ||=
      resource === "nodepools" || resource === "nodeclaims" || (resource === "pods" && drains.size > 0);
  });

  function claimsOf(pool: string): readonly NodeClaim[] {
    return [...core.store.list("nodeclaims")].filter(
      ({ metadata }) => metadata.labels?.[KARPENTER.nodePool] === pool,
    );
  }

  function wake(at: EpochMs): void {
    core.schedule(at, () => {
      stale = true;
    });
  }

  function reconcile(object: NodePool): boolean {
    const pool = pools.get(object.metadata.name);
    const replicas = object.spec?.replicas;
    if (pool === undefined) return false;
    const claims = claimsOf(object.metadata.name);
    const live = claims.filter(isLive);
    const wanted = replicas === undefined ? 0 : replicas - live.length;
    if (wanted > 0 && provision(object, pool, Math.min(wanted, room(object, claims.length)))) return true;
    if (replicas !== undefined && wanted < 0) {
      for (const claim of victims(live).slice(0, -wanted)) beginDeletion(claim, choiceOf(claim));
      return true;
    }
    return report(object, live);
  }

  function room({ spec }: NodePool, present: number): number {
    const limit = spec?.limits?.["nodes"];
    return limit === undefined ? Infinity : Math.max(0, Number(limit) - present);
  }

  function provision(object: NodePool, pool: Pool, count: number): boolean {
    if (core.now < pool.retryAt) return false;
    for (let made = 0; made < count; made += 1) {
      const name = `${object.metadata.name}-${nameSuffix(names)}`;
      core.store.write("nodeclaims", nodeClaimFor(object, name));
      core.note({ kind: "machine-created", pool: object.metadata.name, machine: name });
    }
    return count > 0;
  }

  /** In the order in which they go. */
  function victims(live: readonly NodeClaim[]): readonly NodeClaim[] {
    const rank = (claim: NodeClaim): number => (isUnlaunched(claim) ? -1 : podsOf(claim).length);
    return live.toSorted((a, b) => rank(a) - rank(b));
  }

  function podsOf({ status }: NodeClaim) {
    return [...index.podsOn(status?.nodeName ?? "")]
      .flatMap((key) => core.store.get("pods", key) ?? [])
      .filter((pod) => !isNodeBound(pod) && !isFinished(pod));
  }

  function report(object: NodePool, live: readonly NodeClaim[]): boolean {
    const nodes = live.filter((claim) => claim.status?.nodeName !== undefined).length;
    const ready = { type: "Ready", status: "True", reason: "Ready" };
    const status = { ...object.status, nodes, conditions: withCondition(object.status?.conditions, ready) };
    if (sameJson(status, object.status)) return false;
    core.store.write("nodepools", { ...object, status });
    return true;
  }

  function beginDeletion(claim: NodeClaim, chosen: "unhealthy" | "random" | "direct"): void {
    if (!isLive(claim)) return;
    const { name } = claim.metadata;
    core.note({ kind: "machine-deleting", pool: poolOf(claim), machine: name, chosen });
    if (isUnlaunched(claim)) {
      removeClaim(claim);
      return;
    }
    core.store.write("nodeclaims", {
      ...claim,
      metadata: { ...claim.metadata, deletionTimestamp: timestamp(core.now) },
    });
    const drainUntil = after(core.now, core.settings.drainMs);
    drains.set(name, drainUntil);
    wake(drainUntil);
    for (const pod of podsOf(claim)) if (!isTerminating(pod)) kubelet.terminate(pod, null);
  }

  /** One step: cordon, wait for the pods, take the node, then the claim. */
  function continueDeletion(claim: NodeClaim): boolean {
    const node = core.store.get("nodes", claim.status?.nodeName ?? "");
    if (node !== undefined) {
      if (podsOf(claim).length > 0 && core.now < (drains.get(claim.metadata.name) ?? core.now)) {
        if (node.spec?.unschedulable === true) return false;
        core.store.write("nodes", { ...node, spec: { ...node.spec, unschedulable: true } });
        return true;
      }
      loseNode(core, index, kubelet, node.metadata.name);
    }
    removeClaim(claim);
    return true;
  }

  function removeClaim(claim: NodeClaim): void {
    const { name } = claim.metadata;
    drains.delete(name);
    launcher.forget(name);
    core.store.remove("nodeclaims", name);
    core.note({ kind: "machine-removed", pool: poolOf(claim), machine: name });
  }

  return {
    addPool: (shape) => {
      if (shape.zones.length === 0) throw new RangeError(`pool "${shape.name}" names no zone`);
      const max = shape.maxMachines ?? null;
      const pool: Pool = { shape, max, refusal: insufficient(shape), made: 0, retryAt: core.now };
      pools.set(shape.name, pool);
      const object = core.store.write("nodepools", nodePoolFor(shape));
      if (shape.replicas === undefined) provision(object, pool, shape.claims ?? 0);
    },
    deleteClaim: (name) => {
      const claim = core.store.get("nodeclaims", name);
      if (claim !== undefined) beginDeletion(claim, "direct");
    },
    noticed: (node) => {
      const claim = [...core.store.list("nodeclaims")].find(({ status }) => status?.nodeName === node);
      if (claim !== undefined && pools.get(poolOf(claim))?.shape.deletesAtNotice === true)
        beginDeletion(claim, "direct");
    },
    takeNode: (name) => {
      const claim = [...core.store.list("nodeclaims")].find(({ status }) => status?.nodeName === name);
      if (claim === undefined || core.store.get("nodes", name) === undefined) return false;
      core.note({ kind: "node-interrupted", node: name });
      loseNode(core, index, kubelet, name);
      removeClaim(claim);
      return true;
    },
    setCapacity: (name, max, refusal) => {
      const pool = pools.get(name);
      if (pool === undefined) return false;
      pool.max = max;
      pool.refusal = refusal ?? insufficient(pool.shape);
      pool.retryAt = core.now;
      stale = true;
      core.note({ kind: "capacity-changed", pool: name, max });
      return true;
    },
    pass: () => {
      if (!stale) return false;
      stale = false;
      let wrote = false;
      for (const pool of Array.from(core.store.list("nodepools"))) wrote = reconcile(pool) || wrote;
      for (const claim of Array.from(core.store.list("nodeclaims"))) {
        const pool = pools.get(poolOf(claim));
        const owner = core.store.get("nodepools", poolOf(claim));
        if (owner === undefined) beginDeletion(claim, "direct");
        else if (pool !== undefined && isLive(claim) && !launcher.hasBegun(claim.metadata.name))
          launcher.launch(claim, pool);
      }
      for (const name of Array.from(drains.keys())) {
        const claim = core.store.get("nodeclaims", name);
        if (claim !== undefined) wrote = continueDeletion(claim) || wrote;
      }
      return wrote;
    },
  };
}

function choiceOf(claim: NodeClaim): "unhealthy" | "random" {
  return isUnlaunched(claim) ? "unhealthy" : "random";
}
