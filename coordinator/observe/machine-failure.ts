// Why a Machine or a NodeClaim failed, as one of our kinds. Cluster API's own reasons are few and coarse, and Karpenter's
// are its providers', so the cloud's error code, which stands in the message, comes first. Codes are those of the clouds'
// own references: EC2 and Auto Scaling, Compute Engine, Azure Resource Manager.

import type { LaunchFailureKind } from "../../shared/contract/policy/status.ts";
import type { Machine, NodeClaim } from "../../shared/model/kube.ts";

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
      // Karpenter, for all of its providers.
      "InsufficientCapacity",
    ],
  ],
  [
    "denied",
    ["UnauthorizedOperation", "Unauthorized", "AccessDenied", "PERMISSIONS_ERROR", "AuthorizationFailed"],
  ],
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
  return failureOf(status?.failureReason ?? "", status?.failureMessage ?? "");
}

/** Karpenter's condition `Launched` while its provider makes no machine: its reasons come from the provider. */
export function claimFailure({ status }: NodeClaim): MachineFailure | undefined {
  const launched = status?.conditions?.find(({ type }) => type === "Launched");
  const { status: value, reason = "", message = "" } = launched ?? {};
  // Before the first attempt it is Unknown too, with a reason of its own.
  if (value === undefined || value === "True" || reason === "AwaitingReconciliation") return undefined;
  return failureOf(reason, message);
}

/** Karpenter deletes a claim for which there is no machine, and says so in an event at it. */
export function noCapacity(message: string): MachineFailure {
  const failure = failureOf("", message);
  return failure === undefined || failure.kind === "unavailable"
    ? { kind: "no-capacity", detail: message }
    : failure;
}

/** Only where the cloud's own code stands in it: what else a provider says may just be slow. */
export function codedFailure(message: string): MachineFailure | undefined {
  const coded = CODES.find(([, codes]) => codes.some((code) => message.includes(code)));
  return coded === undefined ? undefined : { kind: coded[0], detail: message };
}

function failureOf(reason: string, message: string): MachineFailure | undefined {
  const coded = CODES.find(([, codes]) =>
    codes.some((code) => message.includes(code) || reason.includes(code)),
  );
  const kind = coded?.[0] ?? REASONS[reason];
  const detail = message === "" ? reason : message;
  if (kind !== undefined) return { kind, detail };
  return detail === "" ? undefined : { kind: "unavailable", detail };
}
