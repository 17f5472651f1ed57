import { describe, expect, test } from "vitest";
import * as z from "zod";

import { createMetrics, defineMetrics, metricsTable } from "../shared/runtime/metrics.ts";
import { defineSettings, settingsTable } from "../shared/runtime/settings.ts";
import { metricsPage, policyPage, reasonsOf, reasonsPage, settingsPage } from "./reference.ts";
import type { JsonSchema } from "./reference.ts";

const rowsOf = (page: string): readonly string[] => page.split("\n").filter((line) => line.startsWith("| `"));

describe("settingsPage()", () => {
  test("has a row for each setting of each program", () => {
    const table = defineSettings({
      logLevel: {
        env: "GPUAS_LOG_LEVEL",
        kind: "enum",
        values: ["info", "warn"],
        default: "info",
        sentence: "What is logged.",
      },
      node: { env: "NODE_NAME", kind: "string", sentence: "This node." },
    });
    const page = settingsPage([{ title: "Agent", rows: settingsTable(table) }]);
    expect(page).toContain("## Agent");
    expect(rowsOf(page)).toEqual([
      "| `--log-level` | `GPUAS_LOG_LEVEL` | `info` | one of info, warn | What is logged. |",
      "| `--node` | `NODE_NAME` | required | text | This node. |",
    ]);
  });
});

describe("metricsPage()", () => {
  test("tells what each label means", () => {
    const table = defineMetrics({
      a_total: { type: "counter", help: "All | of them.", labels: { pool: "the pool", reason: "why" } },
    });
    expect(createMetrics(table)).toBeDefined();
    expect(rowsOf(metricsPage([{ title: "Agent", rows: metricsTable(table) }]))).toEqual([
      "| `a_total` | counter | `pool` the pool<br>`reason` why | All \\| of them. |",
    ]);
  });
});

describe("metricsPage() of many", () => {
  test("says once what every series of a section carries, and what is not served", () => {
    const labels = { node: "Its node" };
    const page = metricsPage(
      [
        {
          title: "GPUs",
          note: "In base units.",
          rows: [
            { name: "a", type: "gauge", help: "A.", labels },
            { name: "b", type: "gauge", help: "B.", labels: { ...labels, reason: "why" } },
          ],
        },
      ],
      [{ name: "c", why: "no call has it" }],
    );
    expect(page).toContain("## GPUs\n\nIn base units.\n\nOn every series: `node` Its node.\n\n| Name |");
    expect(rowsOf(page)).toEqual([
      "| `a` | gauge |  | A. |",
      "| `b` | gauge | `reason` why | B. |",
      "| `c` | no call has it |",
    ]);
  });
});

const SOURCE = `
export type Reason =
  // Why a pool grows.
  | { readonly code: "pending-pods"; readonly pods: number; readonly oldestMs: Millis }
  | {
      readonly code: "interruption";
      readonly node: string;
      readonly pods: readonly string[];
    }
  // Why a pool holds.
  | { readonly code: "nothing-to-do" };

export type Other = { readonly code: "not-a-reason" };
`;

describe("reasonsOf()", () => {
  test("reads codes, fields and groups from the union", () => {
    expect(reasonsOf(SOURCE)).toEqual([
      { group: "Why a pool grows", code: "pending-pods", fields: { pods: "number", oldestMs: "Millis" } },
      {
        group: "Why a pool grows",
        code: "interruption",
        fields: { node: "string", pods: "readonly string[]" },
      },
      { group: "Why a pool holds", code: "nothing-to-do", fields: {} },
    ]);
  });

  test("fails when the union is not there", () => {
    expect(() => reasonsOf("export type Because = string;\n\n")).toThrow("declares no");
  });
});

describe("reasonsPage()", () => {
  test("keeps the groups apart", () => {
    const page = reasonsPage([
      {
        group: "Why a pool grows",
        code: "pending-pods",
        severity: "action",
        fields: ["pods"],
        example: "3 pods wait.",
        answers: ["A05", "B03"],
      },
      {
        group: "Why a pool holds",
        code: "nothing-to-do",
        severity: "normal",
        fields: [],
        example: "Nothing to do.",
        answers: [],
      },
    ]);
    expect(page.indexOf("## Why a pool grows")).toBeLessThan(page.indexOf("## Why a pool holds"));
    expect(rowsOf(page)).toEqual([
      "| `pending-pods` | action | `pods` | 3 pods wait. | A05, B03 |",
      "| `nothing-to-do` | normal |  | Nothing to do. |  |",
    ]);
  });
});

describe("policyPage()", () => {
  test("has a row for each field at any depth, with its default and bounds", () => {
    const spec = z.object({
      mode: z.enum(["Act", "Recommend"]).default("Act").meta({ description: "what it may do" }),
      maxNodes: z.int32().min(1).default(100),
      provider: z.string(),
      pools: z.array(z.object({ share: z.number().min(0).max(1).optional() })).default([]),
      limits: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    });
    // zod's type for a schema is wider than what it writes.
    const schema = z.toJSONSchema(spec, { io: "input" }) as JsonSchema;
    expect(rowsOf(policyPage(schema))).toEqual([
      '| `mode` | `Act`, `Recommend` | `"Act"` | what it may do |',
      "| `maxNodes` | integer ≥ 1 | `100` |  |",
      "| `provider` | string | required |  |",
      "| `pools` | list of object | `[]` |  |",
      "| `pools[].share` | number ≥ 0 ≤ 1 |  |  |",
      "| `limits` | map to string or number |  |  |",
    ]);
  });
});
