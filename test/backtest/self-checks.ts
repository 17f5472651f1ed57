// Checks on what a back-test stands on: with moves that are free and cost no time, one slot has to give the spot share and the
// cost that others worked out from the same traces, and the demand of the workloads has to come out as known. Numbers that are
// expected belong to traces and stand in a file beside the plan, not here.

import { readFileSync } from "node:fs";

import * as z from "zod";

import { AppError } from "../../shared/runtime/errors.ts";
import { loadCapacity } from "./capacities.ts";
import type { ZoneTrace } from "./capacities.ts";
import { rowsIn } from "./folder.ts";
import { demandFigures } from "./workloads.ts";

const expectedShape = z.strictObject({
  onDemandUsd: z.number().positive(),
  unknownSpotUsd: z.number().positive(),
  spotPrices: z.string().optional(),
  spotHistory: z.string().optional(),
  /** `traces`: what their ids begin with; `spotShare` and `cost` (of on-demand) of one slot that may stand in any of them. */
  slots: z.array(
    z.strictObject({ what: z.string(), traces: z.string(), spotShare: z.number(), cost: z.number() }),
  ),
  /** GPUs if nothing waits. `milli`: column with thousandths of a GPU, where a pod has one. */
  demands: z.array(
    z.strictObject({
      what: z.string(),
      file: z.string(),
      columns: z.strictObject({
        arrival: z.string(),
        duration: z.string(),
        gpus: z.string(),
        milli: z.string().optional(),
      }),
      fromDay: z.number(),
      toDay: z.number().optional(),
      mean: z.number(),
      p95: z.number(),
      peak: z.number(),
    }),
  ),
});

export type Expected = z.infer<typeof expectedShape>;

export interface SelfCheck {
  readonly what: string;
  readonly figure: string;
  readonly expected: number;
  readonly found: number;
  readonly holds: boolean;
}

export function readExpected(path: string): Expected {
  return expectedShape.parse(JSON.parse(readFileSync(path, "utf8")));
}

/** Those whose files the folder has. @throws AppError bad-input for a row that cannot be read. */
export function selfChecks(folder: string, expected: Expected): readonly SelfCheck[] {
  const { spotPrices, spotHistory } = expected;
  const slots = expected.slots.flatMap(({ what, traces, spotShare, cost }): readonly SelfCheck[] => {
    const capacity = loadCapacity(folder, { traces, spotPrices, spotHistory });
    if (capacity === null) return [];
    const found = freeSlot(capacity.zones, expected);
    return [
      check(what, "spot share", spotShare, found.spotShare),
      check(what, "cost ÷ on-demand", cost, found.cost),
    ];
  });
  const demands = expected.demands.flatMap((one): readonly SelfCheck[] => {
    const found = demandOf(folder, one);
    if (found === null) return [];
    const { what, mean, p95, peak } = one;
    return [
      check(what, "mean GPUs", mean, found.mean),
      check(what, "p95 GPUs", p95, found.p95),
      check(what, "peak GPUs", peak, found.peak),
    ];
  });
  return [...slots, ...demands];
}

/** Right to the last digit that is expected, give or take one of it. */
function check(what: string, figure: string, expected: number, found: number): SelfCheck {
  const digits = String(expected).split(".")[1]?.length ?? 0;
  return { what, figure, expected, found, holds: Math.abs(found - expected) <= 1.05 * 10 ** -digits };
}

/** One machine that is on spot while any zone has one: it stays while its zone lasts, then goes to the cheapest that has. */
export function freeSlot(
  zones: readonly ZoneTrace[],
  { onDemandUsd, unknownSpotUsd }: Pick<Expected, "onDemandUsd" | "unknownSpotUsd">,
): { readonly spotShare: number; readonly cost: number } {
  const endMs = Math.min(...zones.map(({ lengthMs }) => lengthMs));
  const clocks = zones.flatMap(({ steps, prices }) => [...steps, ...(prices ?? [])].map(({ atMs }) => atMs));
  const times = [...new Set([0, ...clocks])]
    .filter((atMs) => atMs >= 0 && atMs < endMs)
    .toSorted((a, b) => a - b);
  const lanes = zones.map((zone) => ({
    zone,
    step: createReader(zone.steps),
    price: createReader(zone.prices ?? []),
  }));
  let at: ZoneTrace | null = null;
  let spotMs = 0;
  let usdMs = 0;
  for (const [index, time] of times.entries()) {
    const ms = (times[index + 1] ?? endMs) - time;
    const open = lanes.flatMap(({ zone, step, price }) => {
      const isOpen = (step(time)?.available ?? 0) > 0;
      const usd = price(time)?.usdPerHour ?? unknownSpotUsd;
      return isOpen ? [{ zone, usd }] : [];
    });
    const own = open.find(({ zone }) => zone === at) ?? open.toSorted((a, b) => a.usd - b.usd)[0];
    at = own?.zone ?? null;
    if (own !== undefined) spotMs += ms;
    usdMs += ms * (own?.usd ?? onDemandUsd);
  }
  return { spotShare: spotMs / endMs, cost: usdMs / endMs / onDemandUsd };
}

/** What holds at an instant; instants that are asked for only grow. */
function createReader<T extends { readonly atMs: number }>(
  steps: readonly T[],
): (atMs: number) => T | undefined {
  let at = -1;
  return (atMs) => {
    while ((steps[at + 1]?.atMs ?? Infinity) <= atMs) at += 1;
    return steps[at];
  };
}

function demandOf(folder: string, { file, columns, fromDay, toDay }: Expected["demands"][number]) {
  const rows = rowsIn(folder, file, namesOf(columns));
  if (rows === null) return null;
  const DAY_MS = 86_400_000;
  const fromMs = fromDay * DAY_MS;
  let endMs = toDay === undefined ? 0 : toDay * DAY_MS;
  const changes = rows.flatMap((row) => {
    const durationS = row.number(columns.duration);
    const gpus = row.atLeast(columns.gpus, 0);
    if (durationS === null || gpus === 0) return [];
    const milli = columns.milli === undefined || gpus !== 1 ? 1000 : row.atLeast(columns.milli, 0);
    const atMs = row.milliseconds(columns.arrival);
    if (toDay === undefined) endMs = Math.max(endMs, atMs);
    const by = (gpus * milli) / 1000;
    return [
      { atMs, by },
      { atMs: atMs + durationS * 1000, by: -by },
    ];
  });
  if (changes.length === 0) throw new AppError("bad-input", `${file}: has no job with GPUs and a run time`);
  const steps: { atMs: number; gpus: number }[] = [{ atMs: fromMs, gpus: 0 }];
  let gpus = 0;
  for (const { atMs, by } of changes.toSorted((a, b) => a.atMs - b.atMs)) {
    if (atMs >= endMs) break;
    gpus += by;
    const last = steps.at(-1);
    if (last !== undefined && (atMs <= fromMs || last.atMs === atMs)) last.gpus = gpus;
    else steps.push({ atMs, gpus });
  }
  return demandFigures(steps, endMs);
}

function namesOf(columns: Expected["demands"][number]["columns"]): readonly string[] {
  return Object.values(columns).filter((name) => name !== undefined);
}
