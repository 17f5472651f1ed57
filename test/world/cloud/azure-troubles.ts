// Answers that Azure gives on a bad day, as troubles for face.ts: a size of another type, an error that calls itself a
// success, a page that promises itself. What the services refuse in good order is in azure-actions.ts.

import { errorBody } from "./azure-request.ts";
import type { Json } from "./azure-request.ts";
import type { Trouble } from "./trouble.ts";

/** Whatever the group's size is, the answer says it in another way. */
export function sizeAs(group: string, value: unknown): Trouble {
  return {
    kind: "edit",
    edit: (text) => {
      const json = JSON.parse(text) as Json;
      return JSON.stringify(withSize(json, group, value));
    },
  };
}

function withSize(json: unknown, group: string, value: unknown): unknown {
  if (typeof json !== "object" || json === null) return json;
  const body = json as Json;
  if (Array.isArray(body["value"]))
    return { ...body, value: body["value"].map((each) => withSize(each, group, value)) };
  if (body["name"] !== group) return body;
  if (body["sku"] !== undefined) return { ...body, sku: { ...(body["sku"] as Json), capacity: value } };
  return { ...body, properties: { ...(body["properties"] as Json), count: value } };
}

/** An error in an answer with status 200. The call takes effect. */
export function errorIn200(code: string, message: string): Trouble {
  return { kind: "edit", edit: () => errorBody(code, message) };
}

/** A page with nothing on it that promises itself as the next one. */
export function emptyPageAt(address: string): Trouble {
  return { kind: "edit", edit: () => JSON.stringify({ value: [], nextLink: address }) };
}

const MESSAGES: Readonly<Record<string, string>> = {
  AuthorizationFailed:
    "The client '66666666' does not have authorization to perform action 'Microsoft.Compute/virtualMachineScaleSets/write' over scope '/subscriptions/7d4f' or the scope is invalid.",
  OperationNotAllowed:
    "Operation could not be completed as it results in exceeding approved standardNCADSA100v4Family Cores quota. Additional details - Deployment Model: Resource Manager, Current Limit: 96, Current Usage: 96, Additional Required: 96.",
  TooManyRequests: "The request is being throttled as the limit has been reached for operation type.",
  PreconditionFailed: "The condition in the If-Match header was not satisfied.",
  AllocationFailed:
    "Allocation failed. We do not have sufficient capacity for the requested VM size in this region.",
};

/** What Azure says with a code, as far as we have seen it. */
export function messageOf(code: string): string {
  return Object.hasOwn(MESSAGES, code) ? (MESSAGES[code] ?? code) : `${code} on demand`;
}
