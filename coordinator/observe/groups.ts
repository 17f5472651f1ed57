// How large each pool's group is and what it has, whoever runs it: each kind of group has its own source, and this file
// only asks the right one. What is known is answered at once; nothing here waits for a call.

import type { PoolGroup, ScaleGroup } from "../../shared/contract/policy/pool.ts";
import { targetOf } from "../cloud/target.ts";
import type { CloudTarget, GroupTarget } from "../cloud/target.ts";
import type { PoolInput } from "../decide/snapshot.ts";

/** What a snapshot holds of one pool, beside its name. */
export type PoolReading = Omit<PoolInput, "name">;

export interface GroupSource<T> {
  /** What is known now. The first question about a target starts its watch or its polling. */
  reading(target: T): PoolReading;
  /** We have just written: read again at once. */
  touched(target: T): void;
}

export interface Groups {
  /** Of a pool without a group: none. */
  reading(group: PoolGroup | undefined): PoolReading;
  touched(target: GroupTarget): void;
}

const NONE: PoolReading = { group: { kind: "none" }, instances: [] };

export function createGroups(sources: {
  readonly scale: GroupSource<ScaleGroup>;
  readonly clouds: GroupSource<CloudTarget>;
}): Groups {
  const { scale, clouds } = sources;
  return {
    reading: (group) => {
      const target = targetOf(group);
      if (target === null) return NONE;
      return target.kind === "scale" ? scale.reading(target.scale) : clouds.reading(target);
    },
    touched: (target) => {
      if (target.kind === "scale") scale.touched(target.scale);
      else clouds.touched(target);
    },
  };
}
