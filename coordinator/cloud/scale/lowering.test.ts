import { describe, expect, test } from "vitest";

import { GROUP_ANNOTATION } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { isOld, notesOf, notesPatch } from "./lowering.ts";

const NOTE = { name: "gpu-abcde", uid: "u-1", at: "2026-01-01T00:00:00.000Z" };

function noted(text: string) {
  return { metadata: { name: "gpu", annotations: { [GROUP_ANNOTATION.lowering]: text } } };
}

describe("the notes on a NodePool", () => {
  test("are read as they were written, and go with the last one", () => {
    const text = notesPatch([NOTE])[GROUP_ANNOTATION.lowering];
    expect(notesOf(noted(text ?? ""))).toEqual([NOTE]);
    expect(notesPatch([])).toEqual({ [GROUP_ANNOTATION.lowering]: null });
    expect(notesOf({ metadata: { name: "gpu" } })).toEqual([]);
  });

  test.each([
    ["no JSON", "gpu-abcde"],
    ["no list", JSON.stringify(NOTE)],
    ["a name that is none", JSON.stringify([{ ...NOTE, name: "" }])],
    ["no instant", JSON.stringify([{ ...NOTE, at: "yesterday" }])],
    ["more than we write", JSON.stringify([{ ...NOTE, to: 3 }])],
  ])("that somebody else wrote (%s) are none", (_, text) => {
    expect(notesOf(noted(text))).toEqual([]);
  });

  test("are old after ten minutes", () => {
    const written = Date.parse(NOTE.at);
    expect(isOld(NOTE, epochMs(written + 600_000))).toBe(false);
    expect(isOld(NOTE, epochMs(written + 600_001))).toBe(true);
  });
});
