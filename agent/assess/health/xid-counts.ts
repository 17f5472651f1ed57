// How often each XID was told of each GPU since the agent began, and when last: what the metrics show. One fault that
// both tellers told counts once, which is for the caller to see to.

import type { GpuEvent, GpuUuid } from "../../../shared/model/gpu.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { xidEntry } from "./catalogue.ts";
import type { XidClass } from "./catalogue.ts";

export interface XidCount {
  /** Null when nobody could say which GPU it was. */
  readonly gpu: GpuUuid | null;
  readonly xid: number;
  readonly class: XidClass;
  readonly count: number;
  readonly lastAt: EpochMs;
}

/** XIDs come from outside: 64 GPUs with as many of them as a bad day brings. */
const COUNTS_AT_MOST = 2_000;

export function createXidCounts(): {
  readonly add: (event: GpuEvent) => void;
  readonly all: () => readonly XidCount[];
} {
  const counts = new Map<string, XidCount>();
  return {
    add: ({ what, gpu, at }) => {
      if (what.kind !== "xid") return;
      const { xid } = what;
      const key = `${gpu ?? ""} ${xid}`;
      const before = counts.get(key);
      if (before === undefined && counts.size >= COUNTS_AT_MOST) return;
      counts.set(key, { gpu, xid, class: xidEntry(xid).class, count: (before?.count ?? 0) + 1, lastAt: at });
    },
    all: () => [...counts.values()],
  };
}
