import { describe, expect, test } from "vitest";

import { GCP_CODES, kindOfCode, launchKindOf } from "./codes.ts";
import { failedAnswer, failedOperation, failedRequest } from "./errors.ts";

function refusal(reason: string, message = "as the test has it"): string {
  return JSON.stringify({ error: { code: 400, message, errors: [{ reason, domain: "global", message }] } });
}

describe("every code of the table", () => {
  test.each(Object.entries(GCP_CODES))("%s is %s, of an operation as of a request", (code, kind) => {
    expect(kindOfCode(code)).toBe(kind);
    const operation = { name: "o-1", status: "DONE" as const, error: { errors: [{ code, message: "" }] } };
    expect(failedOperation("call", operation)?.kind).toBe(kind);
    expect(failedAnswer("call", 400, refusal(code), null).kind).toBe(kind);
  });
});

describe("a refused request", () => {
  test.each([
    [403, refusal("rateLimitExceeded"), "throttled"],
    [403, refusal("quotaExceeded"), "quota"],
    [
      403,
      refusal("forbidden", "Required 'compute.instanceGroupManagers.update' permission for 'g'"),
      "denied",
    ],
    [403, refusal("unknownToUs"), "denied"],
    [401, refusal("authError"), "denied"],
    [404, refusal("notFound"), "not-found"],
    [404, "<html>", "not-found"],
    [409, refusal("unknownToUs"), "conflict"],
    [412, refusal("conditionNotMet"), "conflict"],
    [400, refusal("invalid"), "refused"],
    [400, refusal("badRequest"), "refused"],
    [429, refusal("unknownToUs"), "throttled"],
    [500, refusal("internalError"), "unavailable"],
    [502, "<html><title>Error 502</title></html>", "unavailable"],
    [503, refusal("backendError"), "unavailable"],
  ] as const)("of %d with %s is %s", (status, text, kind) => {
    expect(failedAnswer("call", status, text, null).kind).toBe(kind);
  });

  test("says the reason of the newer details before the general one", () => {
    const error = {
      code: 403,
      message: "Request had insufficient authentication scopes.",
      status: "PERMISSION_DENIED",
      errors: [{ reason: "forbidden" }],
      details: [
        { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT" },
      ],
    };
    const found = failedAnswer("call", 403, JSON.stringify({ error }), null);
    expect(found).toMatchObject({
      kind: "denied",
      data: { code: "ACCESS_TOKEN_SCOPE_INSUFFICIENT", status: 403 },
    });
    expect(found.message).toMatch(/use workload identity/);
  });

  test.each([
    ["7", 7_000],
    ["3600", 3_600_000],
    ["86400", 3_600_000],
    ["Fri, 27 Nov 2026 10:00:00 GMT", null],
    ["", null],
    ["-1", null],
    [null, null],
  ])("with Retry-After %s waits %s ms", (header, ms) => {
    expect(failedAnswer("call", 429, refusal("rateLimitExceeded"), header).retryAfterMs).toBe(ms);
  });
});

describe("an operation", () => {
  test("that went well has no failure", () => {
    expect(failedOperation("call", { name: "o-1", status: "DONE" })).toBeNull();
  });

  test("that failed without a code is judged by its status, and never taken for a success", () => {
    const failed = failedOperation("call", {
      name: "o-1",
      status: "DONE",
      httpErrorStatusCode: 403,
      httpErrorMessage: "FORBIDDEN",
    });
    expect(failed).toMatchObject({
      kind: "denied",
      message: "call: operation o-1 failed: FORBIDDEN (unknown)",
    });
    expect(failedOperation("call", { name: "o-1", status: "DONE", error: {} })?.kind).toBe("refused");
  });
});

describe("why a machine did not come", () => {
  test.each([
    ["ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "", "no-capacity"],
    ["ZONE_RESOURCE_POOL_EXHAUSTED_OF_A_NEW_KIND", "", "no-capacity"],
    ["QUOTA_EXCEEDED", "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally.", "quota"],
    ["GPU_QUOTA_EXCEEDED", "", "quota"],
    ["IP_SPACE_EXHAUSTED", "", "quota"],
    ["PERMISSIONS_ERROR", "", "denied"],
    ["RESOURCE_NOT_FOUND", "The resource 'projects/p/global/images/i' was not found", "misconfigured"],
    [
      "INVALID_USAGE",
      "Specified reservations [r] do not have available resources for the request.",
      "no-capacity",
    ],
    ["CONDITION_NOT_MET", "No available resources in specified reservations", "no-capacity"],
    ["INVALID_USAGE", "The reservation must exist in the same project as the instance.", "misconfigured"],
    ["CONDITION_NOT_MET", "Constraint constraints/compute.vmExternalIpAccess violated", "denied"],
    ["UNSUPPORTED_OPERATION", "", "misconfigured"],
    [
      "UNKNOWN_TO_US",
      "The zone 'z' does not have enough resources available to fulfill the request.",
      "no-capacity",
    ],
    ["UNKNOWN_TO_US", "nothing that we know", "unavailable"],
    [undefined, undefined, "unavailable"],
  ])("%s: %s is %s", (code, message, kind) => {
    expect(launchKindOf({ code, message })).toBe(kind);
  });
});

test("a connection that is cut is unavailable, with the socket's own code", () => {
  const cause = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  expect(failedRequest("call", new TypeError("fetch failed", { cause }))).toMatchObject({
    kind: "unavailable",
    message: "call: read ECONNRESET",
    data: { code: "ECONNRESET" },
  });
});
