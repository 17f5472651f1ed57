// Answers that AWS's API gives on a bad day, as troubles for face.ts: a damaged document, a balancer's page, an error that
// calls itself a success. What the service refuses in good order is in aws-actions.ts.

import { emptiedPage } from "./aws-actions.ts";
import { errorXml } from "./aws-xml.ts";
import type { Trouble } from "./trouble.ts";

/** XML cut in half, in an answer that ends in good order. The call takes effect. */
export const CUT_IN_HALF: Trouble = { kind: "half-body" };

/** Whatever the group's size is, the answer does not say it. */
export function withoutSize(group: string): Trouble {
  const named = `<AutoScalingGroupName>${group}</AutoScalingGroupName>`;
  return {
    kind: "edit",
    edit: (xml) => {
      const at = xml.indexOf(named);
      return at < 0
        ? xml
        : xml.slice(0, at) + xml.slice(at).replace(/<DesiredCapacity>\d+<\/DesiredCapacity>/, "");
    },
  };
}

/** The first page has nothing on it and promises a next one, which is the page itself. */
export const EMPTY_PAGE: Trouble = { kind: "edit", edit: emptiedPage };

/** An error in an answer with status 200. The call takes effect. */
export function errorIn200(code: string, message: string): Trouble {
  return { kind: "edit", edit: () => errorXml({ code, message, status: 400 }, "in-200") };
}

/** For `refuse`: no answer of the service, but the page of a balancer before it, with status 500. */
export const BALANCER_PAGE = "a balancer's page";

const MESSAGES: Readonly<Record<string, string>> = {
  AccessDenied:
    "User: arn:aws:sts::123456789012:assumed-role/scaler/pod is not authorized to perform this action",
  ExpiredToken: "The security token included in the request is expired",
  InsufficientInstanceCapacity: "There is no capacity available that matches your request",
  InvalidClientTokenId: "The security token included in the request is invalid",
  LimitExceeded: "You have already reached a limit for your Amazon EC2 Auto Scaling resources",
  RequestLimitExceeded: "Request limit exceeded.",
  ResourceContention: "You already have a pending update to an Amazon EC2 Auto Scaling resource",
  ScalingActivityInProgress: "Scaling activity 6f1e is in progress and blocks this action",
  Throttling: "Rate exceeded",
  VcpuLimitExceeded: "You have requested more vCPU capacity than your current vCPU limit of 64 allows",
};

/** What the service says with a code, as far as we have seen it. */
export function messageOf(code: string): string {
  return MESSAGES[code] ?? `${code} on demand`;
}
