// What could be had and what it cost, from CSV: steps of capacity, and prices with dates. Both lie on one clock of the market,
// which may be laid beside the workload at any offset. A price that nobody knows is not made up: a list that begins too late
// or ends too early for what is played is refused by whoever cuts the window out.

import { CAPACITY_TYPES } from "../../../shared/model/node.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { StockTrace } from "../scenario.ts";
import { readTable } from "./csv.ts";
import type { TableRow } from "./csv.ts";

/** One trace of a file, before it is known which machines it is of. */
export interface CapacityRead {
  readonly file: string;
  readonly id: string;
  readonly firstLine: number;
  /** What the file itself says; null: the scenario, or the name of a pool, has to. */
  readonly place: StockPlace | null;
  readonly steps: readonly { readonly atMs: number; readonly available: number }[];
}

export type StockPlace = Pick<StockTrace, "instanceType" | "zone" | "tier">;

/** @throws AppError bad-input with file, line, field and way out. */
export function readCapacity(text: string, file: string): readonly CapacityRead[] {
  const table = readTable(text, file, ["t_s", "available"], [["trace_id", "instance_type"]]);
  const saysPlace = table.columns.includes("instance_type");
  if (saysPlace) readTable(text, file, ["instance_type", "zone", "tier"]);
  const groups = Map.groupBy(table.rows, (row) => {
    const named = row.text("trace_id");
    if (!saysPlace) return named === "" ? row.refuse("trace_id", "is empty; name the trace") : named;
    return `${named} ${row.text("instance_type")} ${row.text("zone")} ${row.text("tier")}`.trim();
  });
  return [...groups].map(([id, rows]) => {
    let before = -1;
    const steps = rows.map((row) => {
      const atMs = row.milliseconds("t_s");
      if (atMs <= before)
        row.refuse(
          "t_s",
          `${atMs / 1000} of ${id} overlaps the row before it; sort the rows and remove doubles`,
        );
      before = atMs;
      const available = row.atLeast("available", 0);
      if (!Number.isInteger(available))
        row.refuse("available", `${available} is no whole number of machines`);
      return { atMs, available };
    });
    const [first] = rows;
    const firstLine = first?.line ?? table.line;
    if (first !== undefined && steps[0]?.atMs !== 0)
      first.refuse(
        "t_s",
        `${id} begins at ${first.text("t_s")} s; say in a row at 0 what could be had before`,
      );
    const place = first === undefined || !saysPlace ? null : placeOf(first);
    return { file, id, firstLine, place, steps };
  });
}

function placeOf(row: TableRow): StockPlace {
  for (const column of ["instance_type", "zone"])
    if (row.text(column) === "") row.refuse(column, "is empty; say which machines the step is of");
  return { instanceType: row.text("instance_type"), zone: row.text("zone"), tier: tierOf(row) };
}

export interface MarketPrice {
  /** On the market's clock; before its start where the list begins earlier. */
  readonly atMs: number;
  /** Null where the list has no such column: the pools' own then. */
  readonly provider: string | null;
  readonly region: string;
  readonly zone?: string;
  readonly instanceType: string;
  readonly tier: CapacityType;
  /** Null: from then on nobody knows it. */
  readonly usdPerHour: number | null;
  readonly file: string;
  readonly line: number;
}

const PRICE_COLUMNS = ["region", "instance_type", "tier", "usd_per_hour"] as const;

/** `start`: wall clock of the market's instant 0, for lists with dates. @throws AppError bad-input. */
export function readPrices(text: string, file: string, start: EpochMs): readonly MarketPrice[] {
  const table = readTable(text, file, PRICE_COLUMNS, [["t_s", "from"]]);
  const clock = table.columns.includes("t_s") ? "t_s" : "from";
  const last = new Map<string, number>();
  const prices = table.rows.map((row): MarketPrice => {
    for (const column of ["region", "instance_type"])
      if (row.text(column) === "") row.refuse(column, "is empty; say what the price is of");
    const tier = tierOf(row);
    const zone = row.text("zone");
    const region = row.text("region");
    const instanceType = row.text("instance_type");
    const provider = row.text("provider");
    const atMs = clock === "t_s" ? row.milliseconds("t_s") : row.instant("from") - start;
    const key = [provider, region, zone, instanceType, tier].join(" ");
    const before = last.get(key);
    if (before !== undefined && atMs <= before)
      row.refuse(
        clock,
        `${row.text(clock)} of ${key.trim()} overlaps the row before it; sort, remove doubles`,
      );
    last.set(key, atMs);
    const usdPerHour = row.text("usd_per_hour") === "" ? null : row.atLeast("usd_per_hour", 0);
    return {
      atMs,
      provider: provider === "" ? null : provider,
      region,
      instanceType,
      tier,
      usdPerHour,
      file,
      ...(zone === "" ? {} : { zone }),
      line: row.line,
    };
  });
  return prices.toSorted((one, other) => one.atMs - other.atMs);
}

function tierOf(row: TableRow): CapacityType {
  const written = row.text("tier");
  return (
    CAPACITY_TYPES.find((tier) => tier === written) ??
    row.refuse("tier", `${JSON.stringify(written)} is none of ${CAPACITY_TYPES.join(", ")}`)
  );
}

/** @throws AppError bad-input for a trace that no place belongs to. */
export function unplaced(trace: CapacityRead, known: readonly string[]): never {
  throw new AppError(
    "bad-input",
    `${trace.file}, line ${trace.firstLine}, trace_id: nobody says which machines ${trace.id} is of; name it after a pool (${known.join(", ")}), add columns instance_type, zone and tier, or list it under capacity in the scenario`,
  );
}
