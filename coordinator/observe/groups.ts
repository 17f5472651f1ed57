// How large each pool's group is and what it has, whoever runs it: each kind of group has its own source, and this file
// only asks the right one. What is known is answered at once; nothing here waits for a call.

import type { PoolGroup, ScaleGroup } from "../../shared/contract/policy/pool.ts";
import { targetOf } from "../cloud/target.ts";
import type { PoolInput } from "../decide/snapshot.ts";
import type { PoolOf } from "./cloud-reading.ts";
import type { CloudGroups } from "./clouds.ts";

/** What a snapshot holds of one pool, beside its name. */
export type PoolReading = Omit<PoolInput, "name">;

export interface GroupSource<T> {
  /** What is known now. The first question about a target starts its watch or its polling. */
  reading(target: T): PoolReading;
  /** We have just written: read again at once. */
  touched(target: T): void;
}

export interface Groups {
  /** Of a pool without a group: none. `of`: whose group it is, so that nodes that only claim to be its are told of. */
  reading(group: PoolGroup | undefined, of?: PoolOf): PoolReading;
  /** What no pool names any more is not asked for any more. */
  keepOnly(groups: readonly (PoolGroup | undefined)[]): void;
}

const NONE: PoolReading = { group: { kind: "none" }, instances: [] };

export function createGroups(sources: {
  readonly scale: Pick<GroupSource<ScaleGroup>, "reading">;
  readonly clouds: Pick<CloudGroups, "reading" | "keepOnly">;
}): Groups {
  const { scale, clouds } = sources;
  return {
    reading: (group, of) => {
      const target = targetOf(group);
      if (target === null) return NONE;
      return target.kind === "scale" ? scale.reading(target.scale) : clouds.reading(target, of);
    },
    keepOnly: (groups) => {
      const targets = groups.map(targetOf).filter((target) => target !== null);
      clouds.keepOnly(targets.filter((target) => target.kind !== "scale"));
    },
  };
}
