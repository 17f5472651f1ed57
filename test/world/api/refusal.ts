// How the API says no: `Status` objects with the codes and reasons of a real server, thrown where the fault is
// found and turned into an answer in one place. Wording follows the real server closely, because people and
// clients read it; no code of ours may depend on it.

import type { ResourceInfo } from "../../../coordinator/replay/world-resources.ts";
import type { KubeStatus } from "../../../shared/model/kube.ts";

export interface Cause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusBody extends KubeStatus {
  readonly apiVersion: "v1";
  readonly metadata: object;
  readonly code: number;
}

export interface RefusalOptions {
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
  /** The message goes out as text, not as a Status. */
  readonly asText?: boolean;
}

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly body: StatusBody;
  readonly asText: boolean;

  constructor(code: number, reason: string, message: string, options: RefusalOptions = {}) {
    super(message);
    this.body = statusBody(code, reason, message, options);
    this.asText = options.asText ?? false;
  }
}

export function statusBody(
  code: number,
  reason: string,
  message: string,
  options: RefusalOptions = {},
): StatusBody {
  const details = {
    ...(options.causes === undefined ? {} : { causes: options.causes }),
    ...(options.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: options.retryAfterSeconds }),
  };
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: code < 400 ? "Success" : "Failure",
    message,
    ...(reason === "" ? {} : { reason }),
    ...(Object.keys(details).length === 0 ? {} : { details }),
    code,
  };
}

export function notFound(info: ResourceInfo, name: string): Refusal {
  return new Refusal(404, "NotFound", `${qualified(info)} "${name}" not found`);
}

export function noSuchResource(): Refusal {
  return new Refusal(404, "NotFound", "the server could not find the requested resource");
}

/** A group, version or kind that nobody serves: no handler is there to answer with a Status. */
export function noSuchPath(): Refusal {
  return new Refusal(404, "NotFound", "404 page not found\n", { asText: true });
}

export function alreadyExists(info: ResourceInfo, name: string): Refusal {
  return new Refusal(409, "AlreadyExists", `${qualified(info)} "${name}" already exists`);
}

export function conflict(info: ResourceInfo, name: string, why: string): Refusal {
  return new Refusal(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualified(info)} "${name}": ${why}`,
  );
}

/** The precondition of a write names a version that is no longer the object's. */
export function outdated(info: ResourceInfo, name: string): Refusal {
  return conflict(
    info,
    name,
    "the object has been modified; please apply your changes to the latest version and try again",
  );
}

export function badRequest(message: string): Refusal {
  return new Refusal(400, "BadRequest", message);
}

export function methodNotAllowed(): Refusal {
  return new Refusal(
    405,
    "MethodNotAllowed",
    "the server does not allow this method on the requested resource",
  );
}

export function expired(message: string): Refusal {
  return new Refusal(410, "Expired", message);
}

/** One or more fields do not validate. */
export function invalid(kind: string, name: string, causes: readonly Cause[]): Refusal {
  const list = causes.map((cause) => `${cause.field}: ${cause.message}`).join(", ");
  return new Refusal(422, "Invalid", `${kind} "${name}" is invalid: ${list}`, { causes });
}

function qualified(info: ResourceInfo): string {
  return info.group === "" ? info.plural : `${info.plural}.${info.group}`;
}
