import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { parseAllowed, summarise, summaryOf, together } from "./report.ts";

function report(statuses: Readonly<Record<string, string>>, success = true): unknown {
  const assertionResults = Object.entries(statuses).map(([fullName, status]) => ({
    fullName,
    status,
    duration: 1,
  }));
  return {
    success,
    numTotalTests: 0,
    testResults: [{ name: "a.test.ts", status: "passed", message: "", assertionResults }],
  };
}

describe("summarise()", () => {
  test("counts what passed and has nothing to say against it", () => {
    expect(summarise(report({ a: "passed", b: "passed" }), [])).toEqual({
      passed: 2,
      failed: 0,
      skipped: [],
      problems: [],
    });
  });

  test("names what failed", () => {
    expect(summarise(report({ a: "passed", b: "failed" }, false), [])).toMatchObject({
      failed: 1,
      problems: ["failed: b"],
    });
  });

  test("refuses a run in which nothing ran", () => {
    expect(summarise({ success: true, testResults: [] }, []).problems).toEqual(["no test ran"]);
    expect(summarise(report({ a: "skipped" }), ["a"]).problems).toEqual(["no test ran"]);
  });

  test.each(["skipped", "pending", "todo", "disabled"])(
    "refuses a test that is %s unless it is on the list by name",
    (status) => {
      expect(summarise(report({ a: "passed", b: status }), ["b"])).toMatchObject({
        skipped: ["b"],
        problems: [],
      });
      expect(summarise(report({ a: "passed", b: status }), ["c"]).problems).toEqual([
        "skipped and not on the list: b",
      ]);
    },
  );

  test("counts a file that did not load as a failure", () => {
    const broken = {
      name: "b.test.ts",
      status: "failed",
      message: "SyntaxError: x\nat y",
      assertionResults: [],
    };
    expect(summarise({ success: false, testResults: [broken] }, [])).toMatchObject({
      failed: 1,
      problems: ["failed to run: b.test.ts SyntaxError: x"],
    });
  });

  test("believes the runner when it failed outside of any test", () => {
    expect(summarise(report({ a: "passed" }, false), []).problems).toEqual([
      "the runner says that it failed, outside of any test",
    ]);
  });

  test("refuses what is no report", () => {
    expect(() => summarise({ tests: 3 }, [])).toThrow("testResults");
  });
});

describe("summaryOf()", () => {
  test.each([
    ["is missing", null],
    ["was cut off", '{"success":tr'],
    ["is another program's", '{"tests":3}'],
  ])("counts a report that %s as one failure and says why", async (_, text) => {
    const dir = await mkdtemp(join(tmpdir(), "report-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const file = join(dir, "report.json");
    if (text !== null) await writeFile(file, text);
    const summary = await summaryOf(file, []);
    expect(summary).toMatchObject({ passed: 0, failed: 1, skipped: [] });
    expect(summary.problems).toEqual([expect.stringContaining("no report that can be read")]);
  });
});

describe("parseAllowed()", () => {
  test("leaves out comments and empty lines", () => {
    expect(parseAllowed("# no driver here\n\n gpu() reads a card \n")).toEqual(["gpu() reads a card"]);
  });
});

describe("together()", () => {
  test("adds up, and keeps every name and every problem", () => {
    const one = { passed: 3, failed: 0, skipped: ["a"], problems: [] };
    const other = { passed: 1, failed: 2, skipped: ["b"], problems: ["failed: c", "failed: d"] };
    expect(together([one, other])).toEqual({
      passed: 4,
      failed: 2,
      skipped: ["a", "b"],
      problems: ["failed: c", "failed: d"],
    });
    expect(
      together([one, { passed: 0, failed: 0, skipped: [], problems: ["no test ran"] }]).problems,
    ).toEqual(["no test ran"]);
  });
});
