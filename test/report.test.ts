import { describe, expect, test } from "vitest";

import { parseAllowed, summarise } from "./report.ts";

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

describe("parseAllowed()", () => {
  test("leaves out comments and empty lines", () => {
    expect(parseAllowed("# no driver here\n\n gpu() reads a card \n")).toEqual(["gpu() reads a card"]);
  });
});
