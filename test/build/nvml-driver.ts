// A connection to a double of the driver library, as the generation makes one, for tests of the files that the generation
// is made of. It opens and closes; it samples nothing.

import { onTestFinished } from "vitest";

import type { CallName } from "../../agent/sample/nvml/calls.ts";
import { createBlocks } from "../../agent/sample/nvml/driver.ts";
import type { Driver } from "../../agent/sample/nvml/driver.ts";
import { HANDLE_BYTES } from "../../agent/sample/nvml/layout.ts";
import { locateLibrary } from "../../agent/sample/nvml/library.ts";
import { createMarkBuffer, createMarkWriter } from "../../agent/sample/nvml/marks.ts";
import type { Address } from "../../agent/sample/nvml/native.ts";
import type { BuildOptions } from "../nvml-double/build.ts";
import { createDouble } from "../nvml-double/fixture.ts";
import type { Double } from "../nvml-double/fixture.ts";
import type { Scenario } from "../nvml-double/scenario.ts";

export interface Connection {
  readonly double: Double;
  readonly driver: Driver;
  /** By index. */
  readonly handles: readonly Address[];
  /** What the driver said that ends a generation, as it was told. */
  readonly fatal: readonly { readonly call: CallName; readonly code: number }[];
  /** How often the double was called by this name. */
  readonly calls: (call: CallName) => number;
}

/** Open until the test ends. @throws Error when the double cannot be loaded or does not let itself be opened. */
export async function connect(scenario: Scenario, options: BuildOptions = {}): Promise<Connection> {
  const double = await createDouble(scenario, options);
  onTestFinished(() => double[Symbol.dispose]());
  const located = locateLibrary(double.library);
  if (located.kind === "missing") throw new Error(located.detail);
  const { library } = located;
  const marks = createMarkWriter(createMarkBuffer());
  const fatal: { readonly call: CallName; readonly code: number }[] = [];
  const driver: Driver = {
    library,
    marks,
    blockOf: createBlocks(),
    onFatal: (call, code) => {
      fatal.push({ call, code });
    },
  };
  const init = library.bind("nvmlInit_v2")?.();
  if (init !== 0) throw new Error(`the double answers init with ${init}`);
  onTestFinished(() => {
    library.bind("nvmlShutdown")?.();
    library.unload();
  });
  return {
    double,
    driver,
    handles: scenario.gpus.map((_, index) => handleOf(driver, index)),
    fatal,
    calls: (call) => double.counters()[call]?.calls ?? 0,
  };
}

function handleOf(driver: Driver, index: number): Address {
  const { address, view } = driver.blockOf("handle", HANDLE_BYTES);
  const code = driver.library.bind("nvmlDeviceGetHandleByIndex_v2")?.(index, address);
  if (code !== 0) throw new Error(`the double does not open GPU ${index}: ${code}`);
  return view.getBigUint64(0, true);
}

export function first<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) throw new Error("there is none");
  return value;
}
