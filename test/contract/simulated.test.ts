import { cloudGroupContract } from "./cloud-group.ts";
import { simulatedHarness } from "./simulated-harness.ts";

cloudGroupContract("simulated", simulatedHarness);
