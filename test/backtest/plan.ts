// What a back-test plays: which workload meets which capacity, at which prices, for how long and at how many offsets. A plan
// names files and columns of a folder of traces, so that another folder laid out alike is played with no code changed.

import { readFileSync } from "node:fs";

import * as z from "zod";

import { GPU_MODELS } from "../../shared/model/gpu-models.ts";
import { AppError, describe } from "../../shared/runtime/errors.ts";

const jobs = z.strictObject({
  kind: z.literal("jobs"),
  title: z.string(),
  file: z.string(),
  columns: z.strictObject({ id: z.string(), arrival: z.string(), duration: z.string(), gpus: z.string() }),
  fromDay: z.number().min(0),
  toDay: z.number().positive(),
  /** All workers of a job at once or none. */
  gang: z.boolean().default(false),
  /** What kinds of GPU the source names, and which kind of a cloud would be bought for each; no run reads it. */
  gpuTypes: z
    .strictObject({
      /** Names that a job accepts, `|` between; empty: any. */
      column: z.string(),
      kinds: z.record(z.string(), z.strictObject({ gpu: z.enum(GPU_MODELS), note: z.string().optional() })),
    })
    .optional(),
});

/** Load over time: replicas are the value ÷ `perReplica`, rounded up. */
const series = z.strictObject({
  kind: z.literal("series"),
  title: z.string(),
  file: z.string(),
  time: z.string(),
  value: z.string(),
  perReplica: z.number().positive(),
  zeroIsGap: z.boolean().default(false),
});

/** Single requests: their rate over bins of `binS`, then as a series. */
const requests = z.strictObject({
  kind: z.literal("requests"),
  title: z.string(),
  file: z.string(),
  arrival: z.string(),
  binS: z.number().positive(),
  perReplica: z.number().positive(),
});

const flat = z.strictObject({
  kind: z.literal("flat"),
  title: z.string(),
  gpus: z.int().positive(),
  days: z.number().positive(),
});

const workload = z.discriminatedUnion("kind", [jobs, series, requests, flat]);

const capacity = z.strictObject({
  /** Traces whose id begins so, each a zone. */
  traces: z.string(),
  /** Of them only machines of this type. */
  instanceType: z.string().optional(),
  /** Traces of how many of N could be had, for the second rule of depth. */
  depthTraces: z.string().optional(),
  spotPrices: z.string().optional(),
  /** AWS's price records by zone, type and instant, instead. */
  spotHistory: z.string().optional(),
  /** Where a price file has no price. */
  unknownSpotUsd: z.number().positive().optional(),
  onDemandPrices: z.string().optional(),
});

const pair = z.strictObject({
  workload: z.string(),
  capacity: z.string(),
  days: z.number().positive(),
  /** Days at the start of the workload that fixed fleets are sized on; no offset begins before their end. */
  tuneDays: z.number().positive(),
  /** Rows that are played; left out: all. */
  rows: z.array(z.string()).optional(),
  depths: z.array(z.enum(["all-or-nothing", "by-depth"])).default(["all-or-nothing"]),
  offsets: z.int().positive().optional(),
});

const sweep = z.strictObject({
  name: z.string(),
  pair: z.string(),
  offsets: z.int().positive(),
  rows: z.array(z.string()),
  nodeReadyS: z.array(z.number().positive()).default([]),
  restartS: z.array(z.number().min(0)).default([]),
});

const planShape = z.strictObject({
  seed: z.int(),
  /** File beside the plan with numbers that are known of these traces. */
  expected: z.string().optional(),
  offsets: z.int().positive(),
  warmInDays: z.number().min(0),
  drainHours: z.number().min(0),
  times: z.strictObject({
    nodeReadyS: z.number().positive(),
    jobStartS: z.number().min(0),
    serviceStart: z.strictObject({ file: z.string(), column: z.string(), from: z.number(), to: z.number() }),
    checkpointEveryS: z.number().positive(),
    checkpointTakesS: z.number().min(0),
    restartS: z.number().min(0),
    launchRetryS: z.number().positive(),
  }),
  /** Of the on-demand price, where the catalogue has no one-year price of a machine. */
  reservedShare: z.number().positive(),
  workloads: z.record(z.string(), workload),
  capacities: z.record(z.string(), capacity),
  pairs: z.record(z.string(), pair),
  sweeps: z.array(sweep).default([]),
});

export type Plan = z.infer<typeof planShape>;
export type WorkloadPlan = z.infer<typeof workload>;
export type CapacityPlan = z.infer<typeof capacity>;
export type PairPlan = z.infer<typeof pair>;
export type SweepPlan = z.infer<typeof sweep>;
export type DepthRule = PairPlan["depths"][number];

/** @throws AppError bad-input that names the file and each field that is wrong. */
export function readPlan(path: string): Plan {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new AppError("bad-input", `${path}: cannot be read as JSON: ${describe(cause)}`, { cause });
  }
  const parsed = planShape.safeParse(value);
  const problems = parsed.success
    ? absent(parsed.data)
    : parsed.error.issues.map(({ path: at, message }) => `${at.map(String).join(".")}: ${message}`);
  if (!parsed.success || problems.length > 0)
    throw new AppError("bad-input", `${path}: ${problems.join("; ")}`);
  return parsed.data;
}

/** Names that nothing has. */
function absent({ pairs, workloads, capacities, sweeps }: Plan): readonly string[] {
  const say = (field: string, name: string, among: object): string =>
    `${field} is ${JSON.stringify(name)}: there are ${Object.keys(among).join(", ")}`;
  return [
    ...Object.entries(pairs).flatMap(([name, { workload: of, capacity: on }]) => [
      ...(of in workloads ? [] : [say(`pairs.${name}.workload`, of, workloads)]),
      ...(on in capacities ? [] : [say(`pairs.${name}.capacity`, on, capacities)]),
    ]),
    ...sweeps.flatMap(({ name, pair: of }) => (of in pairs ? [] : [say(`sweeps.${name}.pair`, of, pairs)])),
  ];
}
