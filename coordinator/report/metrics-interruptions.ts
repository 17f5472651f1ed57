// Hints, refused drills and how often spot is interrupted, as metrics of one cycle. A rate of which too little was seen
// has no sample.

import { NOTICE_KINDS } from "../../shared/model/interruption.ts";
import { measuredRate } from "../decide/fleet/interruptions.ts";
import { readStock } from "../decide/fleet/stock.ts";
import type { NodeInput, Snapshot } from "../decide/snapshot.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

export function recordInterruptions(metrics: CoordinatorMetrics, snapshot: Snapshot): void {
  const { notices, nodes, memory, at } = snapshot;
  metrics.setAll(
    "gpu_autoscaler_interruption_hints",
    NOTICE_KINDS.filter((kind) => kind !== "termination").map((kind) => ({
      labels: { kind },
      value: new Set(notices.filter((notice) => notice.kind === kind).map(({ node }) => node)).size,
    })),
  );
  metrics.set("gpu_autoscaler_drills_refused", {}, nodes.filter(hasRefusedDrill).length);
  const rates = Object.entries(memory.risk ?? {}).flatMap(([key, { zoneId = "" }]) => {
    const stock = readStock(key);
    const rate = stock === null ? null : measuredRate([key], memory, at);
    if (stock === null || rate === null) return [];
    const labels = {
      cloud: stock.provider,
      region: stock.region ?? "",
      zone: stock.zone ?? "",
      zone_id: zoneId,
      instance_type: stock.instanceType,
    };
    return [{ labels, rate }];
  });
  metrics.setAll(
    "gpu_autoscaler_spot_interruptions_per_node_day",
    rates.map(({ labels, rate }) => ({ labels, value: rate.interruptions / rate.nodeDays })),
  );
  metrics.setAll(
    "gpu_autoscaler_spot_node_days_seen",
    rates.map(({ labels, rate }) => ({ labels, value: rate.nodeDays })),
  );
}

function hasRefusedDrill({ drainState }: NodeInput): boolean {
  if (drainState.kind !== "value") return false;
  const { cause, source, phase } = drainState.value;
  return cause === "notice" && source === "drill" && phase === "refused";
}
