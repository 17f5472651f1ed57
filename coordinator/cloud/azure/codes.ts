// Azure's words for what went wrong and our kinds for them, in one table: error codes of calls, of operations that ended
// badly and of single machines. Azure uses one code for several things, which the message then tells apart. Pure data
// with the two look-ups; what a status says beyond its code is judged in errors.ts.

import { LAUNCH_FAILURES } from "../../../shared/contract/policy/status.ts";
import type { LaunchFailureKind } from "../../../shared/contract/policy/status.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";

interface Row {
  readonly kind: ErrorKind;
  /** Where the message says so, it is this instead; the first that fits. */
  readonly unless?: readonly (readonly [RegExp, ErrorKind])[];
}

const QUOTA_TEXT = /quota|exceed(?:s|ing)? (?:the )?(?:approved|limit)|core limit|limit of \d+/i;

/** Of resource management, of Compute, of AKS and of the token endpoint. */
export const AZURE_CODES = {
  AuthorizationFailed: { kind: "denied" },
  LinkedAuthorizationFailed: { kind: "denied" },
  AuthenticationFailed: { kind: "denied" },
  InvalidAuthenticationToken: { kind: "denied" },
  InvalidAuthenticationTokenTenant: { kind: "denied" },
  ExpiredAuthenticationToken: { kind: "denied" },
  AuthenticationFailedMissingToken: { kind: "denied" },
  RequestDisallowedByPolicy: { kind: "denied" },
  RequestDisallowedByAzure: { kind: "denied" },
  ScopeLocked: { kind: "denied" },
  DenyAssignmentAuthorizationFailed: { kind: "denied" },
  ReadOnlyDisabledSubscription: { kind: "denied" },
  SubscriptionNotRegistered: { kind: "denied" },
  MissingSubscriptionRegistration: { kind: "denied" },
  DisallowedProvider: { kind: "denied" },
  invalid_client: { kind: "denied" },
  unauthorized_client: { kind: "denied" },
  invalid_grant: { kind: "denied" },

  ResourceNotFound: { kind: "not-found" },
  ResourceGroupNotFound: { kind: "not-found" },
  SubscriptionNotFound: { kind: "not-found" },
  ParentResourceNotFound: { kind: "not-found" },
  NotFound: { kind: "not-found" },
  AgentPoolNotFound: { kind: "not-found" },
  MachineNotFound: { kind: "not-found" },

  PreconditionFailed: { kind: "conflict" },
  EtagMismatch: { kind: "conflict" },
  ETagMismatch: { kind: "conflict" },
  ConditionNotMet: { kind: "conflict" },
  Conflict: { kind: "conflict" },
  AnotherOperationInProgress: { kind: "conflict" },
  OperationPreempted: { kind: "conflict" },
  OperationPreemptedByAnotherOperation: { kind: "conflict" },
  ConflictingConcurrentWriteNotAllowed: { kind: "conflict" },
  ConflictingUserInput: { kind: "conflict" },
  NotLatestOperation: { kind: "conflict" },
  ResourceGroupBeingDeleted: { kind: "not-found" },
  // Of Compute it is the quota; of AKS it is an operation that is still going on.
  OperationNotAllowed: {
    kind: "conflict",
    unless: [
      [QUOTA_TEXT, "quota"],
      [/autoscal|minimum|at least one|system (?:node ?)?pool/i, "refused"],
    ],
  },

  TooManyRequests: { kind: "throttled" },
  OperationThrottled: { kind: "throttled" },
  SubscriptionRequestsThrottled: { kind: "throttled" },
  ResourceCollectionRequestsThrottled: { kind: "throttled" },
  TenantRequestsThrottled: { kind: "throttled" },
  Throttled: { kind: "throttled" },

  QuotaExceeded: { kind: "quota" },
  ErrCode_InsufficientVCPUQuota: { kind: "quota" },
  ErrorCode_InsufficientVCPUQuota: { kind: "quota" },
  InsufficientVCPUQuota: { kind: "quota" },
  SpotQuotaExceeded: { kind: "quota" },
  PublicIPCountLimitReached: { kind: "quota" },
  NetworkInterfaceCountLimitReached: { kind: "quota" },
  ResourceQuotaExceeded: { kind: "quota" },
  SubnetIsFull: { kind: "quota" },
  InsufficientSubnetSize: { kind: "quota" },
  VMScaleSetInstanceCountLimitReached: { kind: "quota" },

  AllocationFailed: { kind: "no-capacity" },
  ZonalAllocationFailed: { kind: "no-capacity" },
  OverconstrainedAllocationRequest: { kind: "no-capacity" },
  OverconstrainedZonalAllocationRequest: { kind: "no-capacity" },
  // The size is kept from this subscription in this place at present: other sizes and places may be had.
  SkuNotAvailable: { kind: "no-capacity" },
  CapacityNotAvailable: { kind: "no-capacity" },
  CapacityReservationAllocationFailed: { kind: "no-capacity" },
  SpotVMEvicted: { kind: "no-capacity" },
  // The market's price is a state of the market: it passes, as a lack of machines does.
  OperationNotAllowedOnLowPriorityDueToPrice: { kind: "no-capacity" },

  InvalidParameter: {
    kind: "misconfigured",
    unless: [
      [/not an active virtual machine scale set vm|instance ?id/i, "not-found"],
      [/capacity|quota/i, "refused"],
    ],
  },
  BadRequest: { kind: "refused" },
  InvalidRequestContent: { kind: "refused" },
  InvalidRequestFormat: { kind: "refused" },
  InvalidSubscriptionId: { kind: "misconfigured" },
  InvalidResourceGroup: { kind: "misconfigured" },
  InvalidResourceReference: { kind: "misconfigured" },
  InvalidApiVersionParameter: { kind: "misconfigured" },
  NoRegisteredProviderFound: { kind: "misconfigured" },
  ImageNotFound: { kind: "misconfigured" },
  PlatformImageNotFound: { kind: "misconfigured" },
  GalleryImageNotFound: { kind: "misconfigured" },
  ImageVersionNotFound: { kind: "misconfigured" },
  LinkedInvalidPropertyId: { kind: "misconfigured" },
  ReferencedResourceNotProvisioned: { kind: "misconfigured" },
  KeyVaultAccessForbidden: { kind: "misconfigured" },
  DiskEncryptionSetNotFound: { kind: "misconfigured" },
  PropertyChangeNotAllowed: { kind: "misconfigured" },
  VMExtensionProvisioningError: { kind: "misconfigured" },
  VMExtensionProvisioningTimeout: { kind: "unavailable" },
  ProximityPlacementGroupAllocationFailed: { kind: "no-capacity" },

  InternalServerError: { kind: "unavailable" },
  InternalExecutionError: { kind: "unavailable" },
  InternalOperationError: { kind: "unavailable" },
  InternalDiskManagementError: { kind: "unavailable" },
  NetworkingInternalOperationError: { kind: "unavailable" },
  ServiceUnavailable: { kind: "unavailable" },
  ServerTimeout: { kind: "unavailable" },
  GatewayTimeout: { kind: "unavailable" },
  OperationTimedOut: { kind: "unavailable" },
  AllocationTimeout: { kind: "unavailable" },
  OSProvisioningTimedOut: { kind: "unavailable" },
  OSProvisioningInternalError: { kind: "unavailable" },
  VMStartTimedOut: { kind: "unavailable" },
  RetryableError: { kind: "unavailable" },
  temporarily_unavailable: { kind: "unavailable" },
} as const satisfies Readonly<Record<string, Row>>;

const ROWS: Readonly<Record<string, Row>> = AZURE_CODES;

/** The kind of an error code; undefined for one that the table does not have. */
export function kindOfCode(code: string, message: string): ErrorKind | undefined {
  const row = Object.hasOwn(ROWS, code) ? ROWS[code] : undefined;
  return row?.unless?.find(([text]) => text.test(message))?.[1] ?? row?.kind;
}

/**
 * Why a machine did not come, from a code and a text of an operation or of a machine: the code, else one that the text
 * names. What says nothing that we know is `unavailable`: whether it passes nobody knows.
 */
export function launchKindOf(code: string, text: string): LaunchFailureKind {
  const named = [code, ...(text.match(/[A-Za-z_]{6,}/g) ?? [])];
  const kinds = named.flatMap((word) => kindOfCode(word, text) ?? []);
  const found = kinds.find((kind) => LAUNCH_FAILURES.some((failure) => failure === kind));
  return LAUNCH_FAILURES.find((kind) => kind === found) ?? "unavailable";
}
