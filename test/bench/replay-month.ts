// A month for the bench of replays: the densest thirty days of a folder's job list on machines of one GPU, with spot in up
// to five zones whose capacity was recorded together, and on-demand. What a folder lacks is drawn from a seed, of the same
// size: some 36 GPUs in use, 170 pods a day. What it is made of is said in words.

import { existsSync, readFileSync } from "node:fs";

import type { PricePoint } from "../../coordinator/decide/snapshot.ts";
import { readJobs } from "../../coordinator/replay/inputs/jobs.ts";
import { readCapacity } from "../../coordinator/replay/inputs/market.ts";
import type { JobModel, PoolModel, Scenario, StockTrace } from "../../coordinator/replay/scenario.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { aPool, aPrice, aSpec, HOUR_MS, MINUTE_MS, START } from "../build/scenario.ts";

const DAY_MS = 24 * HOUR_MS;
export const DAYS = 30;
const LENGTH_MS = DAYS * DAY_MS;
const MOST_ZONES = 5;
const TYPE = "p3.2xlarge";
const SEED = 11;
const ON_DEMAND_USD = 3.06;

export interface Month {
  readonly scenario: Scenario;
  readonly madeOf: readonly string[];
}

/** `folder`: absent, all is drawn. */
export function monthOf(folder: string | undefined): Month {
  const random = seededRandom(SEED);
  const recorded = folder === undefined ? null : recordedJobs(`${folder}/jobs/openb_pods.csv`);
  const jobs = recorded ?? drawnJobs(random);
  const market = (folder === undefined ? null : recordedMarket(`${folder}/spot`)) ?? drawnMarket(random);
  const zones = market.stocks.map(({ zone }) => zone);
  const pools: readonly PoolModel[] = [
    ...zones.map((zone) => aPool("spot", zone, { max: 200 })),
    aPool("on-demand", zones[0] ?? "us-east-1a", { max: 200 }),
  ];
  const onDemand = zones.map((zone) => aPrice("on-demand", zone, ON_DEMAND_USD));
  return {
    madeOf: [
      `${jobs.length} jobs, ${recorded === null ? "drawn" : "recorded"}`,
      `${zones.length} spot zones, ${market.recorded ? "recorded" : "drawn"}`,
    ],
    scenario: {
      name: "a month",
      seed: SEED,
      start: START,
      warmInMs: millis(DAY_MS),
      lengthMs: millis(LENGTH_MS),
      drainMs: millis(0),
      policies: [{ name: "gpu", spec: aSpec(pools, { spotInstancePercentage: 0.95, maxNodes: 400 }) }],
      pools,
      work: { jobs, services: [] },
      stocks: market.stocks,
      prices: [...onDemand, ...market.prices].toSorted((one, other) => one.at - other.at),
      times: {
        nodeReadyMs: millis(240_000),
        jobStartMs: millis(0),
        serviceStartMs: millis(0),
        noticeMs: millis(120_000),
        handlesNotices: true,
        checkpointEveryMs: millis(30 * MINUTE_MS),
        checkpointTakesMs: millis(60_000),
        restartMs: millis(180_000),
        launchRetryMs: millis(300_000),
      },
    },
  };
}

/** The densest days, with what runs when they begin. Null: the folder has no such list. */
function recordedJobs(file: string): readonly JobModel[] | null {
  if (!existsSync(file)) return null;
  const rows = readJobs(readFileSync(file, "utf8"), file).jobs.filter(({ gpus }) => gpus > 0);
  const busyGpuMs = (from: number): number =>
    rows.reduce((sum, row) => sum + row.gpus * overlapMs(row, from, from + LENGTH_MS), 0);
  const last = Math.max(...rows.map(({ arrivalMs }) => arrivalMs));
  const starts = Array.from(
    { length: Math.max(1, Math.floor((last - LENGTH_MS) / (5 * DAY_MS))) },
    (_, at) => at * 5 * DAY_MS,
  );
  const from = starts.toSorted((one, other) => busyGpuMs(other) - busyGpuMs(one))[0] ?? 0;
  return rows.flatMap((row) => {
    const { id, arrivalMs, durationMs, gpus } = row;
    const leftMs = arrivalMs < from ? arrivalMs + durationMs - from : durationMs;
    if (leftMs <= 0 || arrivalMs >= from + LENGTH_MS) return [];
    return [{ id, arrivalMs: Math.max(0, arrivalMs - from), durationMs: leftMs, gpus }];
  });
}

function overlapMs({ arrivalMs, durationMs }: JobModel, from: number, to: number): number {
  return Math.max(0, Math.min(arrivalMs + durationMs, to) - Math.max(arrivalMs, from));
}

interface Market {
  readonly stocks: readonly StockTrace[];
  readonly prices: readonly PricePoint[];
  readonly recorded: boolean;
}

/** Zones of one type that were probed together, one machine each: as many as there are, up to five. */
function recordedMarket(folder: string): Market | null {
  const [index, steps] = [`${folder}/capacity_traces.csv`, `${folder}/capacity_steps.csv`];
  if (!existsSync(index) || !existsSync(steps)) return null;
  const traces = lines(index)
    .map((row) => ({
      id: row["trace_id"] ?? "",
      zone: row["zone"] ?? "",
      together: [row["instance_type"], row["start"], row["kind"], row["max_instances_probed"]].join(),
      lengthMs: Number(row["duration_s"]) * 1000,
      isZone: row["kind"] === "availability" && row["provider"] === "aws",
    }))
    .filter(({ isZone, lengthMs }) => isZone && lengthMs >= LENGTH_MS);
  const [most = []] = [...Map.groupBy(traces, ({ together }) => together).values()].toSorted(
    (one, other) => other.length - one.length,
  );
  if (most.length === 0) return null;
  const chosen = most.slice(0, MOST_ZONES);
  const capacity = readCapacity(readFileSync(steps, "utf8"), steps);
  const stocks = chosen.map(({ id, zone }): StockTrace => ({
    instanceType: TYPE,
    zone,
    tier: "spot",
    // Any number while one could be had.
    steps: (capacity.find((read) => read.id === id)?.steps ?? [])
      .filter(({ atMs }) => atMs < LENGTH_MS)
      .map(({ atMs, available }) => ({ atMs, available: available === 0 ? 0 : null })),
  }));
  const file = `${folder}/skypilot_2023-02_spot_prices.csv`;
  const priced = existsSync(file) ? lines(file) : [];
  const prices = chosen.flatMap(({ id, zone }, at) => {
    const own = priced.filter((row) => row["trace_id"] === id && row["spot_usd_per_h"] !== "");
    const first = own[0]?.["spot_usd_per_h"];
    return [
      aPrice("spot", zone, Number(first ?? 0.92 + at / 100)),
      ...own.map((row) => aPrice("spot", zone, Number(row["spot_usd_per_h"]), Number(row["t_s"]) * 1000)),
    ].filter((point) => point.at < START + LENGTH_MS);
  });
  return { stocks, prices, recorded: true };
}

function lines(file: string): readonly Readonly<Record<string, string>>[] {
  const [head = "", ...rows] = readFileSync(file, "utf8").trim().split(/\r?\n/);
  const names = head.split(",");
  return rows.map((row) => {
    const cells = row.split(",");
    return Object.fromEntries(names.map((name, at) => [name, cells[at] ?? ""]));
  });
}

function drawnJobs(random: () => number): readonly JobModel[] {
  const jobs: JobModel[] = [];
  for (let at = 0; at < LENGTH_MS; at += exponential(random, DAY_MS / 170)) {
    // Most are short and some take days; the mean is five hours.
    const spread = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const durationMs = Math.min(3 * DAY_MS, 2.45 * HOUR_MS * Math.exp(1.2 * spread));
    jobs.push({
      id: `j${jobs.length}`,
      arrivalMs: Math.round(at),
      durationMs: Math.round(durationMs),
      gpus: 1,
    });
  }
  return jobs;
}

function drawnMarket(random: () => number): Market {
  const shares = [0.17, 0.47, 0.76, 0.88, 0.9];
  const zones = ["us-east-1a", "us-east-1c", "us-east-2a", "us-west-2a", "us-west-2b"];
  const stocks = zones.map((zone, index): StockTrace => {
    const share = shares[index] ?? 0.5;
    let isThere = random() < share;
    const steps: { atMs: number; available: number | null }[] = [];
    for (let atMs = 0; atMs < LENGTH_MS; isThere = !isThere) {
      steps.push({ atMs: Math.round(atMs), available: isThere ? null : 0 });
      atMs += 195_000 + exponential(random, 8 * HOUR_MS * (isThere ? share : 1 - share));
    }
    return { instanceType: TYPE, zone, tier: "spot", steps };
  });
  const prices = zones.flatMap((zone) =>
    Array.from({ length: LENGTH_MS / (6 * HOUR_MS) }, (_, at) =>
      aPrice("spot", zone, Math.round((0.92 + 0.3 * random()) * 1e4) / 1e4, at * 6 * HOUR_MS),
    ),
  );
  return { stocks, prices, recorded: false };
}

function exponential(random: () => number, mean: number): number {
  return -Math.log(1 - random()) * mean;
}
