// The contract on Karpenter's NodePools, over the simulated world's API: static ones whole, dynamic ones as far as a group
// that Karpenter grows for itself can keep it.

import { cloudGroupContract } from "./cloud-group.ts";
import { DYNAMIC, STATIC } from "./scale-cases.ts";
import { scaleHarness } from "./scale-harness.ts";
import { worldStage } from "./world-stage.ts";

cloudGroupContract(
  "static NodePool (world)",
  async (setup) => scaleHarness(await worldStage("static NodePool", setup)),
  STATIC,
);
cloudGroupContract(
  "dynamic NodePool (world)",
  async (setup) => scaleHarness(await worldStage("dynamic NodePool", setup)),
  DYNAMIC,
);
