// Hints, refused drills and how often spot is interrupted, as metrics of one cycle. A rate of which too little was seen
// has no sample.

import { NOTICE_KINDS } from "../../shared/model/interruption.ts";
import type { Plan } from "../decide/plan.ts";
import type { NodeInput, Snapshot } from "../decide/snapshot.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

export function recordInterruptions(metrics: CoordinatorMetrics, snapshot: Snapshot, plan: Plan): void {
  const { notices, nodes } = snapshot;
  metrics.setAll(
    "gpu_autoscaler_interruption_hints",
    NOTICE_KINDS.filter((kind) => kind !== "termination").map((kind) => ({
      labels: { kind },
      value: new Set(notices.filter((notice) => notice.kind === kind).map(({ node }) => node)).size,
    })),
  );
  metrics.set("gpu_autoscaler_drills_refused", {}, nodes.filter(hasRefusedDrill).length);
  const rates = (plan.stocks ?? []).map(({ provider, region, zone, zoneId, instanceType, ...rate }) => ({
    labels: {
      cloud: provider,
      region: region ?? "",
      zone: zone ?? "",
      zone_id: zoneId ?? "",
      instance_type: instanceType,
    },
    rate,
  }));
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
