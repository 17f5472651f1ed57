import { describe, expect, test } from "vitest";

import { kindOf } from "../../../shared/runtime/errors.ts";
import { AZURE_CODES, kindOfCode, launchKindOf } from "./codes.ts";
import { refusal } from "./errors.ts";

/** Code → kind, as the contract of groups wants it; said here again, so that no slip in the table goes unseen. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  denied: [
    "AuthorizationFailed",
    "LinkedAuthorizationFailed",
    "AuthenticationFailed",
    "InvalidAuthenticationToken",
    "InvalidAuthenticationTokenTenant",
    "ExpiredAuthenticationToken",
    "AuthenticationFailedMissingToken",
    "RequestDisallowedByPolicy",
    "RequestDisallowedByAzure",
    "ScopeLocked",
    "DenyAssignmentAuthorizationFailed",
    "ReadOnlyDisabledSubscription",
    "SubscriptionNotRegistered",
    "MissingSubscriptionRegistration",
    "DisallowedProvider",
    "invalid_client",
    "unauthorized_client",
    "invalid_grant",
  ],
  "not-found": [
    "ResourceNotFound",
    "ResourceGroupNotFound",
    "SubscriptionNotFound",
    "ParentResourceNotFound",
    "NotFound",
    "AgentPoolNotFound",
    "MachineNotFound",
    "ResourceGroupBeingDeleted",
  ],
  conflict: [
    "PreconditionFailed",
    "EtagMismatch",
    "ETagMismatch",
    "ConditionNotMet",
    "Conflict",
    "AnotherOperationInProgress",
    "OperationPreempted",
    "OperationPreemptedByAnotherOperation",
    "ConflictingConcurrentWriteNotAllowed",
    "ConflictingUserInput",
    "NotLatestOperation",
    "OperationNotAllowed",
  ],
  throttled: [
    "TooManyRequests",
    "OperationThrottled",
    "SubscriptionRequestsThrottled",
    "ResourceCollectionRequestsThrottled",
    "TenantRequestsThrottled",
    "Throttled",
  ],
  quota: [
    "QuotaExceeded",
    "ErrCode_InsufficientVCPUQuota",
    "ErrorCode_InsufficientVCPUQuota",
    "InsufficientVCPUQuota",
    "SpotQuotaExceeded",
    "PublicIPCountLimitReached",
    "NetworkInterfaceCountLimitReached",
    "ResourceQuotaExceeded",
    "SubnetIsFull",
    "InsufficientSubnetSize",
    "VMScaleSetInstanceCountLimitReached",
  ],
  "no-capacity": [
    "AllocationFailed",
    "ZonalAllocationFailed",
    "OverconstrainedAllocationRequest",
    "OverconstrainedZonalAllocationRequest",
    "SkuNotAvailable",
    "CapacityNotAvailable",
    "CapacityReservationAllocationFailed",
    "SpotVMEvicted",
    "OperationNotAllowedOnLowPriorityDueToPrice",
    "ProximityPlacementGroupAllocationFailed",
  ],
  misconfigured: [
    "InvalidParameter",
    "InvalidSubscriptionId",
    "InvalidResourceGroup",
    "InvalidResourceReference",
    "InvalidApiVersionParameter",
    "NoRegisteredProviderFound",
    "ImageNotFound",
    "PlatformImageNotFound",
    "GalleryImageNotFound",
    "ImageVersionNotFound",
    "LinkedInvalidPropertyId",
    "ReferencedResourceNotProvisioned",
    "KeyVaultAccessForbidden",
    "DiskEncryptionSetNotFound",
    "PropertyChangeNotAllowed",
    "VMExtensionProvisioningError",
  ],
  refused: ["BadRequest", "InvalidRequestContent", "InvalidRequestFormat"],
  unavailable: [
    "VMExtensionProvisioningTimeout",
    "InternalServerError",
    "InternalExecutionError",
    "InternalOperationError",
    "InternalDiskManagementError",
    "NetworkingInternalOperationError",
    "ServiceUnavailable",
    "ServerTimeout",
    "GatewayTimeout",
    "OperationTimedOut",
    "AllocationTimeout",
    "OSProvisioningTimedOut",
    "OSProvisioningInternalError",
    "VMStartTimedOut",
    "RetryableError",
    "temporarily_unavailable",
  ],
};

const ROWS = Object.entries(KINDS).flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const));

function answered(status: number, code: string, message: string) {
  return refusal("size it", {
    status,
    retryAfter: undefined,
    body: JSON.stringify({ error: { code, message } }),
  });
}

describe("codes", () => {
  test("of the table are all said here", () => {
    expect(ROWS.map(([code]) => code).toSorted()).toEqual(Object.keys(AZURE_CODES).toSorted());
  });

  test.each(ROWS)("%s is %s", (code, kind) => {
    expect(kindOf(answered(400, code, "so it is"))).toBe(kind);
    expect(answered(400, code, "so it is").message).toBe(
      `cannot size it: 400 ${code}: so it is${wayOutOf(code)}`,
    );
  });

  test.each([
    [
      "OperationNotAllowed",
      "results in exceeding approved Total Regional Cores quota. Current Limit: 96",
      "quota",
    ],
    ["OperationNotAllowed", "there's an in progress operation on the agent pool", "conflict"],
    ["OperationNotAllowed", "the pool's autoscaler is enabled", "refused"],
    [
      "InvalidParameter",
      "The provided instanceId 7 is not an active Virtual Machine Scale Set VM instanceId.",
      "not-found",
    ],
    ["InvalidParameter", "The capacity 1001 exceeds the limit", "refused"],
    ["InvalidParameter", "The value of parameter imageReference is invalid.", "misconfigured"],
  ])("%s that says %j is %s", (code, message, kind) => {
    expect(kindOfCode(code, message)).toBe(kind);
  });

  test("that are no code of Azure are none of the table, whatever an object has", () => {
    expect(kindOfCode("constructor", "")).toBeUndefined();
    expect(kindOfCode("", "")).toBeUndefined();
  });
});

describe("an answer without a code that is known", () => {
  test.each([
    [400, "refused"],
    [401, "denied"],
    [403, "denied"],
    [404, "not-found"],
    [408, "unavailable"],
    [409, "conflict"],
    [412, "conflict"],
    [422, "refused"],
    [429, "throttled"],
    [500, "unavailable"],
    [503, "unavailable"],
    [302, "malformed"],
  ])("%i is %s", (status, kind) => {
    expect(kindOf(answered(status, "SomethingNew", "so it is"))).toBe(kind);
    const page = refusal("size it", { status, retryAfter: undefined, body: "<html>gateway</html>" });
    expect(page.kind).toBe(kind);
    expect(page.message).toContain("<html>gateway</html>");
  });

  test("429 is throttled and 412 a conflict, whatever code comes with them", () => {
    expect(answered(429, "OperationNotAllowed", "quota of calls").kind).toBe("throttled");
    expect(answered(412, "BadRequest", "etag").kind).toBe("conflict");
  });

  test.each([
    ["17", 17_000],
    ["7200", 3_600_000],
    ["Thu, 26 Nov 2026 22:00:00 GMT", null],
    ["", null],
  ])("Retry-After %j is %j ms", (retryAfter, ms) => {
    expect(refusal("size it", { status: 429, retryAfter, body: "" }).retryAfterMs).toBe(ms);
  });
});

test("a reason a level below is the one that counts", () => {
  const details = [{ code: "QuotaExceeded", message: "no more cores" }];
  const body = JSON.stringify({
    error: { code: "ResourceDeploymentFailure", message: "It has failed.", details },
  });
  const error = refusal("size it", { status: 409, retryAfter: undefined, body });
  expect(error).toMatchObject({ kind: "quota", data: { status: 409, code: "QuotaExceeded" } });
});

describe("why a machine did not come", () => {
  test.each([
    ["AllocationFailed", "", "no-capacity"],
    ["OperationNotAllowed", "exceeding approved Cores quota", "quota"],
    ["ImageNotFound", "", "misconfigured"],
    ["SomethingNew", "Provisioning failed. ZonalAllocationFailed: no room", "no-capacity"],
    ["SomethingNew", "nobody knows", "unavailable"],
    ["ResourceNotFound", "of nothing that counts as a launch", "unavailable"],
    ["", "", "unavailable"],
  ])("%j with %j: %s", (code, text, kind) => {
    expect(launchKindOf(code, text)).toBe(kind);
  });
});

function wayOutOf(code: string): string {
  const { message } = answered(400, code, "");
  return message.slice(message.indexOf(code) + code.length + 2);
}
