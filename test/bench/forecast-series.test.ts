import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { readSeries } from "./forecast-series.ts";

let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "series-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

function read(csv: string, plan: object) {
  writeFileSync(join(folder, "a.csv"), csv);
  writeFileSync(join(folder, "plan.json"), JSON.stringify({ series: [{ file: "a.csv", ...plan }] }));
  return readSeries(folder, join(folder, "plan.json"));
}

const DAY = 86_400;

describe("readSeries", () => {
  test("holds a row until the next one, means the time within a bin, and adds columns up", () => {
    const { series } = read(`t,vc,run,wait\n0,x,4,0\n150,x,4,2\n${11 * DAY},x,0,0\n`, {
      time: "t",
      by: "vc",
      values: ["run+wait"],
    });
    expect(series).toHaveLength(1);
    expect(series[0]).toMatchObject({ name: "a x run+wait", binMinutes: 5, firstIndex: 0 });
    expect(series[0]?.bins.slice(0, 3)).toEqual([5, 6, 6]);
  });

  test("leaves a hole of a sampled series not known, and a 0 that stands for one", () => {
    const { series } = read(`t,v\n0,1\n600,0\n1800,3\n${11 * DAY},3\n`, {
      time: "t",
      values: ["v"],
      stepS: 600,
      zeroIsGap: true,
    });
    expect(series[0]?.bins.slice(0, 5)).toEqual([1, null, null, 3, null]);
  });

  test("names what it leaves out", () => {
    writeFileSync(
      join(folder, "plan.json"),
      JSON.stringify({
        series: [
          { file: "none.csv", time: "t", values: ["v"] },
          { file: "a.csv", time: "t", values: ["v"], stepS: 300 },
          { file: "b.csv", time: "t", values: ["v"], stepS: 300 },
        ],
      }),
    );
    writeFileSync(join(folder, "a.csv"), "t,v\n0,1\n300,2\n");
    writeFileSync(join(folder, "b.csv"), `t,v\n0,1\n${11 * DAY},2\n`);
    expect(readSeries(folder, join(folder, "plan.json")).dropped).toEqual([
      `none.csv: is not in ${folder}`,
      "a v: 0.0 days are too few for a week and something to judge",
    ]);
  });

  test.each([
    ["t,v\n0,1\nx,2\n", /a\.csv, line 3, t: "x" is no time/],
    ["t,v\n0,1\n300,NaN\n", /a\.csv, line 3, v: "NaN" is not a number of at least 0/],
    ["t,v\n0,1\n300,-2\n", /a\.csv, line 3, v: "-2" is not a number/],
    ["t,v\n300,1\n0,2\n", /a\.csv, line 3, t: goes back in time, from 300 s to 0 s/],
    ["t,w\n0,1\n", /a\.csv, line 1, v: no such column; there are t, w/],
  ])("refuses %j by file, line and field", (csv, message) => {
    expect(() => read(csv, { time: "t", values: ["v"] })).toThrow(message);
  });
});
