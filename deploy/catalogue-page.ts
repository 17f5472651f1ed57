// The instance catalogue as a page for people: each machine in each region with its prices, and of each price who
// said so and when. It is made from the same table as the file that decisions read.

import type { Machine, MachineTable } from "../shared/model/instance-types.ts";
import { CAPACITY_TYPES } from "../shared/model/node.ts";
import { code, page } from "./reference.ts";
import type { Table } from "./reference.ts";

const GIB = 2 ** 30;

const HEAD = [
  "Type",
  "GPUs",
  "Memory of each",
  "CPUs",
  "Memory",
  "Left for pods",
  "Region",
  ...CAPACITY_TYPES.map((tier) => `${tier[0]?.toUpperCase()}${tier.slice(1)}`),
];

export function instancesPage(catalogue: MachineTable): string {
  const providers = Object.keys(catalogue.machines).map((provider): Table => ({
    title: provider,
    head: HEAD,
    rows: rowsOf(catalogue, provider),
  }));
  return page(
    "Instance types",
    "What the catalogue knows of machines, and what an hour of each costs in US dollars. The number behind a price is its source. What is empty is not known, and a node of unknown price is shown as such. Decisions learn from real nodes before they ask here, and a price in the policy comes before these.",
    [
      ...providers,
      {
        title: "Sources of prices",
        head: ["Number", "Source", "Day"],
        rows: catalogue.sources.map(({ text, at }, index) => [String(index + 1), text, at]),
      },
    ],
  );
}

function rowsOf({ machines, prices }: MachineTable, provider: string): Table["rows"] {
  return Object.entries(machines[provider] ?? {}).flatMap(([type, machine]) => {
    const regions = Object.entries(prices[provider] ?? {}).filter(([, types]) => types[type] !== undefined);
    return regions.map(([region, types]) => [
      ...machineCells(type, machine),
      region,
      ...CAPACITY_TYPES.map((tier) => {
        const price = types[type]?.[tier];
        return price === undefined ? "" : `${price[0]} (${price[1] + 1})`;
      }),
    ]);
  });
}

function machineCells(type: string, machine: Machine): readonly string[] {
  const { gpus, gpuModel, gpuMemoryBytesEach, cpuMillis, memoryBytes, allocatable } = machine;
  return [
    code(type),
    `${gpus} × ${gpuModel}`,
    gpuMemoryBytesEach === undefined ? "" : gib(gpuMemoryBytesEach),
    String(cpuMillis / 1000),
    gib(memoryBytes),
    allocatable === undefined ? "" : `${allocatable.cpuMillis}m, ${gib(allocatable.memoryBytes)}`,
  ];
}

function gib(bytes: number): string {
  return `${Number((bytes / GIB).toFixed(2))} GiB`;
}
