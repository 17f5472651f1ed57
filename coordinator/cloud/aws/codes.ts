// AWS's words for what went wrong and our kinds for them, in one table: error codes of calls, and the texts by which a
// scaling activity says why a machine did not come. A code of the table may stand in such a text too. Pure data with
// the two look-ups; what a call's status says beyond its code is judged in errors.ts.

import { LAUNCH_FAILURES } from "../../../shared/contract/policy/status.ts";
import type { LaunchFailureKind } from "../../../shared/contract/policy/status.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";

interface Row {
  readonly kind: ErrorKind;
  /** How AWS says the same in a sentence, where it leaves the code out. */
  readonly text?: RegExp;
}

/** By code without the endings `Fault` and `Exception`, which AWS writes on some sides and not on others. */
export const AWS_CODES = {
  Throttling: { kind: "throttled", text: /rate exceeded/i },
  ThrottledRequest: { kind: "throttled" },
  TooManyRequests: { kind: "throttled" },
  RequestLimitExceeded: { kind: "throttled", text: /request limit exceeded/i },
  RequestThrottled: { kind: "throttled" },
  SlowDown: { kind: "throttled" },
  PriorRequestNotComplete: { kind: "throttled" },

  AccessDenied: { kind: "denied" },
  UnauthorizedOperation: { kind: "denied", text: /not authorized to (?:perform|use)/i },
  AuthFailure: { kind: "denied" },
  ExpiredToken: { kind: "denied" },
  RequestExpired: { kind: "denied" },
  TokenRefreshRequired: { kind: "denied" },
  InvalidClientTokenId: { kind: "denied" },
  UnrecognizedClient: { kind: "denied" },
  InvalidAccessKeyId: { kind: "denied" },
  SignatureDoesNotMatch: { kind: "denied" },
  InvalidSignature: { kind: "denied" },
  IncompleteSignature: { kind: "denied" },
  RequestTimeTooSkewed: { kind: "denied" },
  MissingAuthenticationToken: { kind: "denied" },
  NotAuthorized: { kind: "denied" },
  OptInRequired: { kind: "denied" },
  PendingVerification: { kind: "denied", text: /account is currently (?:blocked|being verified)/i },
  Blocked: { kind: "denied" },
  ServiceLinkedRoleFailure: { kind: "denied", text: /service-linked role/i },
  CredentialsProviderError: { kind: "denied" },
  TokenProviderError: { kind: "denied" },

  ResourceContention: { kind: "conflict" },
  ResourceInUse: { kind: "conflict" },
  ScalingActivityInProgress: { kind: "conflict" },
  AlreadyExists: { kind: "conflict" },
  IncorrectInstanceState: { kind: "conflict" },

  LimitExceeded: { kind: "quota" },
  InstanceLimitExceeded: { kind: "quota", text: /your quota allows for \d+ more/i },
  VcpuLimitExceeded: { kind: "quota", text: /more vCPU capacity than your current vCPU limit/i },
  MaxSpotInstanceCountExceeded: { kind: "quota", text: /max(?:imum)? spot instance count exceeded/i },
  SpotMaxInstanceCountExceeded: { kind: "quota" },
  MaxSpotFleetRequestCountExceeded: { kind: "quota" },
  VolumeLimitExceeded: { kind: "quota" },
  MaxIOPSLimitExceeded: { kind: "quota" },
  NetworkInterfaceLimitExceeded: { kind: "quota" },
  AddressLimitExceeded: { kind: "quota" },
  InsufficientFreeAddressesInSubnet: { kind: "quota", text: /not enough free addresses in subnet/i },

  InsufficientInstanceCapacity: {
    kind: "no-capacity",
    text: /not have sufficient .* capacity|no spot capacity available/i,
  },
  InsufficientCapacity: { kind: "no-capacity" },
  InsufficientHostCapacity: { kind: "no-capacity" },
  InsufficientCapacityOnHost: { kind: "no-capacity" },
  InsufficientReservedInstanceCapacity: { kind: "no-capacity" },
  InsufficientReservedInstancesCapacity: { kind: "no-capacity" },
  ReservationCapacityExceeded: {
    kind: "no-capacity",
    text: /capacity reservation .* (?:exhausted|insufficient)/i,
  },
  UnfulfillableCapacity: { kind: "no-capacity", text: /unable to fulfill capacity/i },
  // The market's price is a state of the market: it passes, as a lack of machines does.
  SpotMaxPriceTooLow: {
    kind: "no-capacity",
    text: /spot (?:request|instance|max(?:imum)?) ?price .*lower than|price[ -]too[ -]low/i,
  },

  Unsupported: {
    kind: "misconfigured",
    text: /requested configuration is currently not supported|not supported in your requested availability zone/i,
  },
  InvalidParameter: { kind: "misconfigured" },
  InvalidParameterValue: { kind: "misconfigured" },
  InvalidParameterCombination: { kind: "misconfigured" },
  MissingParameter: { kind: "misconfigured" },
  InvalidQueryParameter: { kind: "misconfigured" },
  MalformedQueryString: { kind: "misconfigured" },
  InvalidAction: { kind: "misconfigured" },
  InvalidFleetConfiguration: { kind: "misconfigured" },
  InvalidFleetConfig: { kind: "misconfigured" },
  LaunchTemplateNotFound: { kind: "misconfigured", text: /launch (?:template|configuration)/i },
  "InvalidLaunchTemplateId.NotFound": { kind: "misconfigured" },
  "InvalidLaunchTemplateId.VersionNotFound": { kind: "misconfigured" },
  "InvalidLaunchTemplateName.NotFound": { kind: "misconfigured" },
  "InvalidAMIID.NotFound": { kind: "misconfigured", text: /image id .* does not exist/i },
  "InvalidAMIID.Unavailable": { kind: "misconfigured" },
  "InvalidKeyPair.NotFound": { kind: "misconfigured", text: /key pair .* does not exist/i },
  "InvalidGroup.NotFound": { kind: "misconfigured", text: /security group .* does not exist/i },
  "InvalidSubnetID.NotFound": { kind: "misconfigured", text: /subnet (?:id )?.* does not exist/i },
  InvalidIamInstanceProfile: { kind: "misconfigured", text: /invalid iam instance profile/i },
  // A volume whose key nobody may use looks like this, and nothing of it goes by itself.
  "Client.InternalError": { kind: "misconfigured", text: /client error on launch/i },

  // A page that AWS has forgotten: the next reading begins anew.
  InvalidNextToken: { kind: "unavailable" },
  InternalFailure: { kind: "unavailable" },
  InternalError: { kind: "unavailable", text: /internal error on launch/i },
  InternalServerError: { kind: "unavailable" },
  ServiceUnavailable: { kind: "unavailable" },
  Unavailable: { kind: "unavailable" },
  RequestTimeout: { kind: "unavailable" },
} as const satisfies Readonly<Record<string, Row>>;

const ROWS: Readonly<Record<string, Row>> = AWS_CODES;

/**
 * A ValidationError says in words only what was wrong. Sizes come before "not found": AWS names the group in both.
 * What stands in none of them was a request that AWS finds wrong.
 */
export const VALIDATION_TEXTS: readonly (readonly [RegExp, ErrorKind])[] = [
  // A group may have a size in its name.
  [/^autoscalinggroup name not found/i, "not-found"],
  [
    /min(?:imum)?[ -]?size|max(?:imum)?[ -]?size|(?:above|over) max|(?:below|under) min|desired ?size equals/i,
    "refused",
  ],
  [/no managed instance found|not found|does not exist|is not part of auto scaling group/i, "not-found"],
  [
    /is not in (?:inservice|standby|the correct)|not in a state|currently (?:terminating|detaching)|already being/i,
    "conflict",
  ],
  [/pending delete|delet(?:e|ion) in progress/i, "not-found"],
  [/launch (?:template|configuration)|instance type|subnet|availability zone/i, "misconfigured"],
];

/** The kind of an error code, in either spelling; undefined for one that the table does not have. */
export function kindOfCode(code: string, message: string): ErrorKind | undefined {
  if (bare(code) === "ValidationError" || bare(code) === "Validation")
    return VALIDATION_TEXTS.find(([text]) => text.test(message))?.[1] ?? "refused";
  return rowOf(code)?.kind;
}

/**
 * Why a machine did not come, from an activity's text. One that says nothing we know is `unavailable`: the cloud did
 * not bring it, and whether that passes nobody knows.
 */
export function launchKindOf(text: string): LaunchFailureKind {
  const named = text.match(/[A-Za-z]+(?:\.[A-Za-z]+)*/g) ?? [];
  const byCode = named.map((word) => rowOf(word)?.kind).find((kind) => kind !== undefined);
  const found = byCode ?? Object.values(ROWS).find((row) => row.text?.test(text) === true)?.kind;
  return LAUNCH_FAILURES.find((kind) => kind === found) ?? "unavailable";
}

function rowOf(code: string): Row | undefined {
  const name = bare(code);
  if (Object.hasOwn(ROWS, name)) return ROWS[name];
  // EC2 says which side is to blame in front of the code.
  const behind = name.replace(/^(?:Client|Server)\./, "");
  return Object.hasOwn(ROWS, behind) ? ROWS[behind] : undefined;
}

function bare(code: string): string {
  return code.replace(/(?:Fault|Exception)$/, "");
}
