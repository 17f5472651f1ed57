import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { drawOffsets } from "../offsets.ts";
import { readInputs } from "./inputs.ts";
import type { InputRequest } from "./inputs.ts";
import { partsFor } from "./parts.ts";
import { readPolicies } from "./policies.ts";
import { scenarioAt } from "./window.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "inputs-"));
});
afterAll(async () => await rm(folder, { recursive: true }));

async function file(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

const policy = (pools: string): ReturnType<typeof readPolicies> =>
  readPolicies(
    `apiVersion: gpu-autoscaler.io/v1alpha1\nkind: AutoscalingPolicy\nmetadata: {name: p}\nspec:\n  provider: aws\n  nodePools:\n${pools}`,
    "p.yaml",
  );
const pool = (text: string): string =>
  `    - {maxSize: 4, group: {aws: {region: us-east-1, autoScalingGroup: a}}, ${text}}\n`;
const SPOT = pool(
  "name: spot, capacityType: spot, instanceTypes: [g4dn.xlarge], availabilityZones: [us-east-1a]",
);
const JOBS = "job_id,arrival_s,duration_s,gpus,gpu_types\na,0,60,1,\nb,3600,60,1,T4\nc,7200,60,1,\n";
const PRICES = "t_s,region,zone,instance_type,tier,usd_per_hour\n";

async function parts(
  {
    jobs = JOBS,
    scenario = "",
    prices,
    capacity,
    ...request
  }: Omit<InputRequest, "prices"> & { readonly prices?: string },
  pools = SPOT,
) {
  const inputs = await readInputs({
    ...request,
    scenario: await file("scenario.yaml", `start: "2026-03-02T00:00:00Z"\ndrain: 0s\n${scenario}`),
    jobs: await file("jobs.csv", jobs),
    ...(prices === undefined ? {} : { prices: [await file("prices.csv", prices)] }),
    ...(capacity === undefined ? {} : { capacity: await file("capacity.csv", capacity) }),
  });
  return partsFor(inputs, policy(pools));
}

describe("policy, files and catalogue together", () => {
  test("what a policy leaves out comes from the catalogue, and is said", async () => {
    const made = await parts({});
    expect(made.pools[0]?.model).toMatchObject({
      name: "spot",
      provider: "aws",
      region: "us-east-1",
      zones: ["us-east-1a"],
      tier: "spot",
      max: 4,
      allocatable: {
        cpu: "3920m",
        pods: "110",
        "nvidia.com/gpu": "1",
      },
      labels: { "nvidia.com/gpu.product": "T4" },
    });
    expect(made.jobs[1]).toMatchObject({ id: "b", gpuTypes: ["T4"] });
    expect(made.policies[0]?.spec).toMatchObject({
      nodePools: [{ group: { simulated: { name: "spot" } }, maxSize: 4 }],
    });
    const notes = made.notes.join("\n");
    expect(notes).toMatch(/a simulated one of the same bounds stands in for: spot \(aws\)/);
    expect(notes).toMatch(/spot price of g4dn\.xlarge in us-east-1 is [\d.]+ USD throughout \(catalogue/);
    expect(notes).toMatch(/no trace of capacity.*: spot\./);
  });

  test.each([
    ["an unknown kind", JOBS.replace("T4", "Z9"), /jobs\.csv, line 3, gpu_types: "Z9" is no GPU .* map it/],
    [
      "a kind that no pool has",
      JOBS.replace("T4", "H100"),
      /line 3, gpu_types: no pool of the policy has H100; they have T4/,
    ],
  ])("%s is refused", async (_, jobs, message) => {
    await expect(parts({ jobs })).rejects.toThrow(message);
  });

  test("unless the scenario maps it, or drops it and counts", async () => {
    const jobs = JOBS.replace("T4", "Z9");
    expect((await parts({ jobs, scenario: "gpuTypes: {Z9: T4}" })).jobs[1]?.gpuTypes).toEqual(["T4"]);
    const made = await parts({ jobs, scenario: "gpuTypes: {Z9: drop}" });
    expect(made.jobs.map(({ id }) => id)).toEqual(["a", "c"]);
    expect(made.dropped).toMatchObject([{ rows: 1, firstLine: 3 }]);
  });

  test.each([
    [
      "a machine that nobody knows",
      SPOT.replace("g4dn.xlarge", "g4dn.xlarg"),
      /instanceTypes: .*no machine g4dn\.xlarg .*nearest is g4dn/,
    ],
    [
      "two types",
      SPOT.replace("[g4dn.xlarge]", "[g4dn.xlarge, g5.xlarge]"),
      /one type .* choose one by pools\.spot\.instanceType/,
    ],
    [
      "no zone",
      SPOT.replace("availabilityZones: [us-east-1a]", "priority: 1"),
      /availabilityZones: is empty; name the zones/,
    ],
    ["no group at all", "    - {name: spot, capacityType: spot}\n", /no pool has a group/],
  ])("a pool with %s is refused", async (_, pools, message) => {
    await expect(parts({}, pools)).rejects.toThrow(message);
  });

  test("a pool that no policy has is refused", async () => {
    await expect(parts({ scenario: "pools: {spto: {initial: 1}}" })).rejects.toThrow(
      /pools\.spto of the scenario: no policy .* it has spot/,
    );
  });

  test("a trace of machines that no pool has is refused, and one that nobody places", async () => {
    const place = "instance_type,zone,tier,t_s,available\np3.2xlarge,us-east-1a,spot,0,1\n";
    await expect(parts({ capacity: place })).rejects.toThrow(/no pool has spot machines of p3\.2xlarge/);
    await expect(parts({ capacity: "trace_id,t_s,available\nz,0,1\nz,9000,1\n" })).rejects.toThrow(
      /line 2, trace_id: nobody says which machines z is of; name it after a pool \(spot\)/,
    );
    const named = await parts({ capacity: "trace_id,t_s,available\nspot,0,1\nspot,9000,1\n" });
    expect(named.stocks).toMatchObject([{ instanceType: "g4dn.xlarge", zone: "us-east-1a", tier: "spot" }]);
  });

  test("two traces of one place are refused", async () => {
    const capacity = "trace_id,instance_type,zone,tier,t_s,available\n".concat(
      ...["a", "b"].map((id) => `${id},g4dn.xlarge,us-east-1a,spot,0,1\n`),
    );
    await expect(parts({ capacity })).rejects.toThrow(
      /capacity\.csv, line 3, b g4dn.*: a g4dn.* line 2\) is of spot machines of g4dn\.xlarge in us-east-1a too; leave one/,
    );
  });

  test("work of which every row is left out is refused, and jobs that are split are counted", async () => {
    const jobs = "job_id,arrival_s,duration_s,gpus\n";
    await expect(parts({ jobs: `${jobs}a,0,,1\n` })).rejects.toThrow(
      /jobs\.csv: every row is left out, so there is nothing to play: .* no run time is known/,
    );
    const { notes } = await parts({ jobs: `${jobs}a,0,60,1\nb,1,60,4\n` });
    expect(notes.join(" ")).toMatch(
      /jobs\.csv: 1 jobs want more GPUs than a node has and run as several pods/,
    );
    expect(notes.join(" ")).toMatch(
      /2 jobs do not say their cpu or memory; a pod then asks for 2 cores and 8Gi/,
    );
    expect(notes.join(" ")).not.toMatch(/fit no node/);
    const large = await parts({
      jobs: "job_id,arrival_s,duration_s,gpus,cpu,memory\na,0,60,1,1,1Gi\nb,1,60,1,64,1Gi\nc,2,60,1,1,900Gi\n",
    });
    expect(large.notes.join(" ")).toMatch(/2 jobs fit no node of the pools, .* \(the first is b; --explain/);
    expect(large.notes.join(" ")).not.toMatch(/do not say/);
  });

  test("a window beyond a series is refused, and one beyond the jobs is said", async () => {
    await file("load.csv", "t_s,rate\n600,5\n1200,5\n");
    const scenario =
      "services: [{name: chat, kind: Series, file: load.csv, column: rate, perReplica: 1, minReplicas: 1, maxReplicas: 9, gpusPerReplica: 1}]";
    await expect(parts({ scenario, from: millis(600_000), length: millis(1_800_000) })).rejects.toThrow(
      /load\.csv, chat: the series is known from 10m to 30m .* played is from 10m to 40m; set from and length within it/,
    );
    await expect(parts({ scenario, length: millis(1_200_000) })).rejects.toThrow(/played is from 0s to 20m/);
    const within = { from: millis(600_000), length: millis(1_200_000) };
    const made = await parts({ scenario, ...within });
    expect(made.services).toHaveLength(1);
    // The jobs go on for longer; a window is shifted no further than the series is known.
    expect(() => drawOffsets(made.inputs, 2, 1)).toThrow(/2 starts do not fit/);
    expect((await parts({ length: millis(10_800_000) })).notes.join(" ")).toMatch(
      /work up to 2h after its start; after that nothing new comes/,
    );
  });

  test("a price list without a needed type is refused", async () => {
    await expect(parts({ prices: `${PRICES}0,us-east-1,,g5.xlarge,spot,1\n` })).rejects.toThrow(
      /prices\.csv: there is no spot price of g4dn\.xlarge in us-east-1, which p\.yaml, line 7, policy p, spec\.nodePools\[0\] \(spot\) needs/,
    );
  });

  test("without a start and its time zone nothing is played", async () => {
    const jobs = await file("jobs.csv", JOBS);
    await expect(readInputs({ jobs })).rejects.toThrow(
      /start: nobody says at which wall clock and time zone/,
    );
  });
});

const ROWS = "0,us-east-1,us-east-1a,g4dn.xlarge,spot,0.2\n1800,us-east-1,us-east-1a,g4dn.xlarge,spot,0.3\n";
const DAY = 86_400;

describe("scenarioAt()", () => {
  test("moves both clocks, keeps what began before, and leaves the rest away", async () => {
    const made = await parts({
      length: millis(3_600_000),
      prices: `${PRICES}${ROWS}`,
      capacity: `trace_id,t_s,available\nspot,0,3\nspot,1200,1\nspot,5400,2\nspot,${DAY},2\n`,
    });
    const scenario = scenarioAt(made, { index: 2, workMs: 3_000_000, marketMs: 2_400_000 });
    expect(scenario.start).toBe(Date.UTC(2026, 2, 2, 0, 50));
    expect(scenario.seed).toBe(3);
    expect(scenario.work.jobs.map(({ id, arrivalMs }) => [id, arrivalMs])).toEqual([["b", 600_000]]);
    expect(scenario.stocks[0]?.steps).toEqual([
      { atMs: 0, available: 1 },
      { atMs: 3_000_000, available: 2 },
    ]);
    expect(scenario.prices).toMatchObject([{ at: scenario.start, usdPerHour: 0.3, zone: "us-east-1a" }]);
  });

  test.each([
    [
      "prices that begin too late",
      `900,us-east-1,,g4dn.xlarge,spot,1\n`,
      /there is no spot price .* at 2026-03-02T00:00:00/,
    ],
    [
      "an empty price",
      `${ROWS}2000,us-east-1,us-east-1a,g4dn.xlarge,spot,\n`,
      /prices\.csv, line 4, usd_per_hour: the spot price .* is empty/,
    ],
  ])("refuses %s", async (_, rows, message) => {
    const made = await parts({ prices: `${PRICES}${rows}` });
    expect(() => scenarioAt(made, { index: 0, workMs: 0, marketMs: 0 })).toThrow(message);
  });

  test("refuses a trace that is longer than the prices, and a window longer than the trace", async () => {
    const long = JOBS.replace("7200", String(40 * DAY));
    const made = await parts({ jobs: long, prices: `${PRICES}${ROWS}` });
    expect(() => scenarioAt(made, { index: 0, workMs: 0, marketMs: 0 })).toThrow(
      /line 3, usd_per_hour: the history of the spot price of g4dn\.xlarge in us-east-1a has ended \(pricesHold\) at 2026-04-02/,
    );
    const short = await parts({ capacity: "trace_id,t_s,available\nspot,0,1\nspot,3600,1\n" });
    expect(() => scenarioAt(short, { index: 0, workMs: 0, marketMs: 0 })).toThrow(
      /capacity\.csv, t_s: it is known for 3600 s, and length and drain take 7260 s/,
    );
  });
});

describe("drawOffsets()", () => {
  const room = { fromMs: 0, lengthMs: 3_600_000, drainMs: 600_000, workMs: 90_000_000, marketMs: 9_000_000 };
  const numbers = (value: object) => value as Parameters<typeof drawOffsets>[0];

  test("shifts the market within its room, the same for the same seed, the beginning first", () => {
    const drawn = drawOffsets(numbers(room), 20, 7);
    expect(drawn).toEqual(drawOffsets(numbers(room), 20, 7));
    expect(drawn).not.toEqual(drawOffsets(numbers(room), 20, 8));
    expect(drawn[0]).toEqual({ index: 0, workMs: 0, marketMs: 0 });
    expect(new Set(drawn.map(({ marketMs }) => marketMs)).size).toBe(20);
    for (const { workMs, marketMs } of drawn) {
      expect(workMs).toBe(0);
      expect(marketMs + room.lengthMs + room.drainMs).toBeLessThanOrEqual(room.marketMs);
    }
  });

  test("shifts the workload where there is no market, and refuses more than there is room for", () => {
    const drawn = drawOffsets(numbers({ ...room, marketMs: null }), 5, 1);
    for (const { workMs, marketMs } of drawn) {
      expect(marketMs).toBe(workMs);
      expect(workMs + room.lengthMs).toBeLessThanOrEqual(room.workMs);
    }
    expect(() => drawOffsets(numbers({ ...room, marketMs: 4_260_000, workMs: 3_600_000 }), 5, 1)).toThrow(
      /offsets: 5 starts do not fit, .* leaves 60 s to shift it by; set a shorter length/,
    );
  });

  test.each([
    [60, 1],
    [61, 2],
    [120, 2],
    [121, 3],
  ])("in %d s there is room for %d starts and no more", (seconds, most) => {
    const tight = { ...room, marketMs: room.lengthMs + room.drainMs + seconds * 1000 };
    expect(drawOffsets(numbers(tight), most, 1)).toHaveLength(most);
    expect(() => drawOffsets(numbers(tight), most + 1, 1)).toThrow(/starts do not fit/);
  });
});
