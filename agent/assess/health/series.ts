// The health of a node's GPUs as series of metrics: names, labels and values, computed when somebody scrapes. The
// table of metrics that declares them is publish/metrics.ts.

import type { HealthFinding, NodeHealth } from "../../../shared/model/gpu-health.ts";
import type { GpuIdentity, GpuUuid } from "../../../shared/model/gpu.ts";
import type { XidCount } from "./xid-counts.ts";

export interface HealthSeries {
  readonly name:
    | "gpu_autoscaler_gpu_xid_errors_total"
    | "gpu_autoscaler_gpu_xid_last_timestamp_seconds"
    | "gpu_autoscaler_gpu_health"
    | "gpu_autoscaler_node_gpu_health";
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NODE_STATES: readonly NodeHealth[] = ["healthy", "degraded", "fatal", "unknown"];

/** `gpu` and `uuid` are empty where something concerns the node, or a GPU that nobody could name. */
export function healthSeries(
  node: string,
  gpus: readonly Pick<GpuIdentity, "index" | "uuid">[],
  health: {
    readonly findings: readonly HealthFinding[];
    readonly xids: readonly XidCount[];
    readonly node: NodeHealth;
  },
): readonly HealthSeries[] {
  const indexOf = new Map(gpus.map(({ uuid, index }) => [uuid, String(index)]));
  const labelsOf = (uuid: GpuUuid | null): { node: string; gpu: string; uuid: string } => ({
    node,
    gpu: (uuid === null ? undefined : indexOf.get(uuid)) ?? "",
    uuid: uuid ?? "",
  });
  return [
    ...health.xids.flatMap(({ gpu, xid, count, lastAt, ...one }): HealthSeries[] => {
      const labels = { ...labelsOf(gpu), xid: String(xid), class: one.class };
      return [
        { name: "gpu_autoscaler_gpu_xid_errors_total", labels, value: count },
        { name: "gpu_autoscaler_gpu_xid_last_timestamp_seconds", labels, value: lastAt / 1000 },
      ];
    }),
    ...health.findings.map(({ gpu, level, rule }): HealthSeries => ({
      name: "gpu_autoscaler_gpu_health",
      labels: { ...labelsOf(gpu), level, rule },
      value: 1,
    })),
    ...NODE_STATES.map((state): HealthSeries => ({
      name: "gpu_autoscaler_node_gpu_health",
      labels: { node, state },
      value: state === health.node ? 1 : 0,
    })),
  ];
}
