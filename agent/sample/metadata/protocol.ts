// What has to stand in a question so that a metadata service answers it, and where the three services are. Facts of
// their documentation, in one place for the probes and the watches.

import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Answer, Question } from "./client.ts";
import type { Cloud } from "./signs.ts";

/** Each cloud's link-local address; AWS has one more, for machines without IPv4. Names would need a working DNS. */
export const BASES: Readonly<Record<Cloud, readonly [string, ...string[]]>> = {
  aws: ["http://169.254.169.254", "http://[fd00:ec2::254]"],
  gcp: ["http://169.254.169.254"],
  azure: ["http://169.254.169.254"],
};

export const AWS = {
  tokenPath: "/latest/api/token",
  ttlHeader: "x-aws-ec2-metadata-token-ttl-seconds",
  tokenHeader: "x-aws-ec2-metadata-token",
  /** The longest that the service gives. */
  ttlSeconds: 21_600,
  data: "/latest/meta-data/",
  identity: "/latest/dynamic/instance-identity/document",
} as const;

export const GCP = {
  data: "/computeMetadata/v1/instance/",
  headers: { "metadata-flavor": "Google" },
} as const;

export const AZURE = {
  headers: { metadata: "true" },
  events: "/metadata/scheduledevents?api-version=2020-07-01",
  compute: "/metadata/instance/compute?api-version=2021-02-01",
} as const;

/** Answers of the services have little more than a few lines. */
export const BYTES_AT_MOST = 64 * 1024;
/** Azure tells of every machine in the group, and of itself with all tags. */
export const AZURE_BYTES_AT_MOST = 256 * 1024;

/** A spot notice is of two minutes at most; one that is further ahead is read by a clock that is off. */
export const FURTHEST_MS: Millis = millis(900_000);

/** Once a service has failed, what is in flight as it returns must not keep it from being seen. */
const FAILING_WITHIN_MS = 1_500;

export function withinMs(usualMs: number, failures: number): Millis {
  return millis(failures > 0 ? Math.min(usualMs, FAILING_WITHIN_MS) : usualMs);
}

export function awsTokenQuestion(within: Millis): Question {
  return {
    method: "PUT",
    path: AWS.tokenPath,
    headers: { [AWS.ttlHeader]: String(AWS.ttlSeconds) },
    withinMs: within,
    what: "get a token for AWS metadata",
  };
}

/** The token in an answer to that; null when it holds none that could be sent in a header. */
export function awsTokenIn({ status, body }: Pick<Answer, "status" | "body">): string | null {
  const token = body.trim();
  return status === 200 && /^[\x21-\x7e]{1,2048}$/.test(token) ? token : null;
}

/** A proxy or a portal answers as well; only Google's own server says so. */
export function isGoogles({ headers }: Pick<Answer, "headers">): boolean {
  return headers["metadata-flavor"] === "Google";
}
