import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../../shared/model/units.ts";
import { readJobs } from "./jobs.ts";
import { readRequests, readSeries } from "./load.ts";
import { readCapacity, readPrices } from "./market.ts";
import { readPolicies } from "./policies.ts";
import { readScenarioFile } from "./scenario-file.ts";
import { readReplicas } from "./services.ts";

const POLICY_HEAD = "apiVersion: gpu-autoscaler.io/v1alpha1\nkind: AutoscalingPolicy\n";
const JOBS = "job_id,arrival_s,duration_s,gpus";

describe("readJobs() refuses by file, line, field and way out", () => {
  test.each([
    ["a missing column", "job_id,arrival_s,gpus\na,0,1", /jobs\.csv, line 1, duration_s: the header has no/],
    ["no clock", "job_id,duration_s,gpus\na,1,1", /line 1, arrival_s or arrival: the header needs one/],
    ["an empty file", "", /line 1, header: there is no header line; it needs job_id/],
    ["no row", JOBS, /line 1, rows: there is no row/],
    ["unsorted rows", `${JOBS}\na,9,1,1\nb,8,1,1`, /line 3, arrival_s: 8 comes before .* sort the rows/],
    ["a negative duration", `${JOBS}\na,0,-5,1`, /line 2, duration_s: -5 is negative; correct or remove/],
    ["NaN", `${JOBS}\na,0,NaN,1`, /line 2, duration_s: "NaN" is not a number/],
    [
      "seconds since 1970",
      `${JOBS}\na,1709251200,1,1`,
      /line 2, arrival_s: 1709251200 s are .* not from 1970/,
    ],
    ["half a GPU", `${JOBS}\na,0,1,0.5`, /line 2, gpus: 0\.5 is not a whole number; write 1/],
    ["a doubled name", `${JOBS}\na,0,1,1\na,0,1,1`, /line 3, job_id: a stands already on line 2/],
    ["a row too short", `${JOBS}\na,0,1`, /line 2, gpus: the row has 3 cells and the header 4/],
    ["a row too long", `${JOBS}\na,0,1,1,9`, /line 2, row: the row has 5 cells/],
    ["a quote left open", `${JOBS}\n"a,0,1,1`, /line 2, column 1: a quote is not closed/],
    [
      "an instant without a time zone",
      "job_id,arrival,duration_s,gpus\na,2026-03-02T08:00:00,1,1",
      /line 2, arrival: "2026-03-02T08:00:00" is no instant with a time zone; write it as/,
    ],
    ["uneven workers", `${JOBS},workers\na,0,1,8,3`, /line 2, workers: 8 GPUs cannot be shared evenly by 3/],
    ["a memory without sense", `${JOBS},memory\na,0,1,8,lots`, /line 2, memory: lots is no quantity/],
  ])("%s", (_, text, message) => {
    expect(() => readJobs(text, "jobs.csv")).toThrow(message);
  });
});

test("rows that cannot be played are left out and counted, and what is not read is said", () => {
  const text = `# a comment\n${JOBS},gpu_milli,owner\na,0,,1,1000,x\nb,1,60,0,0,x\nc,2,60,1,300,x\nd,3,,1,1000,x\n`;
  const read = readJobs(text, "jobs.csv");
  expect(read.jobs).toEqual([{ id: "c", line: 5, arrivalMs: 2000, durationMs: 60_000, gpus: 1, kinds: [] }]);
  expect(read.dropped).toEqual([
    { file: "jobs.csv", why: "no run time is known (duration_s is empty)", rows: 2, firstLine: 3 },
    { file: "jobs.csv", why: "it asks for no GPU", rows: 1, firstLine: 4 },
  ]);
  expect(read.notes.join(" ")).toMatch(/not read: owner\. .*1 jobs ask for a share of one GPU/);
});

test("instants count from the first row, wherever its zone is", () => {
  const read = readJobs(
    'job_id,arrival,duration_s,gpus,gpu_types,cpu_milli\n"a,1",2026-03-02T08:00:00+01:00,1,1,,\nb,2026-03-02T07:00:30Z,1,4,T4|V100,500',
    "jobs.csv",
  );
  expect(read.start).toBe(Date.UTC(2026, 2, 2, 7));
  expect(read.jobs.map(({ id, arrivalMs, kinds, cpu }) => ({ id, arrivalMs, kinds, cpu }))).toEqual([
    { id: "a,1", arrivalMs: 0, kinds: [], cpu: undefined },
    { id: "b", arrivalMs: 30_000, kinds: ["T4", "V100"], cpu: "500m" },
  ]);
});

describe("readSeries() refuses", () => {
  const series = (rows: string): unknown => readSeries(`t_s,rate\n${rows}`, "load.csv", "rate", "Refuse");
  test.each([
    ["NaN", "0,1\n60,NaN", /load\.csv, line 3, rate: "NaN" is not a number/],
    ["a gap", "0,1\n60,1\n180,1", /line 4, t_s: 1 value is missing here; .* gaps: Hold/],
    ["an empty cell", "0,1\n60,", /line 3, rate: 1 value is missing here/],
    ["an overlap", "0,1\n60,1\n60,2", /line 4, t_s: 60 overlaps the rows above it/],
    ["rows between the steps", "0,1\n60,1\n100,2", /line 4, t_s: 100 is not on the file's step of 60 s/],
    ["rows that go back", "60,1\n0,1", /line 3, t_s: does not come after/],
    ["a negative load", "0,1\n60,-1", /line 3, rate: -1 is negative/],
    ["one row", "0,1", /line 2, t_s: one row makes no series/],
  ])("%s", (_, rows, message) => {
    expect(() => series(rows)).toThrow(message);
  });

  test("unless it is told that the value before holds, which is counted", () => {
    const read = readSeries("t_s,rate\n0,1\n60,2\n240,5\n300,", "load.csv", "rate", "Hold");
    expect(read.values).toEqual([1, 2, 2, 2, 5, 5]);
    expect(read.notes.join(" ")).toMatch(/3 missing values were taken as the one before/);
    expect(() => readSeries("t_s,rate\n0,\n60,2", "load.csv", "rate", "Hold")).toThrow(/1 value is missing/);
  });
});

test("requests count as long as each takes", () => {
  const read = readRequests("arrival_s,s\n0,30\n15,15\n50,5", "r.csv", "s", millis(15_000));
  expect(read.values).toEqual([1, 2, 0, 5 / 15]);
  expect(() => readRequests("arrival_s,s\n9,1\n8,1", "r.csv", "s", millis(15_000))).toThrow(
    /r\.csv, line 3, arrival_s: 8 comes before/,
  );
});

describe("readCapacity() and readPrices() refuse", () => {
  const capacity = (rows: string): unknown => readCapacity(`trace_id,t_s,available\n${rows}`, "c.csv");
  const prices = (rows: string): unknown =>
    readPrices(`from,region,instance_type,tier,usd_per_hour\n${rows}`, "p.csv", epochMs(0));
  test.each([
    [() => capacity("z,0,1\nz,0,2"), /c\.csv, line 3, t_s: 0 of z overlaps/],
    [() => capacity("z,0,1\nz,60,1.5"), /line 3, available: 1\.5 is no whole number/],
    [() => capacity("z,5,1"), /line 2, t_s: z begins at 5 s; say in a row at 0/],
    [() => capacity("z,0,"), /line 2, available: is empty/],
    [() => readCapacity("t_s,available\n0,1", "c.csv"), /trace_id or instance_type: the header needs one/],
    [() => prices("2026-03-02T00:00:00,r,t,spot,1"), /p\.csv, line 2, from: .* no instant with a time zone/],
    [() => prices("2026-03-02T00:00:00Z,r,t,cheap,1"), /line 2, tier: "cheap" is none of spot, on-demand/],
    [() => prices("2026-03-02T00:00:00Z,r,t,spot,-1"), /line 2, usd_per_hour: -1 is negative/],
    [
      () => prices("2026-03-02T00:00:00Z,r,t,spot,1\n2026-03-01T00:00:00Z,r,t,spot,1"),
      /line 3, from: .* overlaps the row before it/,
    ],
    [
      () => readReplicas("name,at_s,replicas,gpus_per_replica\na,0,1,1\na,0,2,1", "s.csv"),
      /line 3, at_s: 0 of a/,
    ],
  ])("%#", (read, message) => {
    expect(read).toThrow(message);
  });
});

describe("scenario and policy files name what is wrong", () => {
  test.each([
    ["start: 2026-03-02T00:00:00", /s\.yaml, line 1, start: .*an instant with its time zone is needed/],
    ["jbos: a.csv", /s\.yaml.*Unrecognized key: "jbos"; known fields stand in deploy\/docs\/replay\.md/],
    ["times:\n  nodeReady: 240", /s\.yaml, line 2, times\.nodeReady: 240/],
    ["times:\n  nodeReady: [5m, 1m]", /line 2, times\.nodeReady: .*the shorter one comes first/],
    ["seed: 1\ncapacity:\n  - {file: a.csv}", /s\.yaml, line 3, capacity\.0\.trace: nothing/],
    ["a: [", /s\.yaml, line 1/],
  ])("%s", (text, message) => {
    expect(() => readScenarioFile(text, "s.yaml")).toThrow(message);
  });

  test.each([
    [
      "kind: ConfigMap\napiVersion: v1",
      /p\.yaml, line 1, kind: "v1" "ConfigMap" is no policy; write apiVersion/,
    ],
    ["", /p\.yaml has no policy/],
    [
      "apiVersion: gpu-autoscaler.io/v1alpha1\nkind: AutoscalingPolicy\nmetadata: {name: a}\nspec: {provider: aws, maxNods: 3}",
      /p\.yaml, policy a:\n {2}line 4, spec\.maxNods: unknown field/,
    ],
    [
      // Both documents count lines of the one file, and each problem has its own.
      `${POLICY_HEAD}metadata: {name: a}\nspec: {provider: aws}\n---\n${POLICY_HEAD}metadata: {name: b}\nspec:\n  provider: aws\n  nodePools:\n    # a comment\n    - name: spot\n      maxSize:\n        -4\n    - maxSize: 1\n      maxSise: 3`,
      /p\.yaml, policy b:\n(?=[^]*  line 14, spec\.nodePools\.0\.maxSize: -4 )(?=[^]*  line 16, spec\.nodePools\.1\.name: is required)(?=[^]*  line 17, spec\.nodePools\.1\.maxSise: unknown)/,
    ],
    [
      `${POLICY_HEAD}metadata: {name: a}\nspec:\n  provider: aws\n  schedules:\n    - {name: day, timeZone: Mars/Base, start: "0 8 * * *", end: "0 18 * * *", minNodes: 1}`,
      /policy a:\n {2}line 7, spec\.schedules\.0\.timeZone: /,
    ],
    [
      `${POLICY_HEAD}metadata: {name: a}\nspec: {provider: aws}\n---\n${POLICY_HEAD}metadata:\n  name: a\nspec: {provider: aws}`,
      /p\.yaml, line 9, metadata\.name: a is there twice; rename one/,
    ],
    ["# nothing\nhello", /p\.yaml, line 2, kind: nothing nothing is no policy/],
    [
      "apiVersion: gpu-autoscaler.io/v1alpha1\nkind: AutoscalingPolicy\nspec: {provider: aws}",
      /p\.yaml, line 1, metadata\.name: nothing is no name/,
    ],
  ])("policy %#", (text, message) => {
    expect(() => readPolicies(text, "p.yaml")).toThrow(message);
  });
});
