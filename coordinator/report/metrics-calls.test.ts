import { expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import type { AccountCall } from "../cloud/accounts.ts";
import { recordAccounts, recordCall } from "./metrics-calls.ts";
import { COORDINATOR_METRICS } from "./metrics.ts";

const CALL: AccountCall = {
  account: "aws us-west-2",
  backEnd: "aws",
  call: "SetDesiredCapacity",
  result: "ok",
  ms: millis(125),
};

async function seriesOf(
  make: (metrics: ReturnType<typeof createMetrics<typeof COORDINATOR_METRICS>>) => void,
) {
  const metrics = createMetrics(COORDINATOR_METRICS);
  make(metrics);
  return (await metrics.text())
    .split("\n")
    .filter((line) => line.startsWith("gpu_autoscaler_provider_") && !line.includes("_bucket"));
}

test("calls are counted by how they ended, and only those that were sent took time", async () => {
  const labels = 'account="aws us-west-2",back_end="aws",call="SetDesiredCapacity"';
  const series = await seriesOf((metrics) => {
    recordCall(metrics, CALL);
    recordCall(metrics, { ...CALL, result: "throttled", ms: millis(250) });
    recordCall(metrics, { ...CALL, result: "not-sent", ms: millis(0) });
  });
  expect(series).toEqual([
    `gpu_autoscaler_provider_calls_total{${labels},result="not-sent"} 1`,
    `gpu_autoscaler_provider_calls_total{${labels},result="ok"} 1`,
    `gpu_autoscaler_provider_calls_total{${labels},result="throttled"} 1`,
    `gpu_autoscaler_provider_call_duration_seconds_sum{${labels}} 0.375`,
    `gpu_autoscaler_provider_call_duration_seconds_count{${labels}} 2`,
  ]);
});

test("accounts show how long they rest and how old what is known is, and nothing that is not known", async () => {
  const series = await seriesOf((metrics) => {
    recordAccounts(metrics, [{ account: "a", ms: millis(1) }], [{ account: "gone", ms: millis(1) }]);
    recordAccounts(
      metrics,
      [
        { account: "a", ms: millis(0) },
        { account: "b", ms: millis(20_000) },
      ],
      [{ account: "a", ms: millis(1_500) }],
    );
  });
  expect(series).toEqual([
    'gpu_autoscaler_provider_backoff_seconds{account="a"} 0',
    'gpu_autoscaler_provider_backoff_seconds{account="b"} 20',
    'gpu_autoscaler_provider_groups_age_seconds{account="a"} 1.5',
  ]);
});
