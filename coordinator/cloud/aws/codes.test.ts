import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { ANY_CALL, errorXml, startScriptedAws } from "../../../test/build/aws.ts";
import type { ScriptedAws } from "../../../test/build/aws.ts";
import { AWS_CODES, launchKindOf } from "./codes.ts";

let aws: ScriptedAws;
beforeAll(async () => {
  aws = await startScriptedAws();
});
afterAll(async () => {
  await aws[Symbol.asyncDispose]();
});

/** Code → kind, as the contract of groups wants it; said here again, so that no slip in the table goes unseen. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  throttled: [
    "Throttling",
    "ThrottledRequest",
    "TooManyRequests",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
  ],
  denied: [
    "AccessDenied",
    "UnauthorizedOperation",
    "AuthFailure",
    "ExpiredToken",
    "RequestExpired",
    "TokenRefreshRequired",
    "InvalidClientTokenId",
    "UnrecognizedClient",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "InvalidSignature",
    "IncompleteSignature",
    "RequestTimeTooSkewed",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "PendingVerification",
    "Blocked",
    "ServiceLinkedRoleFailure",
    "CredentialsProviderError",
    "TokenProviderError",
  ],
  conflict: [
    "ResourceContention",
    "ResourceInUse",
    "ScalingActivityInProgress",
    "AlreadyExists",
    "IncorrectInstanceState",
  ],
  quota: [
    "LimitExceeded",
    "InstanceLimitExceeded",
    "VcpuLimitExceeded",
    "MaxSpotInstanceCountExceeded",
    "SpotMaxInstanceCountExceeded",
    "MaxSpotFleetRequestCountExceeded",
    "VolumeLimitExceeded",
    "MaxIOPSLimitExceeded",
    "NetworkInterfaceLimitExceeded",
    "AddressLimitExceeded",
    "InsufficientFreeAddressesInSubnet",
  ],
  "no-capacity": [
    "InsufficientInstanceCapacity",
    "InsufficientCapacity",
    "InsufficientHostCapacity",
    "InsufficientCapacityOnHost",
    "InsufficientReservedInstanceCapacity",
    "InsufficientReservedInstancesCapacity",
    "ReservationCapacityExceeded",
    "UnfulfillableCapacity",
    "SpotMaxPriceTooLow",
  ],
  misconfigured: [
    "Unsupported",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidParameterCombination",
    "MissingParameter",
    "InvalidQueryParameter",
    "MalformedQueryString",
    "InvalidAction",
    "InvalidFleetConfiguration",
    "InvalidFleetConfig",
    "LaunchTemplateNotFound",
    "InvalidLaunchTemplateId.NotFound",
    "InvalidLaunchTemplateId.VersionNotFound",
    "InvalidLaunchTemplateName.NotFound",
    "InvalidAMIID.NotFound",
    "InvalidAMIID.Unavailable",
    "InvalidKeyPair.NotFound",
    "InvalidGroup.NotFound",
    "InvalidSubnetID.NotFound",
    "InvalidIamInstanceProfile",
    "Client.InternalError",
  ],
  unavailable: [
    "InvalidNextToken",
    "InternalFailure",
    "InternalError",
    "InternalServerError",
    "ServiceUnavailable",
    "Unavailable",
    "RequestTimeout",
  ],
};
const CASES = Object.entries(KINDS).flatMap(([kind, codes]) => codes.map((code) => [code, kind] as const));

async function failWith(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  aws.answer({ DescribeAutoScalingGroups: () => ({ status, text, headers }) });
  return await aws.account.look(["gpu"], ANY_CALL).catch((error: unknown) => error);
}

describe("a call that AWS refuses", () => {
  // A status that would say something else on its own: the code decides.
  test.each(CASES)("with %s is %s", async (code, kind) => {
    expect(await failWith(418, errorXml(code, "in words"))).toMatchObject({
      kind,
      message: expect.stringContaining("DescribeAutoScalingGroups in us-west-2: in words") as string,
    });
  });

  test("has a case here for each row of the table", () => {
    expect(CASES.map(([code]) => code).toSorted()).toEqual(Object.keys(AWS_CODES).toSorted());
  });

  test.each([
    ["ScalingActivityInProgressFault", "conflict"],
    ["ResourceContentionFault", "conflict"],
    ["LimitExceededFault", "quota"],
    ["ThrottlingException", "throttled"],
    ["AccessDeniedException", "denied"],
    ["ExpiredTokenException", "denied"],
    ["UnrecognizedClientException", "denied"],
    ["Server.InsufficientInstanceCapacity", "no-capacity"],
    ["Client.InstanceLimitExceeded", "quota"],
  ])("in the other spelling %s is %s", async (code, kind) => {
    expect(await failWith(400, errorXml(code))).toMatchObject({ kind });
  });

  test.each([
    ["New SetDesiredCapacity value 99 is above max value 10 for the AutoScalingGroup.", "refused"],
    ["New SetDesiredCapacity value 0 is below min value 1 for the AutoScalingGroup.", "refused"],
    [
      "Currently, desiredSize equals minSize (1). Terminating instance without replacement will violate group's min size constraint.",
      "refused",
    ],
    [
      "AutoScalingGroup gpu has min-size=1, max-size=5, and desired-size=1. To detach 1 instance, please update the AutoScalingGroup sizes appropriately.",
      "refused",
    ],
    ["AutoScalingGroup name not found - AutoScalingGroup gpu not found", "not-found"],
    ["AutoScalingGroup name not found - no such group: gpu-max-size-8", "not-found"],
    ["Instance Id not found - No managed instance found for instance ID: i-0a", "not-found"],
    ["The instance i-0a is not part of Auto Scaling group gpu.", "not-found"],
    ["AutoScalingGroup gpu is pending delete", "not-found"],
    ["The instance i-0a is not in InService or Standby.", "conflict"],
    ["You must use a valid fully-formed launch template. The image is gone.", "misconfigured"],
    ["1 validation error detected", "refused"],
  ])("with ValidationError and %j is %s", async (message, kind) => {
    expect(await failWith(400, errorXml("ValidationError", message))).toMatchObject({ kind });
  });

  test.each([
    [500, "unavailable"],
    [503, "unavailable"],
    [429, "throttled"],
    [403, "denied"],
    [401, "denied"],
    [400, "refused"],
  ])("with a code that nobody knows and status %i is %s", async (status, kind) => {
    expect(await failWith(status, errorXml("BrandNewTrouble"))).toMatchObject({
      kind,
      data: { code: "BrandNewTrouble", status },
    });
  });

  test("tells how long AWS asks to wait", async () => {
    const error = await failWith(400, errorXml("Throttling", "Rate exceeded"), { "retry-after": "7" });
    expect(error).toMatchObject({ kind: "throttled", retryAfterMs: 7_000 });
  });

  test("is sent once, whatever the SDK would retry", async () => {
    await using once = await startScriptedAws({
      DescribeAutoScalingGroups: () => ({ status: 500, text: errorXml("InsufficientInstanceCapacity") }),
    });
    await expect(once.account.look(["gpu"], ANY_CALL)).rejects.toMatchObject({ kind: "no-capacity" });
    expect(once.server.requests).toHaveLength(1);
  });
});

describe("launchKindOf()", () => {
  test.each([
    [
      "We currently do not have sufficient p4d.24xlarge capacity in the Availability Zone you requested (us-west-2a). Our system will be working on provisioning additional capacity. Launching EC2 instance failed.",
      "no-capacity",
    ],
    [
      "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity available that matches your request. Launching EC2 instance failed.",
      "no-capacity",
    ],
    ["There is no Spot capacity available that matches your request.", "no-capacity"],
    [
      "Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity due to your request configuration. Please adjust your request and try again.",
      "no-capacity",
    ],
    [
      "Could not launch Spot Instances. SpotMaxPriceTooLow - Your Spot request price of 0.01 is lower than the minimum required Spot request fulfillment price of 9.83.",
      "no-capacity",
    ],
    [
      "Your Spot request price of 0.01 is lower than the minimum required Spot request fulfillment price of 9.83.",
      "no-capacity",
    ],
    ["price too low", "no-capacity"],
    [
      "Could not launch Spot Instances. MaxSpotInstanceCountExceeded - Max spot instance count exceeded. Launching EC2 instance failed.",
      "quota",
    ],
    [
      "You have requested more vCPU capacity than your current vCPU limit of 96 allows for the instance bucket that the specified instance type belongs to. Launching EC2 instance failed.",
      "quota",
    ],
    ["Your quota allows for 0 more running instance(s). You requested at least 1.", "quota"],
    [
      "There are not enough free addresses in subnet 'subnet-1' to satisfy the requested number of instances.",
      "quota",
    ],
    [
      "The requested configuration is currently not supported. Please check the documentation for supported configurations.",
      "misconfigured",
    ],
    [
      "Your requested instance type (p5.48xlarge) is not supported in your requested Availability Zone (us-west-2d).",
      "misconfigured",
    ],
    ["The image id '[ami-1]' does not exist. Launching EC2 instance failed.", "misconfigured"],
    ["The key pair 'ops' does not exist. Launching EC2 instance failed.", "misconfigured"],
    ["The security group 'sg-1' does not exist. Launching EC2 instance failed.", "misconfigured"],
    ["The subnet ID 'subnet-1' does not exist. Launching EC2 instance failed.", "misconfigured"],
    ["Invalid IAM Instance Profile name. Launching EC2 instance failed.", "misconfigured"],
    ["The specified launch template, with template ID lt-1, does not exist.", "misconfigured"],
    [
      "Instance became unhealthy while waiting for instance to be in InService state. Termination Reason: Client.InternalError: Client error on launch",
      "misconfigured",
    ],
    ["You are not authorized to perform this operation. Launching EC2 instance failed.", "denied"],
    ["Your account is currently blocked and not recognized as a valid account.", "denied"],
    ["Request limit exceeded. Launching EC2 instance failed.", "throttled"],
    ["Server.InternalError: Internal error on launch", "unavailable"],
    ["Something that nobody has seen before.", "unavailable"],
    ["", "unavailable"],
  ])("%j is %s", (text, kind) => {
    expect(launchKindOf(text)).toBe(kind);
  });
});
