// For each alert series on which it fires, and near misses on which it has to stay silent.

import { CAPACITY_CASES } from "./alerts/capacity.ts";
import { COORDINATOR_CASES } from "./alerts/coordinator.ts";
import { GPUS_CASES } from "./alerts/gpus.ts";
import { NODES_CASES } from "./alerts/nodes.ts";
import type { AlertCase } from "./alerts/series.ts";

export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  ...COORDINATOR_CASES,
  ...CAPACITY_CASES,
  ...GPUS_CASES,
  ...NODES_CASES,
};
