import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { firstJobs, jobsOf } from "./workload.ts";

const START = epochMs(1_000_000);
const aJob = (id: string, overrides: object = {}) => ({
  id,
  arrivalS: 60,
  durationS: 600,
  gpus: 1,
  ...overrides,
});
const namesOf = (...ids: readonly string[]): readonly string[] =>
  jobsOf(
    ids.map((id) => aJob(id)),
    START,
    1,
  ).map((job) => job.spec.id);

describe("jobsOf()", () => {
  test("takes a trace minute for a second, and no job for shorter than one", () => {
    const [long, short] = jobsOf([aJob("a"), aJob("b", { durationS: 1 })], START, 1);
    expect([long?.spec.at, long?.spec.durationMs]).toEqual([START + 1000, 10_000]);
    expect(short?.spec.durationMs).toBe(1000);
  });

  test("draws the same from the same seed, and differs by seed", () => {
    const jobs = Array.from({ length: 30 }, (_, i) => aJob(`job-${i}`));
    const drawn = (seed: number) => jobsOf(jobs, START, seed).map((job) => [job.priority, job.utilization]);
    expect(drawn(1)).toEqual(drawn(1));
    expect(drawn(1)).not.toEqual(drawn(2));
  });

  test("leaves ids that are names of objects as they are", () => {
    expect(namesOf("philly-000007", "openb-pod-0012", "7")).toEqual(["philly-000007", "openb-pod-0012", "7"]);
  });

  test("spells other clusters' ids as names, each its own", () => {
    const ids = [
      "application_1506638472019_10238",
      "Job A",
      "job-a",
      "job_a",
      "___",
      `x${"y".repeat(80)}`,
      "own-work",
      "companion-low",
    ];
    const names = namesOf(...ids);
    expect(new Set(names).size).toBe(ids.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9][-a-z0-9]{0,55}$/);
    expect(names[2]).toBe("job-a");
    expect(names).not.toContain("own-work");
  });
});

describe("firstJobs()", () => {
  test("leaves out what arrives after 75 minutes", () => {
    const jobs = [aJob("a"), aJob("b", { arrivalS: 4500 })];
    expect(firstJobs(jobs, "t.csv").map((job) => job.id)).toEqual(["a"]);
  });

  test("refuses a slice that does not count from its own start, with the way out", () => {
    expect(() => firstJobs([aJob("a", { arrivalS: 4_365_041 })], "t.csv")).toThrow(
      "t.csv, arrival_s: the first job arrives after 4365041 s, the demo runs the first 4500 s; count arrival_s from the start of the slice",
    );
  });
});
