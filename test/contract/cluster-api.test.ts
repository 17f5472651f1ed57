// The contract on Cluster API's groups, over the simulated world's API.

import { cloudGroupContract } from "./cloud-group.ts";
import { MACHINE_POOL } from "./scale-cases.ts";
import { scaleHarness } from "./scale-harness.ts";
import { worldStage } from "./world-stage.ts";

cloudGroupContract("MachineDeployment (world)", async (setup) =>
  scaleHarness(await worldStage("MachineDeployment", setup)),
);
cloudGroupContract(
  "MachinePool (world)",
  async (setup) => scaleHarness(await worldStage("MachinePool", setup)),
  MACHINE_POOL,
);
