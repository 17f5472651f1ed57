// Makes the instance catalogue that decisions read (shared/model/instance-types.json) out of the table in
// deploy/catalogue/. It copies figures and says where each one comes from and when it was said; what the table does
// not say stays out, and a figure is never filled in from a similar machine.

import { gpuModelOf } from "../shared/model/gpu-models.ts";
import type { GpuModel } from "../shared/model/gpu-models.ts";
import type { Machine, MachineTable } from "../shared/model/instance-types.ts";
import type { CapacityType } from "../shared/model/node.ts";
import { parseResources } from "../shared/model/resources.ts";

const GIB = 2 ** 30;

/**
 * The table's own name of a source → how it is shown, and the day on which it said so. A source of the table that
 * does not stand here stops the generation: a price without a date is no price.
 */
const SOURCES: Readonly<Record<string, { readonly text: string; readonly at: string }>> = {
  "tsaol/aws-gpu 2026-01-21 (from instances.vantage.sh)": {
    text: "AWS list price (tsaol/aws-gpu from instances.vantage.sh)",
    at: "2026-01-21",
  },
  "karpenter-provider-gcp initial-prices.json 2026-08-03": {
    text: "GCP list price (karpenter-provider-gcp)",
    at: "2026-08-03",
  },
  "karpenter-provider-aws pricing 2026-07-20": {
    text: "AWS list price (karpenter-provider-aws)",
    at: "2026-07-20",
  },
  "karpenter-provider-azure zz_generated.pricing.go 2026-06-18": {
    text: "Azure list price (karpenter-provider-azure)",
    at: "2026-06-18",
  },
  "tsaol/aws-gpu 2026-01-21 (1y standard, no upfront)": {
    text: "AWS reserved, 1 year, nothing upfront (tsaol/aws-gpu from instances.vantage.sh)",
    at: "2026-01-21",
  },
  // The days of these four commits are those of the repository's dated snapshots.
  "google-cloud-pricing-cost-calculator 08440e7 (1y commitment, month/730)": {
    text: "GCP commitment of 1 year, its month as 730 h (google-cloud-pricing-cost-calculator)",
    at: "2026-07-22",
  },
  "google-cloud-pricing-cost-calculator f1586fd (1y commitment, month/730)": {
    text: "GCP commitment of 1 year, its month as 730 h (google-cloud-pricing-cost-calculator)",
    at: "2026-06-25",
  },
  "google-cloud-pricing-cost-calculator b3ac958 (1y commitment, month/730)": {
    text: "GCP commitment of 1 year, its month as 730 h (google-cloud-pricing-cost-calculator)",
    at: "2024-07-08",
  },
  "google-cloud-pricing-cost-calculator 91c4410 (1y commitment, month/730)": {
    text: "GCP commitment of 1 year, its month as 730 h (google-cloud-pricing-cost-calculator)",
    at: "2024-05-23",
  },
  "on_demand x (1 - savings%); Spot Advisor savings 2025-06-28": {
    text: "estimate: on-demand less the mean saving of the AWS Spot Advisor",
    at: "2025-06-28",
  },
  "karpenter-provider-gcp initial-prices.json 2026-08-03 (list spot price)": {
    text: "GCP spot list price (karpenter-provider-gcp)",
    at: "2026-08-03",
  },
};

/** Tier → the columns of its price and of the source. */
const PRICE_COLUMNS = [
  ["on-demand", "on_demand_usd_per_h", "on_demand_source"],
  ["reserved", "reserved_1y_usd_per_h", "reserved_source"],
  ["spot", "spot_usd_per_h", "spot_source"],
] as const;

type Prices = Partial<Record<CapacityType, readonly [number, number]>>;
type Row = Readonly<Record<string, string>>;

/** @throws Error naming the row, when the table says something that this does not understand. */
export function catalogueOf(table: string): MachineTable {
  const sources: { readonly text: string; readonly at: string }[] = [];
  const machines: Record<string, Record<string, Machine>> = {};
  const prices: Record<string, Record<string, Record<string, Prices>>> = {};
  const indexOf = (name: string): number => {
    const source = SOURCES[name];
    if (source === undefined)
      throw new Error(`the source ${JSON.stringify(name)} has no date; add it to SOURCES`);
    const known = sources.findIndex(({ text, at }) => text === source.text && at === source.at);
    return known >= 0 ? known : sources.push(source) - 1;
  };
  for (const row of rowsOf(table)) {
    const [provider, region, type] = [cell(row, "provider"), cell(row, "region"), cell(row, "instance_type")];
    const machine = machineOf(row);
    const before = (machines[provider] ??= {})[type];
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(machine))
      throw new Error(`${type} is two different machines in the table`);
    (machines[provider] ??= {})[type] = machine;
    for (const [tier, price, source] of PRICE_COLUMNS) {
      if (row[price] === "") continue;
      (((prices[provider] ??= {})[region] ??= {})[type] ??= {})[tier] = [
        amount(row, price),
        indexOf(cell(row, source)),
      ];
    }
  }
  return { sources, machines, prices };
}

/** As it lies on disk: a line for each machine and for its prices in a region, so that a change can be read. */
export function catalogueText({ sources, machines, prices }: MachineTable): string {
  const nested = (value: object, depth: number, indent: string): string => {
    if (depth === 0) return JSON.stringify(value);
    const parts = Object.entries(value).map(
      ([key, inner]) =>
        `${indent} ${JSON.stringify(key)}: ${nested(inner as object, depth - 1, `${indent} `)}`,
    );
    return `{\n${parts.join(",\n")}\n${indent}}`;
  };
  const listed = sources.map((source) => `  ${JSON.stringify(source)}`).join(",\n");
  return `{
 "sources": [\n${listed}\n ],
 "machines": ${nested(machines, 2, " ")},
 "prices": ${nested(prices, 3, " ")}
}\n`;
}

function machineOf(row: Row): Machine {
  const memory = row["gpu_memory_gib_each"] === "" ? null : amount(row, "gpu_memory_gib_each");
  const allocatable =
    row["allocatable_cpu"] === ""
      ? null
      : parseResources({ cpu: cell(row, "allocatable_cpu"), memory: cell(row, "allocatable_memory") });
  return {
    gpus: amount(row, "gpus"),
    gpuModel: modelOf(cell(row, "gpu"), memory),
    ...(memory === null ? {} : { gpuMemoryBytesEach: Math.round(memory * GIB) }),
    cpuMillis: amount(row, "vcpu") * 1000,
    memoryBytes: Math.round(amount(row, "memory_gib") * GIB),
    ...(allocatable === null
      ? {}
      : { allocatable: { cpuMillis: allocatable["cpu"] ?? 0, memoryBytes: allocatable["memory"] ?? 0 } }),
  };
}

/** With its memory where the model comes in several sizes; a size that is not known leaves the model at its name. */
function modelOf(gpu: string, memoryGib: number | null): GpuModel {
  const model = gpuModelOf(`${gpu}-${memoryGib}gb`) ?? gpuModelOf(gpu);
  if (model === null) throw new Error(`the GPU ${gpu} has no place in shared/model/gpu-models.ts`);
  return model;
}

function amount(row: Row, column: string): number {
  const value = Number(cell(row, column));
  if (!(value >= 0)) throw new Error(`${row["instance_type"]}: ${column} is ${row[column]}`);
  return value;
}

function cell(row: Row, column: string): string {
  const value = row[column];
  if (value === undefined || value === "") throw new Error(`${row["instance_type"]}: ${column} is missing`);
  return value;
}

/** Comma-separated values with quotes where a value holds a comma; no value holds a line break. */
function rowsOf(table: string): readonly Row[] {
  const [head = [], ...rows] = table
    .trim()
    .split(/\r?\n/)
    .map((line) =>
      [...line.matchAll(/(?:^|,)(?:"([^"]*)"|([^,]*))/g)].map(([, quoted, plain]) => quoted ?? plain ?? ""),
    );
  return rows.map((cells) => Object.fromEntries(head.map((name, index) => [name, cells[index] ?? ""])));
}
