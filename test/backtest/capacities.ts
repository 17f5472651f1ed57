// Capacity as the plan names it: the zones of a provider, when a spot machine could be had in each, and what it cost. Windows
// of them are what a scenario plays. 1 means that one could be had; nothing wraps around at a trace's end.

import type { TableRow } from "../../coordinator/replay/inputs/csv.ts";
import { regionOfZone } from "../../shared/model/zones.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { rowsIn } from "./folder.ts";
import type { CapacityPlan } from "./plan.ts";

export interface ZoneTrace {
  readonly id: string;
  readonly provider: "aws" | "gcp" | "azure";
  readonly region: string;
  readonly zone: string;
  readonly instanceType: string;
  readonly gpus: number;
  readonly most: number;
  /** When it was taken, ms since 1970; null: its source does not say. */
  readonly taken: number | null;
  readonly lengthMs: number;
  readonly steps: readonly { readonly atMs: number; readonly available: number }[];
  /** Spot; null: not known from then on. */
  readonly prices: readonly { readonly atMs: number; readonly usdPerHour: number | null }[] | null;
}

export interface LoadedCapacity {
  readonly zones: readonly ZoneTrace[];
  readonly depth: readonly ZoneTrace[];
  readonly lengthMs: number;
  /** What the folder lacked and was taken from elsewhere, in words. */
  readonly notes: readonly string[];
}

const TRACE_COLUMNS = [
  "trace_id",
  "provider",
  "zone",
  "instance_type",
  "start",
  "duration_s",
  "gpus_per_instance",
  "max_instances_probed",
] as const;
const HISTORY_COLUMNS = ["zone", "instance_type", "timestamp", "spot_usd_per_h"] as const;

/** Null: the folder has none of its traces. @throws AppError bad-input for a row that cannot be read. */
export function loadCapacity(folder: string, plan: CapacityPlan): LoadedCapacity | null {
  const traces = rowsIn(folder, "spot/capacity_traces.csv", TRACE_COLUMNS);
  const steps = rowsIn(folder, "spot/capacity_steps.csv", ["trace_id", "t_s", "available"]);
  if (traces === null || steps === null) return null;
  const byTrace = Map.groupBy(steps, (row) => row.text("trace_id"));
  const notes: string[] = [];
  const priced = pricesOf(folder, plan, notes);
  const read = (prefix: string, prices: Priced): readonly ZoneTrace[] =>
    traces
      .filter((row) => row.text("trace_id").startsWith(prefix))
      .map((row) => zoneOf(row, byTrace, prices));
  const zones = read(plan.traces, priced).filter(
    ({ instanceType }) => plan.instanceType === undefined || instanceType === plan.instanceType,
  );
  if (zones.length === 0) return null;
  const twice = zones.find(({ zone }, at) => zones.findIndex((other) => other.zone === zone) !== at);
  if (twice !== undefined)
    throw new AppError(
      "bad-input",
      `spot/capacity_traces.csv: ${plan.traces} names zone ${twice.zone} twice: name them more closely`,
    );
  const depth = plan.depthTraces === undefined ? [] : read(plan.depthTraces, () => null);
  return { zones, depth, lengthMs: Math.min(...zones.map(({ lengthMs }) => lengthMs)), notes };
}

function zoneOf(row: TableRow, steps: ReadonlyMap<string, readonly TableRow[]>, priced: Priced): ZoneTrace {
  const id = row.text("trace_id");
  const provider = row.text("provider");
  const zone = row.text("zone");
  if (provider !== "aws" && provider !== "gcp" && provider !== "azure")
    return row.refuse("provider", `${JSON.stringify(provider)} is none of aws, gcp, azure`);
  const taken = Date.parse(row.text("start"));
  const own = {
    id,
    zone,
    instanceType: row.text("instance_type"),
    taken: Number.isNaN(taken) ? null : taken,
  };
  return {
    ...own,
    provider,
    region:
      regionOfZone(provider, zone) ?? row.refuse("zone", `${JSON.stringify(zone)} is no zone of ${provider}`),
    gpus: row.atLeast("gpus_per_instance", 1),
    most: row.atLeast("max_instances_probed", 1),
    lengthMs: row.milliseconds("duration_s"),
    steps: (steps.get(id) ?? []).map((step) => ({
      atMs: step.milliseconds("t_s"),
      available: step.atLeast("available", 0),
    })),
    prices: priced(own),
  };
}

type Priced = (trace: Pick<ZoneTrace, "id" | "zone" | "instanceType" | "taken">) => ZoneTrace["prices"];

function pricesOf(folder: string, plan: CapacityPlan, notes: string[]): Priced {
  const own =
    plan.spotPrices === undefined
      ? null
      : rowsIn(folder, plan.spotPrices, ["trace_id", "t_s", "spot_usd_per_h"]);
  const history = plan.spotHistory === undefined ? null : rowsIn(folder, plan.spotHistory, HISTORY_COLUMNS);
  const byTrace = Map.groupBy(own ?? [], (row) => row.text("trace_id"));
  const byPlace = Map.groupBy(history ?? [], (row) => `${row.text("zone")} ${row.text("instance_type")}`);
  return ({ id, zone, instanceType, taken }) => {
    const rows = byTrace.get(id);
    if (rows !== undefined)
      return rows.map((row) => ({
        atMs: row.milliseconds("t_s"),
        usdPerHour: row.number("spot_usd_per_h"),
      }));
    const dated = byPlace.get(`${zone} ${instanceType}`);
    if (dated !== undefined && taken !== null)
      return dated
        .map((row) => {
          const at = Date.parse(row.text("timestamp"));
          if (Number.isNaN(at))
            row.refuse("timestamp", `${JSON.stringify(row.text("timestamp"))} is no instant`);
          return { atMs: at - taken, usdPerHour: row.atLeast("spot_usd_per_h", 0) };
        })
        .toSorted((a, b) => a.atMs - b.atMs);
    notes.push(`${id}: the folder has no spot price; the catalogue's list price holds throughout`);
    return null;
  };
}

/** What holds at `fromMs` and what changes until `toMs`, on a clock that begins at `fromMs`. */
export function windowOf<T extends { readonly atMs: number }>(
  steps: readonly T[],
  fromMs: number,
  toMs: number,
): readonly T[] {
  const first = steps.findLast(({ atMs }) => atMs <= fromMs);
  const inside = steps.filter(({ atMs }) => atMs > fromMs && atMs < toMs);
  return [...(first === undefined ? [] : [{ ...first, atMs: fromMs }]), ...inside].map((step) => ({
    ...step,
    atMs: step.atMs - fromMs,
  }));
}
