import { expect, test } from "vitest";

import { node } from "../../../test/build/node.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { assemble } from "./fleet.ts";
import { gpuTypeDiffers } from "./gpu-type.ts";

function differs(gpuType: string | undefined, ...products: readonly (string | null)[]) {
  const built = pool("spot", { fields: gpuType === undefined ? {} : { gpuType } });
  const nodes = products.map((product, index) =>
    node(`n${index}`, { labels: product === null ? {} : { "nvidia.com/gpu.product": product } }),
  );
  const [state] = assemble(
    snapshot({ policies: [policy({ pools: [built] })], nodes: nodes.toReversed() }),
  ).pools;
  if (state === undefined) throw new Error("the policy of this test has no pool");
  return gpuTypeDiffers(state);
}

test("names the first node that shows another model", () => {
  expect(differs("nvidia-tesla-v100", "Tesla-V100-SXM2-16GB", "Tesla-T4", "NVIDIA-A10G")).toEqual({
    code: "gpu-type-differs",
    pool: "spot",
    wanted: "V100",
    node: "n1",
    seen: "T4",
  });
});

test.each([
  ["the same model under another name", "t4", "Tesla-T4"],
  ["a memory size of the model", "A100", "NVIDIA-A100-SXM4-80GB"],
  ["a shared GPU of the model", "A10G", "NVIDIA-A10G-SHARED"],
  ["a GPU of which the table knows nothing", "t4", "NVIDIA-X9000"],
  ["a node that names no GPU", "t4", null],
  ["a gpuType that the table does not have", "our-fastest", "Tesla-T4"],
  ["a pool without gpuType", undefined, "Tesla-T4"],
])("does not object to %s", (_, gpuType, product) => {
  expect(differs(gpuType, product)).toBeNull();
});

test("tells memory sizes apart where both are said", () => {
  expect(differs("A100-40GB", "NVIDIA-A100-SXM4-80GB")).toMatchObject({
    wanted: "A100-40GB",
    seen: "A100-80GB",
  });
});
