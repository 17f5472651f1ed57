// The writes on one static NodePool: its number, and the notes on it of claims whose removal is on its way. Each is made
// over what was read and worked out anew when somebody else has written in between, so none undoes another's. What is
// noted, deleted and lowered in which order is for static-node-pool.ts.

import type { NodePool } from "../../../shared/model/kube.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { CallOptions, GroupState } from "../group.ts";
import type { ClaimRef } from "./claims.ts";
import { nodePoolsOf } from "./kinds.ts";
import { isOld, notesOf, notesPatch } from "./lowering.ts";
import type { Note } from "./lowering.ts";
import type { ScaleClient } from "./scaled.ts";
import { replicasOf } from "./scaled.ts";

export interface PoolWrites {
  get(call: CallOptions): Promise<NodePool>;
  /** Any number, over what was seen. @throws AppError conflict when the size has been touched since. */
  resize(pool: NodePool, to: number, seen: GroupState, call: CallOptions): Promise<void>;
  /** Notes the claims, over what was seen, or leaves nothing behind. */
  note(pool: NodePool, these: readonly ClaimRef[], seen: GroupState, call: CallOptions): Promise<NodePool>;
  /** Notes one claim in the place of another. Null: that is noted no more, since somebody else has finished it. */
  exchange(pool: NodePool, gone: ClaimRef, instead: ClaimRef, call: CallOptions): Promise<NodePool | null>;
  /** Takes the notes of these claims away, and those that are too old to mean anything. */
  withdraw(pool: NodePool, gone: readonly ClaimRef[], call: CallOptions): Promise<void>;
  /**
   * The claims are going: the number falls by those that are still noted, and by `more` places without a claim. Where
   * somebody has written in between, `isFree` is asked first whether the number can still fall by so many without a
   * victim: time has passed, or another hand has lowered it. False: it cannot, and nothing was done.
   * @throws AppError timeout: it has still to fall.
   */
  lower(lowering: Lowering, call: CallOptions): Promise<boolean>;
}

export interface Lowering {
  readonly pool: NodePool;
  readonly going: readonly ClaimRef[];
  readonly more: number;
  readonly isFree: (pool: NodePool, places: number) => Promise<boolean>;
}

/** Karpenter writes the NodePool's status for each claim that comes or goes, so a write is repeated more often. */
const ATTEMPTS = 12;

export function createPoolWrites(options: {
  readonly client: ScaleClient;
  readonly apiVersion: string;
  readonly name: string;
  readonly now: () => EpochMs;
}): PoolWrites {
  const { client, name, now: clockNow } = options;
  const resource = nodePoolsOf(options.apiVersion);
  const words = `NodePool ${name}`;

  async function get(call: CallOptions): Promise<NodePool> {
    return await client.get(resource, { name }, call);
  }

  /** Only if the pool is still as given. */
  async function write(pool: NodePool, change: Change, call: CallOptions): Promise<NodePool> {
    const { resourceVersion } = pool.metadata;
    const { replicas, noted } = change;
    const body = {
      metadata: { resourceVersion, ...(noted === undefined ? {} : { annotations: notesPatch(noted) }) },
      ...(replicas === undefined ? {} : { spec: { replicas } }),
    };
    return await client.mergePatch(resource, { name }, body, call);
  }

  /** Until it went through: what is to change is worked out anew from each newer state; null is nothing. */
  async function rewrite(
    pool: NodePool,
    changeOf: (now: NodePool) => Change | null,
    call: CallOptions,
  ): Promise<NodePool> {
    let now = pool;
    for (let attempt = 1; ; attempt++) {
      const change = changeOf(now);
      if (change === null) return now;
      try {
        return await write(now, change, call);
      } catch (error) {
        if (kindOf(error) !== "conflict" || attempt >= ATTEMPTS) throw error;
        now = await get(call);
      }
    }
  }

  async function withdraw(pool: NodePool, gone: readonly ClaimRef[], call: CallOptions): Promise<void> {
    const uids = uidsOf(gone);
    await rewrite(
      pool,
      (now) => {
        const notes = notesOf(now);
        const noted = notes.filter((note) => !uids.has(note.uid) && !isOld(note, clockNow()));
        return noted.length === notes.length ? null : { noted };
      },
      call,
    );
  }

  /** The pool, if its size has not been touched since it was read. Its status changes with each claim that comes or goes. */
  function asSeen(pool: NodePool, { version }: GroupState): NodePool {
    if (versionOf(pool) === version) return pool;
    throw new AppError("conflict", `${words} has been changed since it was read`);
  }

  function noteOf({ name: claim, uid }: ClaimRef): Note {
    return { name: claim, uid, at: new Date(clockNow()).toISOString() };
  }

  return {
    get,
    withdraw,
    resize: async (pool, to, seen, call) => {
      await rewrite(
        pool,
        (now) => {
          asSeen(now, seen);
          return { replicas: to };
        },
        call,
      );
    },
    // Beside notes of others: a removal of another member may be on its way at the same moment.
    note: async (pool, these, seen, call) => {
      const uids = uidsOf(these);
      const changeOf = (now: NodePool): Change => {
        const others = notesOf(asSeen(now, seen)).filter(({ uid }) => !uids.has(uid));
        return { noted: [...others, ...these.map(noteOf)] };
      };
      try {
        return await rewrite(pool, changeOf, call);
      } catch (error) {
        // An attempt before may have been carried out although it was refused once it was repeated.
        if (kindOf(error) === "conflict") await withdraw(await get(call), these, call);
        throw error;
      }
    },
    exchange: async (pool, gone, instead, call) => {
      const uids = uidsOf([gone, instead]);
      let isOwed = true;
      const changeOf = (now: NodePool): Change | null => {
        const notes = notesOf(now);
        isOwed = notes.some(({ uid }) => uid === gone.uid) && notes.every(({ uid }) => uid !== instead.uid);
        const others = notes.filter(({ uid }) => !uids.has(uid));
        return isOwed ? { noted: [...others, noteOf(instead)] } : null;
      };
      const now = await rewrite(pool, changeOf, call);
      return isOwed ? now : null;
    },
    lower: async ({ pool, going, more, isFree }, call) => {
      const uids = uidsOf(going);
      try {
        let now = pool;
        for (let attempt = 1; ; attempt++) {
          const notes = notesOf(now);
          const owed = notes.filter(({ uid }) => uids.has(uid)).length;
          // Somebody has finished it for us.
          if (owed === 0) return true;
          if (attempt > 1 && !(await isFree(now, owed + more))) return false;
          const replicas = Math.max(0, replicasOf(now, words).size - owed - more);
          try {
            await write(now, { replicas, noted: notes.filter(({ uid }) => !uids.has(uid)) }, call);
            return true;
          } catch (error) {
            if (kindOf(error) !== "conflict" || attempt >= ATTEMPTS) throw error;
            now = await get(call);
          }
        }
      } catch (cause) {
        const names = going.map((claim) => claim.name).join(", ");
        const detail = `${words}: ${names} is being removed, its number has still to fall`;
        throw new AppError("timeout", detail, { cause });
      }
    },
  };
}

interface Change {
  readonly replicas?: number;
  /** All notes that shall stand. Absent: as they are. */
  readonly noted?: readonly Note[];
}

function uidsOf(claims: readonly ClaimRef[]): ReadonlySet<string> {
  return new Set(claims.map(({ uid }) => uid));
}

/** Changes with the spec alone, and so with the size: the server counts it, and notes and status leave it as it is. */
export function versionOf({ metadata }: NodePool): string {
  const { name, uid = "", generation } = metadata;
  if (generation === undefined) throw new AppError("malformed", `NodePool ${name} has no generation`);
  return `${uid}/${generation}`;
}
