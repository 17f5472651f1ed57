// A static Karpenter NodePool: as many NodeClaims as `spec.replicas` says. One chosen claim goes in this order: it is
// noted on the NodePool, deleted, and the number lowered at once by the write that takes the note away. The other order
// is wrong: Karpenter answers a lower number with a victim of its own, and a claim deleted alone is replaced. In ours a
// replacement that Karpenter makes between the two is not launched yet, and such a claim it takes first.

import type { NodeClaim, NodePool } from "../../../shared/model/kube.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import { checkFall, checkGrowth } from "../group.ts";
import type { CallOptions, GroupState } from "../group.ts";
import { nodePoolBounds } from "./bounds.ts";
import { chosen, isLive, isUnlaunched, newestFirst } from "./claims.ts";
import type { Chosen, ClaimRef, Claims } from "./claims.ts";
import { isOld, notesOf } from "./lowering.ts";
import { createPoolWrites, versionOf } from "./pool-writes.ts";
import type { ScaleClient } from "./scaled.ts";
import { replicasOf } from "./scaled.ts";

export interface StaticNodePool {
  stateOf(pool: NodePool, call: CallOptions): Promise<GroupState>;
  resize(pool: NodePool, to: number, seen: GroupState, call: CallOptions): Promise<void>;
  remove(pool: NodePool, id: string, seen: GroupState, call: CallOptions): Promise<void>;
  cancel(pool: NodePool, count: number, seen: GroupState, call: CallOptions): Promise<void>;
  /** What another hand is removing is noted as if it were ours, and finished: the number falls unless it is too late. */
  releaseLeaving(pool: NodePool, id: string, seen: GroupState, call: CallOptions): Promise<boolean>;
  /** Takes back the note of a removal that did not begin; finishes one that did. */
  keep(pool: NodePool, id: string, call: CallOptions): Promise<void>;
  /** Finishes what a process left half-way. Afterwards the number is what was asked for. */
  finish(pool: NodePool, call: CallOptions): Promise<NodePool>;
}

export function createStaticNodePool(options: {
  readonly client: ScaleClient;
  readonly claims: Claims;
  readonly apiVersion: string;
  readonly name: string;
  readonly now: () => EpochMs;
}): StaticNodePool {
  const { claims, name, now: clockNow } = options;
  const words = `NodePool ${name}`;
  const writes = createPoolWrites(options);

  async function finish(pool: NodePool, call: CallOptions): Promise<NodePool> {
    const notes = notesOf(pool);
    if (notes.length === 0) return pool;
    const old = notes.filter((note) => isOld(note, clockNow()));
    const young = notes.filter((note) => !old.includes(note));
    const owed: ClaimRef[] = [];
    for (const note of young) if (!(await claims.stays(note, call))) owed.push(note);
    if (owed.length === 0 && old.length === 0) return pool;
    // 1. As many as can go without a victim. 2. It is too late for the others: their replacements were bought.
    const free = owed.length === 0 ? 0 : await freePlaces(pool, call);
    const lowered = owed.slice(0, free);
    const isLowered = lowered.length === 0 || (await lower(pool, lowered, 0, call));
    for (const claim of isLowered ? owed.slice(free) : owed) await replaceLate(claim, call);
    const now = await writes.get(call);
    if (old.length === 0) return now;
    await writes.withdraw(now, old, call);
    return await writes.get(call);
  }

  /** So far the number can fall without a victim: places that no claim holds, and claims that nothing was bought for. */
  async function freePlaces(pool: NodePool, call: CallOptions): Promise<number> {
    const live = await claims.live(call);
    return Math.max(0, replicasOf(pool, words).size - live.length) + live.filter(isUnlaunched).length;
  }

  async function lower(
    pool: NodePool,
    going: readonly ClaimRef[],
    more: number,
    call: CallOptions,
  ): Promise<boolean> {
    const isFree = async (now: NodePool, places: number) => (await freePlaces(now, call)) >= places;
    return await writes.lower({ pool, going, more, isFree }, call);
  }

  /** A replacement that is a node already may have pods: it stays, the number with it, and is decided on like any. */
  async function replaceLate(claim: ClaimRef, call: CallOptions): Promise<void> {
    const pool = await writes.get(call);
    const [booting] = (await claims.live(call)).filter(hasNoNode).toSorted(newestFirst);
    if (booting === undefined) {
      await writes.withdraw(pool, [claim], call);
      return;
    }
    const instead = chosen(booting);
    const noted = await writes.exchange(pool, claim, instead, call);
    if (noted !== null) await begin(noted, [instead], 0, call);
  }

  /** Deletes what is noted and lowers the number by what went. */
  async function begin(
    noted: NodePool,
    these: readonly Chosen[],
    more: number,
    call: CallOptions,
  ): Promise<void> {
    const going: ClaimRef[] = [];
    let refusal: AppError | null = null;
    for (const claim of these) {
      try {
        await claims.remove(claim, call);
        going.push(claim);
      } catch (error) {
        const kind = kindOf(error);
        // Nobody knows: the note stays, and whoever finishes it looks at the claim.
        if (kind === "timeout" || kind === "unavailable") throw error;
        // Gone by itself a moment ago, or by our own request that a broken connection repeated: the number is owed.
        if (kind === "not-found") going.push(claim);
        else if (error instanceof AppError) refusal ??= error;
        else throw error;
      }
    }
    const stay = these.filter((claim) => !going.includes(claim));
    // It cannot fall any more by all of them: by those by which it can, and what was bought for the others goes.
    if (going.length > 0 && !(await lower(noted, going, more, call)))
      await finish(await writes.get(call), call);
    if (stay.length > 0)
      await writes.withdraw(going.length === 0 ? noted : await writes.get(call), stay, call);
    if (refusal !== null) throw refusal;
  }

  return {
    stateOf: async (pool, call) => {
      const settled = await finish(pool, call);
      const { size } = replicasOf(settled, words);
      return { size, version: versionOf(settled), ...nodePoolBounds(settled.spec?.limits) };
    },
    resize: async (pool, to, seen, call) => {
      checkGrowth(words, to, seen);
      await writes.resize(pool, to, seen, call);
    },
    remove: async (pool, id, seen, call) => {
      checkFall(words, 1, seen);
      // Read before it is noted: whoever calls the removal off after that changes the claim, and it is not deleted.
      const these = [chosen(await claims.member(id, call))];
      await begin(await writes.note(pool, these, seen, call), these, 0, call);
    },
    cancel: async (pool, count, seen, call) => {
      checkFall(words, count, seen);
      const live = await claims.live(call);
      const vacant = Math.max(0, seen.size - live.length);
      const unlaunched = live.filter(isUnlaunched).toSorted(newestFirst);
      if (vacant + unlaunched.length < count)
        throw new AppError(
          "conflict",
          `${words} has ${vacant + unlaunched.length} unfilled places, fewer than ${count}`,
        );
      const bare = Math.min(vacant, count);
      const these = unlaunched.slice(0, count - bare).map(chosen);
      if (these.length === 0) await writes.resize(pool, seen.size - bare, seen, call);
      else await begin(await writes.note(pool, these, seen, call), these, bare, call);
    },
    releaseLeaving: async (pool, id, seen, call) => {
      const claim = await claims.leaving(id, call);
      if (claim === null) return false;
      checkFall(words, 1, seen);
      const settled = await finish(await writes.note(pool, [claim], seen, call), call);
      return replicasOf(settled, words).size < seen.size;
    },
    keep: async (pool, id, call) => {
      await claims.keep(id, clockNow(), call);
      const noted = notesOf(pool).filter((claim) => claim.name === id);
      const [claim] = noted;
      if (claim === undefined) return;
      if (await claims.stays(claim, call)) await writes.withdraw(pool, noted, call);
      else await finish(pool, call);
    },
    finish,
  };
}

function hasNoNode(claim: NodeClaim): boolean {
  return isLive(claim) && (claim.status?.nodeName ?? "") === "";
}
