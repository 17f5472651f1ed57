// The NodeClaims of a Karpenter NodePool, read and deleted: one claim is one machine, from before its launch until its
// node is drained and gone. Each call asks the server; nothing is kept.

import type { NodeClaim } from "../../../shared/model/kube.ts";
import { GROUP_ANNOTATION, KARPENTER } from "../../../shared/model/names.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions } from "../group.ts";
import { nodeClaimsOf } from "./kinds.ts";
import type { ScaleClient } from "./scaled.ts";

export interface Claims {
  /** Those that are not being deleted. */
  live(options: CallOptions): Promise<readonly NodeClaim[]>;
  /** @throws AppError not-found when it is gone, going, or of another pool. */
  member(name: string, options: CallOptions): Promise<NodeClaim>;
  /** One of this pool that is going and not gone; null: there is none of that name. */
  leaving(name: string, options: CallOptions): Promise<ClaimRef | null>;
  /** Whether this very claim, and no later one of its name, is there and not being deleted. */
  stays(claim: ClaimRef, options: CallOptions): Promise<boolean>;
  /**
   * Begins the end of this very claim, and only while it is as it was read: a claim that was launched since, or whose
   * removal was called off by another process, stays. One that is going already is as good as removed.
   * @throws AppError conflict, not-found, or what the call throws.
   */
  remove(claim: Chosen, options: CallOptions): Promise<void>;
  /** Calls a removal off that may still be on its way, also one of a process that is believed dead. */
  keep(name: string, at: EpochMs, options: CallOptions): Promise<void>;
}

export interface ClaimRef {
  readonly name: string;
  readonly uid: string;
}

/** As it was when it was chosen. */
export interface Chosen extends ClaimRef {
  readonly resourceVersion: string;
}

export function createClaims(client: ScaleClient, apiVersion: string, pool: string): Claims {
  const resource = nodeClaimsOf(apiVersion);

  async function find(name: string, options: CallOptions): Promise<NodeClaim | null> {
    try {
      return await client.get(resource, { name }, options);
    } catch (error) {
      if (kindOf(error) === "not-found") return null;
      throw error;
    }
  }

  async function stays({ name, uid }: ClaimRef, options: CallOptions): Promise<boolean> {
    const claim = await find(name, options);
    return claim !== null && claim.metadata.uid === uid && isLive(claim);
  }

  return {
    live: async (options) => {
      const labelSelector = `${KARPENTER.nodePool}=${pool}`;
      const { items } = await client.list(resource, { labelSelector }, options);
      return items.filter(isLive);
    },
    member: async (name, options) => {
      const claim = await find(name, options);
      const why =
        claim === null
          ? "there is no such NodeClaim"
          : !isLive(claim)
            ? "it is being removed already"
            : claim.metadata.labels?.[KARPENTER.nodePool] !== pool
              ? "it is a NodeClaim of another NodePool"
              : null;
      if (claim === null || why !== null)
        throw new AppError("not-found", `NodePool ${pool} has no member ${name}: ${why ?? "gone"}`);
      return claim;
    },
    leaving: async (name, options) => {
      const claim = await find(name, options);
      const uid = claim?.metadata.uid;
      if (claim === null || uid === undefined || isLive(claim)) return null;
      return claim.metadata.labels?.[KARPENTER.nodePool] === pool ? { name, uid } : null;
    },
    stays,
    remove: async ({ name, uid, resourceVersion }, options) => {
      try {
        await client.delete(resource, { name }, { uid, resourceVersion }, options);
      } catch (error) {
        // Where a connection broke, the request was sent again, and the second one finds what the first has changed.
        if (kindOf(error) !== "conflict" || (await stays({ name, uid }, options))) throw error;
      }
    },
    keep: async (name, at, options) => {
      const annotations = { [GROUP_ANNOTATION.kept]: new Date(at).toISOString() };
      try {
        await client.mergePatch(resource, { name }, { metadata: { annotations } }, options);
      } catch (error) {
        if (kindOf(error) !== "not-found") throw error;
      }
    },
  };
}

export function chosen({ metadata }: NodeClaim): Chosen {
  const { name, uid, resourceVersion } = metadata;
  if (uid === undefined || resourceVersion === undefined)
    throw new AppError("malformed", `NodeClaim ${name} has no uid or no resourceVersion`);
  return { name, uid, resourceVersion };
}

export function isLive({ metadata }: NodeClaim): boolean {
  return metadata.deletionTimestamp === undefined;
}

/** Nothing has been bought for it. */
export function isUnlaunched({ status }: NodeClaim): boolean {
  return (status?.providerID ?? "") === "";
}

export function newestFirst(a: NodeClaim, b: NodeClaim): number {
  return (b.metadata.creationTimestamp ?? "").localeCompare(a.metadata.creationTimestamp ?? "");
}
