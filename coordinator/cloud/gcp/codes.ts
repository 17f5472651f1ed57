// Google's words for what went wrong and our kinds for them, in one table: reasons of refused requests (quotaExceeded),
// reasons of the newer error details (RATE_LIMIT_EXCEEDED), and codes of failed operations and of single machines
// (ZONE_RESOURCE_POOL_EXHAUSTED). Pure data with the look-ups; what a status says beyond its code is in errors.ts.

import { LAUNCH_FAILURES } from "../../../shared/contract/policy/status.ts";
import type { LaunchFailureKind } from "../../../shared/contract/policy/status.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";

export const GCP_CODES = {
  rateLimitExceeded: "throttled",
  userRateLimitExceeded: "throttled",
  dailyLimitExceeded: "throttled",
  concurrentLimitExceeded: "throttled",
  resourceOperationRateExceeded: "throttled",
  RATE_LIMIT_EXCEEDED: "throttled",
  RESOURCE_OPERATION_RATE_EXCEEDED: "throttled",
  OPERATION_RATE_EXCEEDED: "throttled",
  RATE_LIMIT: "throttled",

  forbidden: "denied",
  insufficientPermissions: "denied",
  accessNotConfigured: "denied",
  authError: "denied",
  required: "denied",
  expired: "denied",
  billingNotEnabled: "denied",
  IAM_PERMISSION_DENIED: "denied",
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: "denied",
  ACCESS_TOKEN_EXPIRED: "denied",
  CREDENTIALS_MISSING: "denied",
  SERVICE_DISABLED: "denied",
  BILLING_DISABLED: "denied",
  CONSUMER_INVALID: "denied",
  USER_PROJECT_DENIED: "denied",
  PERMISSIONS_ERROR: "denied",
  PERMISSION_DENIED: "denied",
  SERVICE_ACCOUNT_ACCESS_DENIED: "denied",
  // An organisation's policy says no: to external addresses, to an image, to a zone.
  VM_EXTERNAL_IP_ACCESS_POLICY_CONSTRAINT: "denied",
  CONDITION_NOT_MET: "denied",

  notFound: "not-found",
  NOT_FOUND: "not-found",
  RESOURCE_NOT_FOUND: "not-found",

  alreadyExists: "conflict",
  ALREADY_EXISTS: "conflict",
  RESOURCE_ALREADY_EXISTS: "conflict",
  conditionNotMet: "conflict",
  resourceInUseByAnotherResource: "conflict",
  RESOURCE_IN_USE_BY_ANOTHER_RESOURCE: "conflict",
  resourceNotReady: "conflict",
  RESOURCE_NOT_READY: "conflict",
  OPERATION_CANCELED_BY_USER: "conflict",

  quotaExceeded: "quota",
  limitExceeded: "quota",
  QUOTA_EXCEEDED: "quota",
  LIMIT_EXCEEDED: "quota",
  GPUS_ALL_REGIONS: "quota",
  IP_SPACE_EXHAUSTED: "quota",
  IP_SPACE_EXHAUSTED_WITH_DETAILS: "quota",

  ZONE_RESOURCE_POOL_EXHAUSTED: "no-capacity",
  ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS: "no-capacity",
  REGION_RESOURCE_POOL_EXHAUSTED: "no-capacity",
  RESOURCE_POOL_EXHAUSTED: "no-capacity",
  insufficientCapacity: "no-capacity",
  INSUFFICIENT_CAPACITY: "no-capacity",
  GPU_STOCKOUT: "no-capacity",
  STOCKOUT: "no-capacity",
  VM_MIN_COUNT_NOT_REACHED: "no-capacity",
  RESERVATION_CAPACITY_EXCEEDED: "no-capacity",
  RESERVATION_NOT_READY: "no-capacity",

  RESERVATION_NOT_FOUND: "misconfigured",
  RESERVATION_INCOMPATIBLE: "misconfigured",
  INVALID_RESERVATION: "misconfigured",
  INVALID_FIELD_VALUE: "misconfigured",
  INVALID_USAGE: "misconfigured",
  INVALID_ARGUMENT: "misconfigured",
  REQUIRED_FIELD: "misconfigured",
  UNSUPPORTED_OPERATION: "misconfigured",
  MACHINE_TYPE_NOT_FOUND: "misconfigured",
  unsupportedOperation: "misconfigured",

  invalid: "refused",
  invalidParameter: "refused",
  badRequest: "refused",
  parseError: "refused",

  backendError: "unavailable",
  internalError: "unavailable",
  INTERNAL_ERROR: "unavailable",
  TIMEOUT: "unavailable",
  UNAVAILABLE: "unavailable",
} as const satisfies Readonly<Record<string, ErrorKind>>;

const TABLE: Readonly<Record<string, ErrorKind>> = GCP_CODES;

/** How Google says it in words, where the code is a general one or one that we do not know. The first that fits counts. */
export const GCP_TEXTS: readonly (readonly [RegExp, ErrorKind])[] = [
  [/reservations? .*(?:do(?:es)? not have (?:available|enough)|no available|exhausted)/i, "no-capacity"],
  [/no available resources in specified reservations/i, "no-capacity"],
  [/reservation/i, "misconfigured"],
  [
    /does not have enough resources available|currently unavailable in the .* zone|stock ?out/i,
    "no-capacity",
  ],
  [/quota .* exceeded|exceeded .* quota|ip space .* exhausted/i, "quota"],
  [/rate limit|too many requests|operation rate/i, "throttled"],
  [/required '.*' permission|permission denied|constraint /i, "denied"],
];

/** The kind of a code; undefined for one that the table does not have. */
export function kindOfCode(code: string): ErrorKind | undefined {
  if (Object.hasOwn(TABLE, code)) return TABLE[code];
  // Google adds codes of a family: ZONE_RESOURCE_POOL_EXHAUSTED_WITH_…, GPU_QUOTA_EXCEEDED.
  if (/RESOURCE_POOL_EXHAUSTED|STOCKOUT/.test(code)) return "no-capacity";
  if (/QUOTA/.test(code)) return "quota";
  return undefined;
}

export function kindOfText(text: string): ErrorKind | undefined {
  return GCP_TEXTS.find(([pattern]) => pattern.test(text))?.[1];
}

export interface GoogleError {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
}

/** Codes that say where it went wrong rather than what: the words behind them say more. */
const GENERAL: readonly string[] = ["CONDITION_NOT_MET", "INVALID_USAGE", "UNSUPPORTED_OPERATION"];

export function kindOfError({ code = "", message = "" }: GoogleError): ErrorKind | undefined {
  const byText = kindOfText(message);
  return GENERAL.includes(code) && byText !== undefined ? byText : (kindOfCode(code) ?? byText);
}

/**
 * Why a machine did not come. What says nothing that we know is `unavailable`: the cloud did not bring it, and whether
 * that passes nobody knows.
 */
export function launchKindOf(error: GoogleError): LaunchFailureKind {
  const kind = kindOfError(error);
  // Something that the template names is not there, or it asks for what does not exist.
  if (kind === "not-found" || kind === "refused") return "misconfigured";
  return LAUNCH_FAILURES.find((known) => known === kind) ?? "unavailable";
}
