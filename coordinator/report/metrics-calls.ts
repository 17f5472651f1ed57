// What calls to clouds' accounts leave on the metrics page: how many, how they ended, how long they took, whether an
// account rests and how old what is known of its groups is. The rows stand in metrics.ts.

import type { Millis } from "../../shared/model/units.ts";
import type { AccountCall } from "../cloud/accounts.ts";
import type { CoordinatorMetrics } from "./metrics.ts";

export function recordCall(
  metrics: CoordinatorMetrics,
  { account, backEnd, call, result, ms }: AccountCall,
): void {
  const labels = { account, back_end: backEnd, call };
  metrics.inc("gpu_autoscaler_provider_calls_total", { ...labels, result });
  // One that was never sent took no time, and would make the others look fast.
  if (result !== "not-sent")
    metrics.observe("gpu_autoscaler_provider_call_duration_seconds", labels, ms / 1000);
}

interface OfAccount {
  readonly account: string;
  readonly ms: Millis;
}

/** At the moment when the page is asked for. */
export function recordAccounts(
  metrics: CoordinatorMetrics,
  rests: readonly OfAccount[],
  ages: readonly OfAccount[],
): void {
  metrics.setAll("gpu_autoscaler_provider_backoff_seconds", rests.map(inSeconds));
  metrics.setAll("gpu_autoscaler_provider_groups_age_seconds", ages.map(inSeconds));
}

function inSeconds({ account, ms }: OfAccount) {
  return { labels: { account }, value: ms / 1000 };
}
