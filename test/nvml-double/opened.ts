// A double with a GPU library of its own, called as C would call it, for tests of the double itself: no agent in
// between, so what is seen is what the double does.

import { onTestFinished } from "vitest";

import type { CallForm } from "../../agent/sample/nvml/calls.ts";
import { allocate, loadNative } from "../../agent/sample/nvml/native.ts";
import type { Bound } from "../../agent/sample/nvml/native.ts";
import { LIBRARY } from "./build.ts";
import type { Variant } from "./build.ts";
import { createDouble } from "./fixture.ts";
import type { Double } from "./fixture.ts";
import type { Scenario } from "./scenario.ts";

export interface Opened {
  readonly double: Double;
  /** @throws Error when this build does not export the name. */
  readonly bind: <F extends CallForm>(symbol: string, form: F) => Bound[F];
  readonly exports: (symbol: string) => boolean;
  readonly gpu: (index: number) => bigint;
  readonly instance: (gpu: number, slot: number) => bigint;
}

/** Initialized, and open until the test ends. */
export async function openDouble(scenario: Scenario, variant: Variant = "r580"): Promise<Opened> {
  const double = await createDouble(scenario, { variant });
  const library = loadNative(`${double.directory}/${LIBRARY}`);
  const bind = <F extends CallForm>(symbol: string, form: F): Bound[F] => {
    const bound = library.bind(symbol, form);
    if (bound === null) throw new Error(`this build does not export ${symbol}`);
    return bound;
  };
  onTestFinished(() => {
    bind("nvmlShutdown", "none")();
    library.unload();
    double[Symbol.dispose]();
  });
  bind("nvmlInit_v2", "none")();
  const gpu = (index: number): bigint =>
    handleFrom((out) => bind("nvmlDeviceGetHandleByIndex_v2", "index-out")(index, out));
  return {
    double,
    bind,
    exports: (symbol) => library.bind(symbol, "none") !== null,
    gpu,
    instance: (index, slot) => {
      const call = bind("nvmlDeviceGetMigDeviceHandleByIndex", "device-selector-out");
      const parent = gpu(index);
      return handleFrom((out) => call(parent, slot, out));
    },
  };
}

/** @throws Error when the call gives no handle. */
export function handleFrom(call: (out: bigint) => number): bigint {
  const { address, view } = allocate(8);
  const code = call(address);
  if (code !== 0) throw new Error(`no handle, but ${code}`);
  return view.getBigUint64(0, true);
}

/** What a call with one 32-bit answer says: the number, or the code in a text. */
export function wordFrom(call: (out: bigint) => number): number | string {
  const { address, view } = allocate(8);
  const code = call(address);
  return code === 0 ? view.getUint32(0, true) : `code ${code}`;
}

/** The list of compute processes into a buffer of its own; `call` takes the room that it is to claim. */
export function lister(
  opened: Opened,
  stride: number,
): {
  readonly view: DataView;
  readonly call: (gpu: bigint, room: number) => number;
  readonly count: () => number;
} {
  const entries = allocate(16 * stride);
  const count = allocate(4);
  const bound = opened.bind("nvmlDeviceGetComputeRunningProcesses_v3", "device-out-out");
  return {
    view: entries.view,
    call: (gpu, room) => {
      count.view.setUint32(0, room, true);
      return bound(gpu, count.address, entries.address);
    },
    count: () => count.view.getUint32(0, true),
  };
}
