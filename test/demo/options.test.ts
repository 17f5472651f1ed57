import { describe, expect, test } from "vitest";

import { parseOptions } from "./options.ts";

describe("parseOptions()", () => {
  test("has a seed and a trace when nothing is said", () => {
    expect(parseOptions([], "t.csv")).toEqual({
      sabotage: null,
      jsonFile: null,
      traceFile: "t.csv",
      seed: 1,
    });
  });

  test("takes every word of the usage", () => {
    expect(
      parseOptions(["--break", "order", "--seed", "7", "--trace", "x.csv", "--json", "o.json"], "t.csv"),
    ).toEqual({
      sabotage: "order",
      jsonFile: "o.json",
      traceFile: "x.csv",
      seed: 7,
    });
  });

  test.each([
    [["--speed", "2"], 'unknown word "--speed"'],
    [["--seed"], "--seed needs a value"],
    [["--seed", "1.5"], "--seed 1.5 is not a whole number"],
    [["--break", "nothing"], "--break nothing: no such check"],
  ])("refuses %j and says what it takes", (args, problem) => {
    expect(() => parseOptions(args, "t.csv")).toThrow(problem);
    expect(() => parseOptions(args, "t.csv")).toThrow("usage: npm run demo");
  });
});
