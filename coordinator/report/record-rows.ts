// The coordinator's metrics about its recording of decisions: rows of the one table in metrics.ts. Of a coordinator that does
// not record, counters stand at nothing and the gauge is absent.

import type { MetricsTable } from "../../shared/runtime/metrics.ts";

export const RECORD_ROWS = {
  gpu_autoscaler_recorded_decisions_total: {
    type: "counter",
    help: "Decisions that were written to the recording.",
    labels: {},
  },
  gpu_autoscaler_recorded_bytes_total: {
    type: "counter",
    help: "Bytes that were written to the recording, compressed.",
    labels: {},
  },
  gpu_autoscaler_recording_bytes: {
    type: "gauge",
    help: "Bytes that the recording takes in its folder.",
    labels: {},
  },
  gpu_autoscaler_record_dropped_total: {
    type: "counter",
    help: "Decisions that were made and not recorded: the disk is too slow (queue), or it is full, failing or gone (disk).",
    labels: { reason: "queue or disk" },
  },
} as const satisfies MetricsTable;
