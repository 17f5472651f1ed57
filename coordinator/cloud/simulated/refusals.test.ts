import { describe, expect, test } from "vitest";

import { launchFailureOf } from "../group.ts";
import { REFUSAL_CODES } from "./protocol.ts";
import type { RefusalCode } from "./protocol.ts";
import { bodyOf } from "./refusals.ts";

const KINDS: readonly (readonly [RefusalCode, string, string | undefined])[] = [
  ["no-capacity", "no-capacity", "no-capacity"],
  ["quota", "quota", "quota"],
  ["throttled", "throttled", "throttled"],
  ["denied", "denied", "denied"],
  ["not-found", "not-found", "misconfigured"],
  ["conflict", "conflict", undefined],
  ["refused", "refused", "misconfigured"],
  ["misconfigured", "misconfigured", "misconfigured"],
];

function refusal(code: string, more: object = {}): string {
  return JSON.stringify({ error: { code, message: "because", ...more } });
}

function errorOf(status: number, body: string): unknown {
  try {
    bodyOf("size group a", { status, body });
  } catch (error) {
    return error;
  }
  return null;
}

describe("bodyOf()", () => {
  test("gives the answer of a success", () => {
    expect(bodyOf("read", { status: 200, body: '{"groups":{}}' })).toEqual({ groups: {} });
  });

  test("knows every code of the protocol", () => {
    expect(KINDS.map(([code]) => code)).toEqual(REFUSAL_CODES);
  });

  test.each(KINDS)("makes %s the kind %s, which says %s of the launch", (code, kind, failure) => {
    for (const status of [400, 503, 200]) {
      const error = errorOf(status, refusal(code));
      expect(error).toMatchObject({
        kind,
        message: `cannot size group a: ${code}: because`,
        data: { status, code },
        retryAfterMs: null,
      });
      expect(launchFailureOf(error)).toBe(failure);
    }
  });

  test("passes on how long to wait", () => {
    expect(errorOf(429, refusal("throttled", { retryAfterSeconds: 2.5 }))).toMatchObject({
      retryAfterMs: 2_500,
    });
  });

  test.each([
    ["a page of a proxy", 502, "<html>Bad gateway</html>", "unavailable"],
    ["a broken server", 500, "", "unavailable"],
    ["a broken server with a code of its own", 500, refusal("exploded"), "unavailable"],
    ["a code that the protocol has not", 200, refusal("exploded"), "malformed"],
    ["half an answer", 200, '{"groups":{"a":', "malformed"],
    ["nothing", 200, "", "malformed"],
    ["a redirect", 302, "", "malformed"],
    ["a refusal that is no refusal", 400, '{"error":"no"}', "malformed"],
  ])("makes %s (%i) the kind it is", (_what, status, body, kind) => {
    expect(errorOf(status, body)).toMatchObject({ kind });
  });
});
