// What EC2's metadata service writes: its identity document, its scheduled events with their own date format, its error
// pages. Formats only; what is shown when is in aws.ts.

import type { EpochMs } from "../../../shared/model/units.ts";

export interface AwsIdentity {
  readonly instanceId: string;
  readonly instanceType: string;
  readonly region: string;
  readonly zone: string;
  readonly zoneId: string;
  readonly lifecycle: "spot" | "on-demand" | "scheduled" | "capacity-block";
  readonly hostname: string;
}

export const AWS_IDENTITY: AwsIdentity = {
  instanceId: "i-0a1b2c3d4e5f60718",
  instanceType: "p4d.24xlarge",
  region: "us-west-2",
  zone: "us-west-2b",
  zoneId: "usw2-az1",
  lifecycle: "spot",
  hostname: "ip-10-0-3-17.us-west-2.compute.internal",
};

export interface AwsEvent {
  /** `instance-event-…`. */
  readonly eventId: string;
  readonly code:
    | "instance-reboot"
    | "system-reboot"
    | "system-maintenance"
    | "instance-retirement"
    | "instance-stop";
  /** Active when absent. One that is over may stay listed for about a week. */
  readonly state?: "active" | "completed" | "canceled";
  readonly description?: string;
  readonly notBefore: EpochMs;
  readonly notAfter?: EpochMs;
  readonly notBeforeDeadline?: EpochMs;
}

/** To the second, as the notices have it. */
export function awsTime(at: EpochMs): string {
  return new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
}

/** `21 Jan 2019 09:00:43 GMT`: what scheduled events have, and no RFC has. */
export function awsEventTime(at: EpochMs): string {
  return new Date(at).toUTCString().replace(/^\w+, /, "");
}

const PREFIX = { active: "", completed: "[Completed] ", canceled: "[Canceled] " } as const;

export function maintenanceText(events: readonly AwsEvent[]): string {
  const shown = events.map(
    ({ eventId, code, state = "active", description = "Scheduled work", ...times }) => ({
      NotBefore: awsEventTime(times.notBefore),
      Code: code,
      Description: `${PREFIX[state]}${description}`,
      EventId: eventId,
      ...(times.notAfter === undefined ? {} : { NotAfter: awsEventTime(times.notAfter) }),
      ...(times.notBeforeDeadline === undefined
        ? {}
        : { NotBeforeDeadline: awsEventTime(times.notBeforeDeadline) }),
      State: state,
    }),
  );
  return JSON.stringify(shown, null, 2);
}

export function identityText(identity: AwsIdentity): string {
  const { instanceId, instanceType, region, zone } = identity;
  return JSON.stringify(
    {
      accountId: "123456789012",
      architecture: "x86_64",
      availabilityZone: zone,
      imageId: "ami-0123456789abcdef0",
      instanceId,
      instanceType,
      pendingTime: "2026-01-01T00:00:00Z",
      privateIp: "10.0.3.17",
      region,
      version: "2017-09-30",
    },
    null,
    2,
  );
}

const REASONS: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Not Allowed",
};

export function errorPage(status: number): string {
  const title = `${status} - ${REASONS[status] ?? "Error"}`;
  return `<?xml version="1.0" encoding="iso-8859-1"?>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
}
