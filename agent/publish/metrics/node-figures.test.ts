import { describe, expect, test } from "vitest";

import type { GpuSource } from "../../../shared/model/gpu.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { aGpu, aHolder, aLostGpu, aSample, ready } from "../../../test/build/gpu.ts";
import { createSight } from "../../sight.ts";
import { nodeBlocks, nodeFigures } from "./node-figures.ts";

function setUp() {
  const clock = createFakeClock();
  const sight = createSight({ intervalMs: millis(1_000), clock, onChange: () => {} });
  return {
    sight,
    cycle: async (source: GpuSource, samples: readonly ReturnType<typeof aSample>[]) => {
      await clock.advance(1_000);
      sight.onCycle({ at: epochMs(clock.now()), source, samples });
    },
    told: () => nodeBlocks("n", nodeFigures(sight.view())).map(({ lines }) => lines.trimEnd().split("\n")),
  };
}

const UTILIZATION = "gpu_autoscaler_node_gpu_utilization_ratio";
const GPUS = "gpu_autoscaler_node_gpus";

describe("the figures of the node", () => {
  test("are over the GPUs that are there, and over those of them that somebody holds", async () => {
    const { sight, cycle, told } = setUp();
    expect(told()).toEqual([[""], [""]]);
    const source = ready(aGpu(0), aGpu(1), aGpu(2));
    await cycle(source, [aSample(0, { utilization: 1 }), aSample(1, { utilization: 0.5 }), aLostGpu(2)]);
    // Who holds what is not known: of the held ones there is nothing to say.
    expect(told()).toEqual([
      [`${UTILIZATION}{node="n",of="healthy"} 0.75`],
      [`${GPUS}{node="n",of="healthy"} 2`],
    ]);
    const holder = aHolder();
    sight.onAllocation({ kind: "known", at: epochMs(0), holders: [holder] });
    expect(told()).toEqual([
      [`${UTILIZATION}{node="n",of="healthy"} 0.75`, `${UTILIZATION}{node="n",of="allocated"} 1`],
      [`${GPUS}{node="n",of="healthy"} 2`, `${GPUS}{node="n",of="allocated"} 1`],
    ]);
    // One that cannot tell: the mean of the others would be that of other GPUs.
    await cycle(ready(aGpu(0), aGpu(3)), [aSample(0, { utilization: 1 }), aSample(3, {})]);
    expect(told()[0]).toEqual([`${UTILIZATION}{node="n",of="allocated"} 1`]);
    sight.onSource({ state: "hung", call: "nvmlDeviceGetName", gpu: 0, forMs: millis(5_000) });
    expect(told()).toEqual([[""], [""]]);
    await cycle({ state: "no-device", driver: "580.95.05" }, []);
    expect(told()).toEqual([
      [""],
      [`${GPUS}{node="n",of="healthy"} 0`, `${GPUS}{node="n",of="allocated"} 0`],
    ]);
  });
});
