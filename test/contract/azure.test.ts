import { azureHarness } from "./azure-harness.ts";
import { cloudGroupContract } from "./cloud-group.ts";
import { hasNoMinimum } from "./harness.ts";

cloudGroupContract("azure scale sets", async (setup) => await azureHarness(setup, { aks: false }));

cloudGroupContract("azure AKS pools", async (setup) => await azureHarness(setup, { aks: true }), {
  "remove under minimum": {
    reason: "a pool that no autoscaler of AKS sizes has no minimum of its own, unless it is a system pool",
    proof: hasNoMinimum,
  },
});
