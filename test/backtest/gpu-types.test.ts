// The table of kinds counts what arrives in the plan's days and runs, and buys the cheapest machine that fits.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { gpuTypesOf } from "./gpu-types.ts";
import type { WorkloadPlan } from "./plan.ts";

const PLACE = { provider: "aws", region: "us-east-1", instanceType: "p3.2xlarge" };
const WORK: WorkloadPlan = {
  kind: "jobs",
  title: "pods",
  file: "jobs/pods.csv",
  columns: { id: "id", arrival: "arrival_s", duration: "duration_s", gpus: "gpus" },
  fromDay: 1,
  toDay: 2,
  gang: false,
  gpuTypes: {
    column: "type",
    kinds: { T4: { gpu: "T4" }, V100: { gpu: "V100-16GB" }, G2: { gpu: "V100-16GB", note: "ours" } },
  },
};

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gpu-types-"));
  mkdirSync(join(folder, "jobs"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function linesOf(rows: readonly string[]) {
  writeFileSync(join(folder, "jobs/pods.csv"), ["id,arrival_s,duration_s,gpus,type", ...rows, ""].join("\n"));
  const [table] = gpuTypesOf(folder, "pods", WORK, PLACE);
  return table?.lines.map(({ asks, jobs, gpuHours, machines, notes }) => [
    asks,
    jobs,
    gpuHours,
    machines,
    notes,
  ]);
}

test("jobs are counted by what they accept, the most GPU-hours first", () => {
  const found = linesOf([
    "a,90000,3600,1,T4",
    "b,90000,7200,4,T4",
    "c,90000,3600,20,",
    "d,90000,3600,2,V100|T4",
    "e,90000,3600,1,G2|V100",
    "before,86399,3600,1,T4",
    "after,172800,3600,1,T4",
    "never-ran,90000,,1,T4",
    "no-gpu,90000,3600,0,T4",
  ]);
  expect(found).toEqual([
    ["any", 1, 20, ["p3.2xlarge"], []],
    ["T4", 2, 9, ["g4dn.xlarge", "g4dn.12xlarge"], []],
    ["T4 or V100", 1, 2, ["g4dn.12xlarge"], []],
    ["G2 or V100", 1, 1, ["p3.2xlarge"], []],
  ]);
});

test("what nothing can hold is said, and what is ours is marked", () => {
  const found = linesOf(["a,90000,7200,16,V100", "b,90000,3600,8,G2", "c,90000,1800,1,H900"]);
  expect(found).toEqual([
    ["V100", 1, 32, [], ["no machine with 16 GPUs of it"]],
    ["G2", 1, 8, ["p3.16xlarge"], ["G2: ours"]],
    ["H900", 1, 0.5, [], ["H900: the plan has no machine for it", "no machine with a GPU of it"]],
  ]);
});

test("a folder without the file has no table", () => {
  expect(gpuTypesOf(folder, "pods", { ...WORK, file: "jobs/other.csv" }, PLACE)).toEqual([]);
});
