import { describe, expect, test } from "vitest";

import { table } from "./table.ts";

describe("table()", () => {
  test("makes columns as wide as their widest cell, but for the last cells of rows", () => {
    expect(table([["a", "b", "c"], ["long", "", "x"], ["only this one and it is long"]])).toBe(
      "  a     b  c\n  long     x\n  only this one and it is long",
    );
    expect(table([["a", ""]], { indent: "" })).toBe("a");
    expect(table([])).toBe("");
  });

  test("goes on under the last column where the width ends, and cuts no word", () => {
    const word = "x".repeat(70);
    expect(table([["ok", `${"one ".repeat(9)}two ${word} three`]], { width: 50 }).split("\n")).toEqual([
      `  ok  ${"one ".repeat(9)}two`,
      `      ${word}`,
      "      three",
    ]);
    expect(table([["y".repeat(100), "a b"]], { width: 50 })).toBe(`  ${"y".repeat(100)}  a b`);
  });
});
