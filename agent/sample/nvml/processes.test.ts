import { describe, expect, test } from "vitest";

import type { GpuProcess } from "../../../shared/model/gpu.ts";
import { connect, first } from "../../../test/build/nvml-driver.ts";
import type { Connection } from "../../../test/build/nvml-driver.ts";
import type { BuildOptions } from "../../../test/nvml-double/build.ts";
import type { Rule, ScenarioGpu, ScenarioProcess } from "../../../test/nvml-double/scenario.ts";
import { createProcessReader } from "./processes.ts";
import type { ProcessList } from "./processes.ts";

const MIB = 1_048_576;

interface Reader extends Connection {
  readonly read: () => ProcessList;
}

async function reader(
  gpu: ScenarioGpu,
  rules: readonly Rule[] = [],
  build: BuildOptions = {},
): Promise<Reader> {
  const connection = await connect({ gpus: [gpu], rules }, build);
  const read = createProcessReader(connection.driver, 0);
  return { ...connection, read: () => read(first(connection.handles)) };
}

function processes(list: ProcessList): readonly GpuProcess[] {
  if (list.kind === "refused") throw new Error(`refused with ${list.code}`);
  return list.processes.toSorted((a, b) => a.pid - b.pid);
}

function many(count: number): readonly ScenarioProcess[] {
  return Array.from({ length: count }, (_, index) => ({
    pid: 1000 + index,
    memoryMib: 10 + index,
    kind: "compute",
  }));
}

const outside = { gpuInstance: null, computeInstance: null };

describe("createProcessReader()", () => {
  test("lists every kind, with the memory where the driver knows it", async () => {
    const { read } = await reader({
      processes: [
        { pid: 100, memoryMib: 648, kind: "compute" },
        { pid: 200, memoryMib: null, kind: "graphics" },
        { pid: 300, memoryMib: 0, kind: "mps" },
      ],
    });
    expect(processes(read())).toEqual([
      { pid: 100, kind: "compute", memoryBytes: 648 * MIB, ...outside },
      { pid: 200, kind: "graphics", memoryBytes: null, ...outside },
      { pid: 300, kind: "mps", memoryBytes: 0, ...outside },
    ]);
  });

  test("counts a process with two kinds of context once, and its memory once", async () => {
    const { read } = await reader({
      processes: [
        { pid: 100, memoryMib: 648, kind: "graphics" },
        { pid: 100, memoryMib: 648, kind: "compute" },
        { pid: 200, memoryMib: 5, kind: "compute" },
        { pid: 200, memoryMib: null, kind: "mps" },
      ],
    });
    expect(processes(read())).toEqual([
      { pid: 100, kind: "compute", memoryBytes: 648 * MIB, ...outside },
      { pid: 200, kind: "mps", memoryBytes: 5 * MIB, ...outside },
    ]);
  });

  test("says that there are none", async () => {
    const { read } = await reader({ processes: [] });
    expect(read()).toEqual({ kind: "list", processes: [] });
  });

  test("keeps one process in two MIG instances as two", async () => {
    const { read } = await reader({
      processes: [
        { pid: 100, memoryMib: 1, kind: "compute", gi: 9, ci: 0 },
        { pid: 100, memoryMib: 2, kind: "compute", gi: 9, ci: 1 },
      ],
    });
    expect(processes(read())).toEqual([
      { pid: 100, kind: "compute", memoryBytes: MIB, gpuInstance: 9, computeInstance: 0 },
      { pid: 100, kind: "compute", memoryBytes: 2 * MIB, gpuInstance: 9, computeInstance: 1 },
    ]);
  });

  test.each([63, 64, 65, 300])("makes room for %i processes", async (count) => {
    const { read } = await reader({ processes: many(count) });
    const found = processes(read());
    expect(found.map(({ pid }) => pid)).toEqual(many(count).map(({ pid }) => pid));
    expect(found.at(-1)?.memoryBytes).toBe((10 + count - 1) * MIB);
    expect(processes(read())).toEqual(found);
  });

  test("makes room again when the list grows between two calls, and remembers how much", async () => {
    // Each time that there is too little room, it says how many there were 100 processes ago.
    const { read, calls } = await reader({ processes: many(300), processGrowth: 100 });
    expect(processes(read())).toHaveLength(300);
    const before = calls("nvmlDeviceGetComputeRunningProcesses_v3");
    expect(before).toBeGreaterThan(2);
    read();
    expect(calls("nvmlDeviceGetComputeRunningProcesses_v3")).toBe(before + 1);
  });

  test("gives up on a driver that never has enough room", async () => {
    const call = "nvmlDeviceGetComputeRunningProcesses_v3";
    const { read, calls } = await reader({ processes: [] }, [{ kind: "ret", call, code: 7 }]);
    expect(read()).toEqual({ kind: "refused", code: 7 });
    expect(calls(call)).toBeLessThanOrEqual(5);
  });

  test.each(["r535bug", "r570"] as const)("reads the entries of %s", async (variant) => {
    const { read } = await reader({ processes: many(3) }, [], { variant });
    expect(processes(read())).toEqual(
      [0, 1, 2].map((index) => ({
        pid: 1000 + index,
        kind: "compute",
        memoryBytes: (10 + index) * MIB,
        ...outside,
      })),
    );
  });

  test("goes on without a kind that the GPU does not list, and asks for it once", async () => {
    const call = "nvmlDeviceGetMPSComputeRunningProcesses_v3";
    const { read, calls } = await reader({ processes: many(1) }, [{ kind: "ret", call, code: 3 }]);
    expect(processes(read())).toHaveLength(1);
    expect(processes(read())).toHaveLength(1);
    expect(calls(call)).toBe(1);
  });

  test("has no list when one of its parts failed", async () => {
    const { read } = await reader({ processes: many(2) }, [
      { kind: "ret", call: "nvmlDeviceGetGraphicsRunningProcesses_v3", code: 4, times: 1 },
    ]);
    expect(read()).toEqual({ kind: "refused", code: 4 });
    expect(processes(read())).toHaveLength(2);
  });

  test("has no list where the driver has none", async () => {
    const { read } = await reader({}, [], { variant: "r470" });
    expect(read()).toEqual({ kind: "refused", code: 13 });
  });

  test("tells of a dead connection", async () => {
    const call = "nvmlDeviceGetComputeRunningProcesses_v3";
    const { read, fatal } = await reader({ processes: [] }, [{ kind: "ret", call, code: 9 }]);
    expect(read()).toEqual({ kind: "refused", code: 9 });
    expect(fatal).toEqual([{ call, code: 9 }]);
  });
});
