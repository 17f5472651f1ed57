// Scaling activities as AWS shows them: what a group tried, when, and in whose words it failed. The words matter, since
// the service has no field for the kind of a failure. It makes up no activity that the simulated cloud did not have.

import { randomUUID } from "node:crypto";

import type { CloudActivity, CloudFailure, CloudGroup } from "../../../coordinator/replay/world-cloud.ts";
import type { XmlFields } from "./aws-xml.ts";

/** How AWS words a launch that failed, by the code that the simulated cloud gives. */
const WORDING: Readonly<Record<string, (group: CloudGroup) => string>> = {
  InsufficientInstanceCapacity: ({ shape }) =>
    shape.capacityType === "spot"
      ? spotFailure(
          "InsufficientInstanceCapacity",
          "There is no Spot capacity available that matches your request",
        )
      : `We currently do not have sufficient ${shape.instanceTypes[0]} capacity in the Availability Zone you requested (${shape.zones[0] ?? ""}). Our system will be working on provisioning additional capacity.`,
  UnfulfillableCapacity: () =>
    spotFailure(
      "UnfulfillableCapacity",
      "Unable to fulfill capacity due to your request configuration. Please adjust your request and try again",
    ),
  MaxSpotInstanceCountExceeded: () =>
    spotFailure("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded"),
  VcpuLimitExceeded: () =>
    "You have requested more vCPU capacity than your current vCPU limit of 64 allows for the instance bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.",
  SpotMaxPriceTooLow: () =>
    spotFailure(
      "SpotMaxPriceTooLow",
      "Your Spot request price of 0.1 is lower than the minimum required Spot request fulfillment price of 0.4",
    ),
  UnauthorizedOperation: () =>
    "You are not authorized to perform this operation. Encoded authorization failure message: xyz.",
  InvalidAMIID: () => "The image id '[ami-0123456789abcdef0]' does not exist.",
};

export function statusMessage(failure: CloudFailure, group: CloudGroup): string {
  const said = WORDING[failure.code]?.(group) ?? `${failure.code} - ${failure.message}`;
  return `${said.endsWith(".") ? said : `${said}.`} Launching EC2 instance failed.`;
}

/** `skewMs` is added to the world's time. */
export function describeActivity(activity: CloudActivity, group: CloudGroup, skewMs: number): XmlFields {
  const { id, what, instance, failure } = activity;
  const at = new Date(activity.at + skewMs).toISOString();
  const there = instance === null ? null : group.instances.find((each) => each.id === instance);
  const isUnderWay =
    (what === "launch" && there?.state === "pending") ||
    (what === "terminate" && there?.state === "terminating");
  const message = failure === null ? undefined : statusMessage(failure, group);
  return {
    ActivityId: id,
    AutoScalingGroupName: group.name,
    Description: describe(activity, message),
    Cause: causes[what](at),
    StartTime: at,
    EndTime: isUnderWay ? undefined : at,
    StatusCode: failure !== null ? "Failed" : isUnderWay ? "InProgress" : "Successful",
    StatusMessage: message,
    Progress: isUnderWay ? 30 : 100,
    Details: JSON.stringify({ "Availability Zone": there?.zone ?? group.shape.zones[0] ?? "" }),
  };
}

/** What a call answers at once of the activity that it began. */
export function begunActivity(
  group: string,
  what: "terminate" | "detach",
  instance: { readonly id: string; readonly zone: string },
  atMs: number,
): XmlFields {
  const at = new Date(atMs).toISOString();
  return {
    ActivityId: randomUUID(),
    AutoScalingGroupName: group,
    Description: describe({ what, instance: instance.id }, undefined),
    Cause: causes[what](at),
    StartTime: at,
    StatusCode: "InProgress",
    Progress: what === "detach" ? 50 : 0,
    Details: JSON.stringify({ "Availability Zone": instance.zone }),
  };
}

const causes: Readonly<Record<CloudActivity["what"], (at: string) => string>> = {
  launch: (at) =>
    `At ${at} an instance was started in response to a difference between desired and actual capacity.`,
  terminate: (at) => `At ${at} an instance was taken out of service in response to a user request.`,
  detach: (at) => `At ${at} an instance was detached in response to a user request.`,
};

function describe(
  { what, instance }: Pick<CloudActivity, "what" | "instance">,
  message: string | undefined,
): string {
  if (message !== undefined) return `Launching a new EC2 instance.  Status Reason: ${message}`;
  const verbs = { launch: "Launching a new", terminate: "Terminating", detach: "Detaching" };
  return `${verbs[what]} EC2 instance: ${instance ?? ""}`;
}

function spotFailure(code: string, message: string): string {
  return `Could not launch Spot Instances. ${code} - ${message}`;
}
