// The group of a Karpenter NodePool. Whether it is static stands in the object and cannot change while that lives, so
// each call reads the object first. A static one is sized (static-node-pool.ts); of a dynamic one, which follows the
// pods that wait, members are removed and nothing is added: its size is the number of its NodeClaims.

import { createHash } from "node:crypto";

import type { NodeClaim, NodePool } from "../../../shared/model/kube.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import { checkFall } from "../group.ts";
import type { CallOptions, GroupState, NodeGroup } from "../group.ts";
import { nodePoolBounds } from "./bounds.ts";
import { changeLimits } from "./capped.ts";
import { chosen, createClaims, isUnlaunched, newestFirst } from "./claims.ts";
import { isStatic, nodePoolsOf } from "./kinds.ts";
import { cappedPatch } from "./limits.ts";
import { notesOf } from "./lowering.ts";
import type { ScaleGroupOptions } from "./scaled.ts";
import { createStaticNodePool } from "./static-node-pool.ts";

export function createNodePool({ client, target, clock, onWritten }: ScaleGroupOptions): NodeGroup {
  const { apiVersion, name } = target;
  const words = `NodePool ${name}`;
  const claims = createClaims(client, apiVersion, name);
  const sized = createStaticNodePool({ client, claims, apiVersion, name, now: () => clock.now() });

  async function get(call: CallOptions): Promise<NodePool> {
    const pool = await client.get(nodePoolsOf(apiVersion), { name }, call);
    if (pool.metadata.deletionTimestamp !== undefined)
      throw new AppError("not-found", `${words} is being deleted`);
    // Without this an answer that is no NodePool at all would be one without a size, a dynamic one.
    if (pool.spec === undefined) throw new AppError("malformed", `${words}: the answer has no spec`);
    return pool;
  }

  /** Tells afterwards that what was read is old, also when nobody knows what was done. */
  async function written<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } finally {
      onWritten?.();
    }
  }

  async function remove(id: string, seen: GroupState, call: CallOptions): Promise<void> {
    const pool = await get(call);
    await written(async () => {
      if (isStatic(pool)) await sized.remove(pool, id, seen, call);
      else await removeDynamic(id, seen, call);
    });
  }

  /** The members as they were seen, or nothing is done. */
  async function asSeen({ version }: GroupState, call: CallOptions): Promise<readonly NodeClaim[]> {
    const live = await claims.live(call);
    if (versionOf(live) !== version)
      throw new AppError("conflict", `${words} has other members than when it was read`);
    return live;
  }

  async function removeDynamic(id: string, seen: GroupState, call: CallOptions): Promise<void> {
    const claim = await claims.member(id, call);
    await asSeen(seen, call);
    await claims.remove(chosen(claim), call);
  }

  /** Places of a dynamic pool are its claims. One that was launched since it was listed stays. */
  async function cancelDynamic(count: number, seen: GroupState, call: CallOptions): Promise<void> {
    checkFall(words, count, seen);
    const open = (await asSeen(seen, call)).filter(isUnlaunched).toSorted(newestFirst);
    if (open.length < count)
      throw new AppError("conflict", `${words} has ${open.length} unfilled places, fewer than ${count}`);
    for (const claim of open.slice(0, count)) await claims.remove(chosen(claim), call);
  }

  /** Only of a dynamic one: the number of a static one is written by nobody but us. */
  const capAt: NodeGroup["capAt"] = async (cap, call) =>
    await written(
      async () =>
        await changeLimits(
          client,
          async () => await get(call),
          (pool) => (isStatic(pool) ? null : cappedPatch(pool, cap)),
          () => call,
          nodePoolsOf(apiVersion),
        ),
    );

  return {
    backEnd: "scale",
    capAt,
    chosenRemoval: true,
    conditional: true,
    read: async (call) => {
      const pool = await get(call);
      if (isStatic(pool)) return await sized.stateOf(pool, call);
      const live = await claims.live(call);
      const unfilled = live.filter(isUnlaunched).length;
      const version = versionOf(live);
      return { size: live.length, version, unfilled, ...nodePoolBounds(pool.spec?.limits) };
    },
    resize: async (to, seen, call) => {
      const pool = await get(call);
      if (!isStatic(pool)) {
        const why =
          "Karpenter adds its nodes for pods that wait, and only a static NodePool (spec.replicas) has a size, which is chosen when it is made";
        throw new AppError("refused", `${words} cannot be sized to ${to}: ${why}`);
      }
      await written(async () => await sized.resize(pool, to, seen, call));
    },
    removeInstance: remove,
    // Karpenter ends the machine, which the cloud takes anyway, and buys no other for it.
    releaseInstance: remove,
    releaseLeaving: async (id, seen, call) => {
      const pool = await get(call);
      // Nothing is made in the place of a claim of a dynamic pool: its pods ask for what they need.
      if (!isStatic(pool)) return false;
      return await written(async () => await sized.releaseLeaving(pool, id, seen, call));
    },
    cancelUnfilled: async (count, seen, call) => {
      const pool = await get(call);
      await written(async () => {
        if (isStatic(pool)) await sized.cancel(pool, count, seen, call);
        else await cancelDynamic(count, seen, call);
      });
    },
    keepInstance: async (id, call) => {
      const pool = await getOrNull(call);
      if (pool === null) return;
      if (isStatic(pool)) await sized.keep(pool, id, call);
      else await claims.keep(id, clock.now(), call);
    },
    contains: async (id, call) => {
      try {
        await claims.member(id, call);
        return true;
      } catch (error) {
        if (kindOf(error) !== "not-found") throw error;
      }
      // It counts no more once the number has fallen with it: an interrupted removal is finished first.
      const pool = await getOrNull(call);
      if (pool !== null && notesOf(pool).some((note) => note.name === id))
        await written(async () => await sized.finish(pool, call));
      return false;
    },
  };

  async function getOrNull(call: CallOptions): Promise<NodePool | null> {
    try {
      return await get(call);
    } catch (error) {
      if (kindOf(error) === "not-found") return null;
      throw error;
    }
  }
}

/** Stands for exactly these members: a dynamic pool has no number that a server could compare. */
function versionOf(live: readonly NodeClaim[]): string {
  const uids = live.map(({ metadata }) => metadata.uid ?? metadata.name).toSorted();
  return createHash("sha256").update(uids.join(" ")).digest("hex").slice(0, 16);
}
