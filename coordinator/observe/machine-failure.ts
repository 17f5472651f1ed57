// Why a Machine failed, as one of our kinds. Cluster API's own reasons are few and coarse, so the cloud's error code,
// which its providers hand on in the message, comes first. Codes are those of the clouds' own references: EC2 and Auto
// Scaling, Compute Engine, Azure Resource Manager.

import type { LaunchFailureKind } from "../../shared/contract/policy/status.ts";
import type { Machine } from "../../shared/model/kube.ts";

export interface MachineFailure {
  readonly kind: LaunchFailureKind;
  readonly detail: string;
}

/** The first whose code the message names. */
const CODES: readonly (readonly [LaunchFailureKind, readonly string[]])[] = [
  [
    "quota",
    [
      "MaxSpotInstanceCountExceeded",
      "VcpuLimitExceeded",
      "InstanceLimitExceeded",
      "QUOTA_EXCEEDED",
      "QuotaExceeded",
    ],
  ],
  [
    "no-capacity",
    [
      "InsufficientInstanceCapacity",
      "InsufficientHostCapacity",
      "InsufficientReservedInstanceCapacity",
      "RESOURCE_POOL_EXHAUSTED",
      "OverconstrainedAllocationRequest",
      "AllocationFailed",
      "SkuNotAvailable",
    ],
  ],
  ["denied", ["UnauthorizedOperation", "AccessDenied", "PERMISSIONS_ERROR", "AuthorizationFailed"]],
  ["throttled", ["RequestLimitExceeded", "Throttling", "TooManyRequests"]],
];

/** Cluster API's reasons, for messages that name no code. `InsufficientResources` may also mean a quota. */
const REASONS: Readonly<Record<string, LaunchFailureKind>> = {
  InsufficientResources: "no-capacity",
  InvalidConfiguration: "misconfigured",
  UnsupportedChange: "misconfigured",
  JoinClusterTimeout: "timed-out",
};

/** Undefined where nothing says why, or where the reason is none of these. */
export function machineFailure({ status }: Machine): MachineFailure | undefined {
  const { failureReason: reason = "", failureMessage: message = "" } = status ?? {};
  const coded = CODES.find(([, codes]) => codes.some((code) => message.includes(code)));
  const kind = coded?.[0] ?? REASONS[reason];
  const detail = message === "" ? reason : message;
  if (kind !== undefined) return { kind, detail };
  return detail === "" ? undefined : { kind: "unavailable", detail };
}
