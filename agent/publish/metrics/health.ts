// The families that say what is wrong with a node's GPUs and which XIDs they have had. They are served whatever names
// are asked for: nobody else has them, and an alarm must not hang on a choice of names. The verdicts are made elsewhere.

import type { GpuUuid } from "../../../shared/model/gpu.ts";
import type { HealthSeries } from "../../assess/health/series.ts";
import type { XidCount } from "../../assess/health/xid-counts.ts";
import { blockOf } from "./family.ts";
import type { Block, Family } from "./family.ts";

/** As the verdicts give them. */
export interface ShownHealth {
  readonly series: readonly HealthSeries[];
  readonly xids: readonly XidCount[];
}

const OF_GPU = {
  node: "Name of the node",
  gpu: "Index of the GPU; empty when it is not known which, or it is the node's matter",
  uuid: "The GPU's UUID; empty likewise",
};
const OF_XID = {
  ...OF_GPU,
  xid: "Number of the XID",
  class: "fatal, degraded, suspicion, application or informational",
};

const FAMILIES: Readonly<Record<HealthSeries["name"], Family>> = {
  gpu_autoscaler_gpu_xid_errors_total: {
    name: "gpu_autoscaler_gpu_xid_errors_total",
    type: "counter",
    help: "XIDs that the driver or the kernel log told of, each fault once",
    labels: OF_XID,
  },
  gpu_autoscaler_gpu_xid_last_timestamp_seconds: {
    name: "gpu_autoscaler_gpu_xid_last_timestamp_seconds",
    type: "gauge",
    help: "When the XID was told of last, in seconds since 1970",
    labels: OF_XID,
  },
  gpu_autoscaler_gpu_health: {
    name: "gpu_autoscaler_gpu_health",
    type: "gauge",
    help: "1 for each verdict that stands now; of several by one rule on GPUs that cannot be told apart there is one",
    labels: {
      ...OF_GPU,
      level: "fatal, degraded, suspicion or application",
      rule: "Name of the rule that gave the verdict",
    },
  },
  gpu_autoscaler_node_gpu_health: {
    name: "gpu_autoscaler_node_gpu_health",
    type: "gauge",
    help: "1 for what the verdicts make of the node, 0 for the others",
    labels: { node: OF_GPU.node, state: "healthy, degraded, fatal or unknown" },
  },
};

export const HEALTH_FAMILIES: readonly Family[] = Object.values(FAMILIES);

export function healthBlocks(all: readonly HealthSeries[]): readonly Block[] {
  const byName = Map.groupBy(all, ({ name }) => name);
  return [...byName].map(([name, series]) => blockOf({ family: FAMILIES[name], series }));
}

/** The XID that each GPU has had last. */
export function lastXids(xids: readonly XidCount[]): ReadonlyMap<GpuUuid, number> {
  const last = new Map<GpuUuid, XidCount>();
  for (const one of xids) {
    if (one.gpu === null) continue;
    const before = last.get(one.gpu);
    if (before === undefined || one.lastAt >= before.lastAt) last.set(one.gpu, one);
  }
  return new Map([...last].map(([gpu, { xid }]) => [gpu, xid]));
}

/** Lists are made anew for each who asks; what they say is what counts. */
export function sameXids(one: readonly XidCount[], other: readonly XidCount[]): boolean {
  return (
    one === other ||
    (one.length === other.length &&
      one.every((a, i) => {
        const b = other[i];
        return a.gpu === b?.gpu && a.xid === b.xid && a.lastAt === b.lastAt;
      }))
  );
}
