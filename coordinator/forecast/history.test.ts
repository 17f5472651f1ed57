import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { readHistory } from "./history.ts";

const AT = Date.UTC(2026, 0, 5, 8);

describe("readHistory()", () => {
  test("reads rows in any order, means over bins, and kinds of GPU by their names", () => {
    const { series, problems } = readHistory(
      [
        "policy,gpu_type,at,gpus",
        "gpu,nvidia-tesla-t4,2026-01-05T08:05:00Z,4",
        "gpu,T4,2026-01-05T08:00:00Z,1",
        "gpu,T4,2026-01-05T08:01:00Z,3",
        "web,,2026-01-05T09:00:00+01:00,0",
        "",
      ].join("\n"),
    );
    expect(problems).toEqual([]);
    expect(series).toEqual([
      {
        policy: "gpu",
        gpuType: "T4",
        bins: [
          { at: epochMs(AT), gpus: 2 },
          { at: epochMs(AT + 300_000), gpus: 4 },
        ],
      },
      { policy: "web", gpuType: null, bins: [{ at: epochMs(AT), gpus: 0 }] },
    ]);
  });

  test.each([
    ["a row without a policy", ",2026-01-05T08:00:00Z,1", "line 2: policy is empty"],
    ["a time that is none", "gpu,yesterday,1", 'line 2: at: "yesterday" is no instant such as'],
    ["NaN", "gpu,2026-01-05T08:00:00Z,NaN", 'line 2: gpus: "NaN" is no number of at least 0'],
    ["nothing", "gpu,2026-01-05T08:00:00Z,", 'line 2: gpus: "" is no number of at least 0'],
    ["less than nothing", "gpu,2026-01-05T08:00:00Z,-1", 'line 2: gpus: "-1" is no number'],
    ["a field too many", "gpu,2026-01-05T08:00:00Z,1,2", "line 2: 4 fields where the header has 3"],
  ])("names the line and the field of %s, and goes on", (_what, row, problem) => {
    const { series, problems } = readHistory(`policy,at,gpus\n${row}\ngpu,2026-01-05T08:05:00Z,1`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(problem);
    expect(series).toHaveLength(1);
  });

  test.each(["policy,at", "policy,time,gpus", ""])("says which columns there are instead of %j", (header) => {
    expect(readHistory(`${header}\nx`).problems[0]).toContain("line 1: the columns are policy, at, gpus");
  });
});
