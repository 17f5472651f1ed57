import { expect, test } from "vitest";

import { createMetrics } from "../../shared/runtime/metrics.ts";
import { drainState, node } from "../../test/build/node.ts";
import { NOW } from "../../test/build/now.ts";
import { notice, snapshot } from "../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../test/build/snapshot.ts";
import { decide } from "../decide/decide.ts";
import { EMPTY_MEMORY } from "../decide/snapshot-memory.ts";
import { COORDINATOR_METRICS, recordCycle } from "./metrics.ts";

async function linesOf(options: SnapshotOptions): Promise<readonly string[]> {
  const metrics = createMetrics(COORDINATOR_METRICS);
  const taken = snapshot(options);
  recordCycle(metrics, taken, decide(taken).plan);
  return (await metrics.text()).split("\n").filter((line) => !line.startsWith("#"));
}

test("hints count apart from notices, and drills among those", async () => {
  const lines = await linesOf({
    nodes: [node("n1"), node("n2"), node("n3")],
    notices: [
      notice("n1"),
      notice("n2", { source: "drill" }),
      notice("n3", { kind: "rebalance" }),
      notice("n1", { id: "hint", kind: "rebalance" }),
    ],
  });
  expect(lines).toContain("gpu_autoscaler_spot_termination_warnings 2");
  expect(lines).toContain('gpu_autoscaler_interruption_hints{kind="rebalance"} 2');
  expect(lines).toContain('gpu_autoscaler_interruption_hints{kind="maintenance"} 0');
});

test("a refused drill can be alerted on", async () => {
  const refused = drainState({ cause: "notice", source: "drill", phase: "refused" });
  const idle = drainState({ cause: "request", source: "coordinator", phase: "refused" });
  const nodes = [node("n1", { drainState: refused }), node("n2", { drainState: idle })];
  expect(await linesOf({ nodes })).toContain("gpu_autoscaler_drills_refused 1");
  expect(await linesOf({ nodes: [node("n1")] })).toContain("gpu_autoscaler_drills_refused 0");
});

test("the rate is interruptions over node-days, by stock, and absent where too little was seen", async () => {
  const risk = {
    "aws/us-west-2/p4d|us-west-2a|spot": { nodeDays: 8, interruptions: 4, at: NOW, zoneId: "usw2-az1" },
    "custom/*/racks|*|spot": { nodeDays: 0.2, interruptions: 3, at: NOW },
    "p4d|us-west-2a|spot": { nodeDays: 8, interruptions: 4, at: NOW },
    "policy/demo": { nodeDays: 8, interruptions: 4, at: NOW },
  };
  const lines = await linesOf({ memory: { ...EMPTY_MEMORY, risk } });
  const labels = 'cloud="aws",region="us-west-2",zone="us-west-2a",zone_id="usw2-az1",instance_type="p4d"';
  expect(lines.filter((line) => line.includes("per_node_day"))).toEqual([
    `gpu_autoscaler_spot_interruptions_per_node_day{${labels}} 0.5`,
  ]);
  expect(lines.filter((line) => line.includes("node_days_seen"))).toEqual([
    `gpu_autoscaler_spot_node_days_seen{${labels}} 8`,
  ]);
});
