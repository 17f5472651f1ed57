import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { parseJobTrace } from "./trace.ts";

const HEADER = "job_id,arrival_s,duration_s,gpus\n";

describe("parseJobTrace()", () => {
  test("reads jobs in order of arrival, whatever the order of rows and columns", () => {
    const jobs = parseJobTrace(
      "# a comment\ngpus,job_id,duration_s,arrival_s\n1,b,10,20\n8,a,5,3\n",
      "t.csv",
    );
    expect(jobs).toEqual([
      { id: "a", arrivalS: 3, durationS: 5, gpus: 8 },
      { id: "b", arrivalS: 20, durationS: 10, gpus: 1 },
    ]);
  });

  test.each([
    [
      "a missing column",
      "job_id,arrival_s,gpus\na,1,1\n",
      "t.csv, line 1, duration_s: the header has no such column",
    ],
    [
      "a word for a number",
      `${HEADER}a,1,2,1\nb,soon,2,1\n`,
      't.csv, line 3, arrival_s: "soon" is not a number',
    ],
    ["an empty cell", `${HEADER}a,1,,1\n`, 't.csv, line 2, duration_s: "" is not a number'],
    ["a negative duration", `${HEADER}a,1,-2,1\n`, "t.csv, line 2, duration_s: -2 is negative"],
    ["a short row", `${HEADER}a,1\n`, "t.csv, line 2, gpus: the row ends before this field"],
    ["half a GPU", `${HEADER}a,1,2,0.5\n`, "t.csv, line 2, gpus: 0.5 is not a whole number"],
    ["no GPU", `${HEADER}a,1,2,0\n`, "t.csv, line 2, gpus: 0 is not a whole number of at least 1"],
    ["an id used twice", `${HEADER}a,1,2,1\na,3,2,1\n`, "t.csv, line 3, job_id: a stands already on line 2"],
    ["no rows", HEADER, "t.csv, line 1, rows: the trace has no job"],
    ["nothing at all", "", "t.csv, line 1, header: no header line"],
  ])("names line and field for %s", (_, text, message) => {
    expect(() => parseJobTrace(text, "t.csv")).toThrow(message);
  });

  test.each(["philly-2017-10-05", "philly-2017-10-24", "philly-2017-10-24-short"])(
    "reads the slice %s that ships with the repository",
    (name) => {
      const jobs = parseJobTrace(
        readFileSync(new URL(`../../test/traces/${name}.csv`, import.meta.url), "utf8"),
        name,
      );
      expect(jobs.length).toBeGreaterThan(15);
      expect(Math.max(...jobs.map((job) => job.gpus))).toBeLessThanOrEqual(8);
    },
  );
});
