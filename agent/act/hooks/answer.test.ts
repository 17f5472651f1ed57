import { describe, expect, test } from "vitest";

import { readSavedState, shown } from "./answer.ts";

describe("readSavedState()", () => {
  test.each([
    ['{"step": 1200, "uri": "s3://b/run/1200"}', { step: 1200, uri: "s3://b/run/1200" }],
    ['{"step": 0}', { step: 0 }],
    ['{"uri": "/ckpt/Änderung 5"}', { uri: "/ckpt/Änderung 5" }],
    ['{"step": null, "uri": null}', {}],
    ['{"other": 1}', {}],
    ["ok", {}],
    ["", {}],
    ["[1, 2]", {}],
    ["null", {}],
    ['{"step": 12', {}],
  ])("%s", (text, state) => {
    expect(readSavedState(text)).toEqual(state);
  });

  test.each([
    ['{"step": "1200"}', "step is no whole number: 1200"],
    ['{"step": 1.5}', "step is no whole number: 1.5"],
    ['{"step": 1e300}', "step is no whole number"],
    ['{"step": 9007199254740993}', "step is no whole number"],
    ['{"step": {"a": 1}}', 'step is no whole number: {"a":1}'],
    ['{"uri": 5}', "uri is no text: 5"],
    ['{"uri": ["s3://b"]}', 'uri is no text: ["s3://b"]'],
    ['{"uri": ""}', "uri is not printable"],
    [JSON.stringify({ uri: "s3://b\nnode deleted" }), "uri is not printable: s3://b node deleted"],
    [JSON.stringify({ uri: "\u001b[31mred" }), "uri is not printable"],
    [JSON.stringify({ uri: "s3://\u202Egnp" }), "uri is not printable"],
    ['{"uri": "\\ud800"}', "uri is not printable"],
    [JSON.stringify({ uri: "a".repeat(513) }), "uri is longer than 512"],
  ])("leaves out what is not as it should be, and says so: %s", (text, why) => {
    const { step, uri, detail } = readSavedState(text);
    expect({ step, uri }).toEqual({ step: undefined, uri: undefined });
    expect(detail).toContain(why);
    expect(detail).not.toMatch(/\p{C}/u);
  });

  test("keeps what is right beside what is wrong, and no other field", () => {
    expect(readSavedState('{"step": 7, "uri": 5, "__proto__": {"step": 1}, "result": "saved"}')).toEqual({
      step: 7,
      detail: "of its answer, uri is no text: 5",
    });
  });
});

describe("shown()", () => {
  test("is one short line", () => {
    expect(shown("a\r\n\tb")).toBe("a b");
    expect(shown("x".repeat(1_000_000))).toBe(`${"x".repeat(80)}…`);
    expect(shown(undefined)).toBe("");
  });
});
