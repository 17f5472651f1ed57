// The past of series from a CSV file, for a forecast that need not begin with nothing: one row a bin, GPUs that were wanted
// from `at` on for five minutes. Every row that cannot be used is named with its line and field; rows are averaged over
// bins, so that a file with other steps works as well.

import { gpuModelOf } from "../../shared/model/gpu-models.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { DemandBin } from "./bin.ts";
import { FEED_BIN_MS } from "./open-bin.ts";

export interface PastSeries {
  readonly policy: string;
  /** Null: the one kind that the policy has. */
  readonly gpuType: string | null;
  /** Oldest first. */
  readonly bins: readonly DemandBin[];
}

export interface ReadHistory {
  readonly series: readonly PastSeries[];
  /** Line, field and value of rows that were left out. */
  readonly problems: readonly string[];
}

const COLUMNS = ["policy", "gpu_type", "at", "gpus"] as const;
const NEEDED = ["policy", "at", "gpus"] as const;

/** A header, then rows of policy, gpu_type (may be left out or empty), at (RFC 3339) and gpus. Order does not matter. */
export function readHistory(text: string): ReadHistory {
  const lines = text.split(/\r?\n/);
  const header = (lines[0] ?? "").split(",").map((name) => name.trim());
  const missing = NEEDED.filter((name) => !header.includes(name));
  const strange = header.filter((name) => !(COLUMNS as readonly string[]).includes(name));
  if (missing.length > 0 || strange.length > 0)
    return {
      series: [],
      problems: [
        `line 1: the columns are ${NEEDED.join(", ")} and, if there are several kinds of GPU, gpu_type; got ${header.join(", ")}`,
      ],
    };
  const problems: string[] = [];
  const sums = new Map<string, Map<number, { sum: number; count: number }>>();
  for (const [index, line] of lines.entries()) {
    if (index === 0 || line.trim() === "") continue;
    const cells = line.split(",").map((cell) => cell.trim());
    const cell = (name: (typeof COLUMNS)[number]): string => cells[header.indexOf(name)] ?? "";
    const at = parseInstant(cell("at"));
    const gpus = cell("gpus") === "" ? Number.NaN : Number(cell("gpus"));
    const problem =
      cells.length !== header.length
        ? `${cells.length} fields where the header has ${header.length}`
        : cell("policy") === ""
          ? "policy is empty"
          : at === null
            ? `at: ${JSON.stringify(cell("at"))} is no instant such as 2026-11-27T08:30:00Z`
            : !(gpus >= 0 && gpus < Infinity)
              ? `gpus: ${JSON.stringify(cell("gpus"))} is no number of at least 0; leave out rows of which nothing is known`
              : null;
    if (problem !== null || at === null) {
      problems.push(`line ${index + 1}: ${problem ?? "at"}`);
      continue;
    }
    const type = cell("gpu_type");
    const key = JSON.stringify([cell("policy"), type === "" ? null : (gpuModelOf(type) ?? type)]);
    const bins = sums.get(key) ?? new Map<number, { sum: number; count: number }>();
    sums.set(key, bins);
    const bin = Math.floor(at / FEED_BIN_MS);
    const known = bins.get(bin) ?? { sum: 0, count: 0 };
    bins.set(bin, { sum: known.sum + gpus, count: known.count + 1 });
  }
  return {
    series: [...sums].map(([key, bins]): PastSeries => {
      const [policy, gpuType] = JSON.parse(key) as [string, string | null];
      return {
        policy,
        gpuType,
        bins: [...bins]
          .toSorted(([a], [b]) => a - b)
          .map(([bin, { sum, count }]) => ({ at: epochMs(bin * FEED_BIN_MS), gpus: sum / count })),
      };
    }),
    problems,
  };
}
