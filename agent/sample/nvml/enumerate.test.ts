import { expect, test } from "vitest";

import { NO_DATA, SUCCESS } from "../../../shared/model/nvml-status.ts";
import { connect } from "../../../test/build/nvml-driver.ts";
import { healthyGpus } from "../../../test/nvml-double/fixture.ts";
import { countDevices } from "./enumerate.ts";
import type { Library } from "./library.ts";

test("a count of more GPUs than any node has is no answer", async () => {
  const { driver } = await connect({ gpus: healthyGpus(2) });
  expect(countDevices(driver)).toEqual({ code: SUCCESS, count: 2 });
  // A driver that says "success" and leaves its word unwritten, or writes nonsense.
  const said =
    (count: number): Library["bind"] =>
    (call) => {
      driver.blockOf(call, 4).view.setUint32(0, count, true);
      return () => SUCCESS;
    };
  const library = { ...driver.library, bind: said(0xffffffff) };
  expect(countDevices({ ...driver, library }).code).toBe(NO_DATA);
});
