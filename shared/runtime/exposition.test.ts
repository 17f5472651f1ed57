import { describe, expect, test } from "vitest";

import { boundText, formatFor, headOf, labelsText, numberText, takesGzip } from "./exposition.ts";

describe("headOf()", () => {
  const counter = { name: "moves_total", type: "counter", help: 'Moves\\of "all".\nAlways.' } as const;

  test("escapes a help text as each format wants it, and names an OpenMetrics counter without its end", () => {
    expect(headOf(counter, "text")).toBe(
      '# HELP moves_total Moves\\\\of "all".\\nAlways.\n# TYPE moves_total counter\n',
    );
    expect(headOf(counter, "openmetrics")).toBe(
      '# HELP moves Moves\\\\of \\"all\\".\\nAlways.\n# TYPE moves counter\n',
    );
  });

  test("a counter that others named without the end keeps its name in both", () => {
    const foreign = { name: "DCGM_FI_DEV_PCIE_REPLAY_COUNTER", type: "counter", help: "Replays." } as const;
    expect(headOf(foreign, "text")).toContain("# TYPE DCGM_FI_DEV_PCIE_REPLAY_COUNTER counter\n");
    expect(headOf(foreign, "openmetrics")).toContain("# TYPE DCGM_FI_DEV_PCIE_REPLAY_COUNTER unknown\n");
  });
});

describe("labelsText()", () => {
  test("escapes what would end a value or a line", () => {
    expect(labelsText({ a: 'x"y\\z\n', b: "" })).toBe('a="x\\"y\\\\z\\n",b=""');
    expect(labelsText({})).toBe("");
  });
});

describe("numbers", () => {
  test("have the words of the format for infinity, and bounds the look of a float where it is wanted", () => {
    expect([Infinity, -Infinity, 0.25, 1e21].map(numberText)).toEqual(["+Inf", "-Inf", "0.25", "1e+21"]);
    expect([0.5, 10, 1].map((bound) => boundText(bound, "openmetrics"))).toEqual(["0.5", "10.0", "1.0"]);
    expect(boundText(10, "text")).toBe("10");
  });
});

describe("formatFor()", () => {
  const open = "application/openmetrics-text";
  test.each([
    [undefined, "text"],
    ["*/*", "text"],
    ["text/html,*/*;q=0.8", "text"],
    [open, "openmetrics"],
    // Prometheus 2 and 3.
    [
      `${open};version=1.0.0,${open};version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1`,
      "openmetrics",
    ],
    [
      `${open};version=1.0.0;escaping=allow-utf-8;q=0.6,${open};version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2`,
      "openmetrics",
    ],
    [`text/plain;version=0.0.4;q=0.9,${open};q=0.5`, "text"],
    [`text/plain,${open}`, "text"],
    [`${open};version=2.0.0,text/plain;q=0.1`, "text"],
    [`${open};q=0`, "text"],
    [`${open};q=nonsense,text/plain;q=0.1`, "text"],
    ["application/vnd.google.protobuf", "text"],
  ])("%s → %s", (accept, format) => {
    expect(formatFor(accept)).toBe(format);
  });
});

describe("takesGzip()", () => {
  test.each([
    ["gzip", true],
    ["br, GZIP;q=0.5", true],
    ["*", true],
    ["gzip;q=0", false],
    ["gzip;q=0, *", false],
    ["identity", false],
    [undefined, false],
  ])("%s → %s", (header, taken) => {
    expect(takesGzip(header)).toBe(taken);
  });
});
