import { describe, expect, test } from "vitest";

import { instancesPage } from "./catalogue-page.ts";
import { catalogueOf, catalogueText } from "./catalogue.ts";

const HEAD =
  "provider,region,instance_type,gpu,gpus,gpu_memory_gib_each,vcpu,memory_gib,allocatable_cpu,allocatable_memory,on_demand_usd_per_h,on_demand_source,reserved_1y_usd_per_h,reserved_source,spot_usd_per_h,spot_source";
const AWS =
  'aws,us-east-1,g4dn.xlarge,T4,1,16.0,4,16.0,3920m,14481Mi,0.526,karpenter-provider-aws pricing 2026-07-20,0.331,"tsaol/aws-gpu 2026-01-21 (1y standard, no upfront)",,';
const AZURE =
  "azure,eastus,Standard_ND96isr_H100_v5,H100,8,,96,1900,,,98.32,karpenter-provider-azure zz_generated.pricing.go 2026-06-18,,,,";
const table = (...rows: readonly string[]) => [HEAD, ...rows, ""].join("\n");

describe("catalogueOf()", () => {
  test("copies figures, each price with its source and day", () => {
    const catalogue = catalogueOf(table(AWS));
    expect(catalogue.machines).toEqual({
      aws: {
        "g4dn.xlarge": {
          gpus: 1,
          gpuModel: "T4",
          gpuMemoryBytesEach: 16 * 2 ** 30,
          cpuMillis: 4000,
          memoryBytes: 16 * 2 ** 30,
          allocatable: { cpuMillis: 3920, memoryBytes: 14481 * 2 ** 20 },
        },
      },
    });
    expect(catalogue.prices["aws"]?.["us-east-1"]?.["g4dn.xlarge"]).toEqual({
      "on-demand": [0.526, 0],
      reserved: [0.331, 1],
    });
    expect(catalogue.sources.map(({ at }) => at)).toEqual(["2026-07-20", "2026-01-21"]);
  });

  test("leaves out what the table does not say", () => {
    const machine = catalogueOf(table(AZURE)).machines["azure"]?.["Standard_ND96isr_H100_v5"];
    expect(machine).toEqual({ gpus: 8, gpuModel: "H100", cpuMillis: 96_000, memoryBytes: 1900 * 2 ** 30 });
  });

  test.each([
    ["a source without a day", AWS.replace("karpenter-provider-aws pricing", "hearsay"), "has no date"],
    ["a GPU without a name", AWS.replace(",T4,", ",X9000,"), "has no place in shared/model/gpu-models.ts"],
    ["a figure that is none", AWS.replace(",0.526,", ",cheap,"), "on_demand_usd_per_h is cheap"],
    ["a machine without memory", AWS.replace("4,16.0,", "4,,"), "memory_gib is missing"],
    ["a price without a source", AWS.replace("karpenter-provider-aws pricing 2026-07-20", ""), "is missing"],
  ])("stops at %s", (_, row, message) => {
    expect(() => catalogueOf(table(row))).toThrow(message);
  });

  test("stops where one name is two machines", () => {
    const other = AWS.replace("us-east-1", "us-east-2").replace("xlarge,T4,1", "xlarge,T4,2");
    expect(() => catalogueOf(table(AWS, other))).toThrow("g4dn.xlarge is two different machines");
  });
});

test("catalogueText() is the catalogue, a line for each machine", () => {
  const catalogue = catalogueOf(table(AWS, AZURE));
  const text = catalogueText(catalogue);
  expect(JSON.parse(text)).toEqual(catalogue);
  expect(text.split("\n").filter((line) => line.includes("gpuModel"))).toHaveLength(2);
});

test("instancesPage() has a row for each machine and region, and who said each price", () => {
  const text = instancesPage(catalogueOf(table(AWS, AZURE)));
  expect(text).toContain(
    "| `g4dn.xlarge` | 1 × T4 | 16 GiB | 4 | 16 GiB | 3920m, 14.14 GiB | us-east-1 |  | 0.526 (1) | 0.331 (2) |",
  );
  expect(text).toContain(
    "| `Standard_ND96isr_H100_v5` | 8 × H100 |  | 96 | 1900 GiB |  | eastus |  | 98.32 (3) |  |",
  );
  expect(text).toContain("| 3 | Azure list price (karpenter-provider-azure) | 2026-06-18 |");
});
