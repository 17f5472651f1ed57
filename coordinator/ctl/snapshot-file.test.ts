import { describe, expect, test } from "vitest";

import { snapshot } from "../../test/build/snapshot.ts";
import { readSource, snapshotFromText } from "./snapshot-file.ts";

describe("snapshotFromText()", () => {
  test("gives a snapshot back as it was written", () => {
    const written = snapshot();
    expect(snapshotFromText(JSON.stringify(written), "a.json")).toEqual(written);
  });

  test.each([
    ["{", "a.json is no JSON"],
    ["[]", "its version v is missing, known is 1"],
    ["null", "it is no object"],
    ['{"v":2}', "its version v is 2, known is 1"],
    ['{"v":1,"nodes":[],"pods":[]}', "it has no list policies, budgets, notices"],
  ])("refuses %j", (text, problem) => {
    expect(() => snapshotFromText(text, "a.json")).toThrow(
      expect.objectContaining({ kind: "bad-input", message: expect.stringContaining(problem) as unknown }),
    );
  });
});

describe("readSource()", () => {
  test("names the file that it cannot read", async () => {
    await expect(readSource("there/is/none.json")).rejects.toMatchObject({
      kind: "bad-input",
      message: expect.stringContaining("there/is/none.json") as unknown,
    });
  });
});
