// Whom AWS's API lets in, as far as a stand-in can tell: there are credentials, they are for this region and service, and
// the request was made at about the service's time. No signature is checked.

import type { IncomingHttpHeaders } from "node:http";

import { AwsRefusal } from "./aws-query.ts";

/** How far a request's time may be from the service's. */
const LIFETIME_MS = 5 * 60_000;

/** @throws AwsRefusal for a request that the service would not even look at. */
export function refuseStranger(
  headers: IncomingHttpHeaders,
  region: string,
  serviceNowMs: number,
  own: "autoscaling" | "ec2" = "autoscaling",
): void {
  const { authorization = "" } = headers;
  if (authorization === "")
    throw new AwsRefusal("MissingAuthenticationToken", "Request is missing Authentication Token");
  // Credential=<key>/<day>/<region>/<service>/aws4_request
  const scope = /Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request/.exec(authorization);
  const [, scopedRegion = "", service = ""] = scope ?? [];
  if (scopedRegion !== region)
    throw new AwsRefusal(
      "SignatureDoesNotMatch",
      `Credential should be scoped to a valid region, not '${scopedRegion}'.`,
    );
  if (service !== own)
    throw new AwsRefusal(
      "SignatureDoesNotMatch",
      `Credential should be scoped to correct service: '${own}'.`,
    );
  const stamp = String(headers["x-amz-date"] ?? "");
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(stamp)?.slice(1).map(Number);
  if (parts === undefined)
    throw new AwsRefusal("IncompleteSignature", `Date must be in ISO-8601 'basic format'. Got '${stamp}'.`);
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts;
  const madeAt = Date.UTC(year, month - 1, day, hour, minute, second);
  if (Math.abs(serviceNowMs - madeAt) > LIFETIME_MS) {
    const word = madeAt < serviceNowMs ? "Signature expired" : "Signature not yet current";
    throw new AwsRefusal(
      "SignatureDoesNotMatch",
      `${word}: ${stamp} is more than 5 min. from ${new Date(serviceNowMs).toISOString()}`,
    );
  }
}
