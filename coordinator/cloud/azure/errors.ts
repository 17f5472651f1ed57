// Where Azure's refusals become kinds: by code (codes.ts), else by the status. Two shapes are read: that of resource
// management, with the reason often a level below, and that of the token endpoint. What is no refusal and no answer
// either is `malformed`.

import * as z from "zod";

import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import { kindOfCode } from "./codes.ts";

const TEXT_MAX = 300;
const SECOND_MS = 1_000;
const RETRY_AFTER_MAX_S = 3_600;

const said = z.object({ code: z.string(), message: z.string().nullish() });
const errorObject = said.extend({ details: z.array(z.unknown()).nullish() });
const armError = z.object({ error: errorObject });
/** AKS and Azure Monitor leave the wrapping out at times. */
const bareError = errorObject.extend({ id: z.undefined().optional() });
const tokenError = z.object({ error: z.string(), error_description: z.string().nullish() });

export interface Said {
  readonly code: string;
  readonly message: string;
}

/** An error as Azure's bodies, operations and machines carry it; null for what is none. */
export function saidIn(json: unknown): Said | null {
  const arm = armError.safeParse(json);
  if (arm.success) return innermost(arm.data.error);
  const token = tokenError.safeParse(json);
  if (token.success) return { code: token.data.error, message: token.data.error_description ?? "" };
  const bare = bareError.safeParse(json);
  return bare.success ? innermost(bare.data) : null;
}

/** The reason may stand a level below a code that says only that something failed. */
export function innermost({ code, message, details }: z.infer<typeof errorObject>): Said {
  const below = (details ?? []).flatMap((detail) => {
    const read = said.safeParse(detail);
    return read.success ? [{ code: read.data.code, message: read.data.message ?? "" }] : [];
  });
  const own = { code, message: message ?? "" };
  return [own, ...below].find((one) => kindOfCode(one.code, one.message) !== undefined) ?? own;
}

/** `what` completes "cannot …". */
export function refusal(
  what: string,
  {
    status,
    retryAfter,
    body,
  }: { readonly status: number; readonly retryAfter: string | undefined; readonly body: string },
): AppError {
  const found = saidIn(parsed(body));
  const { code, message } = found ?? {
    code: "",
    message: body.trim().slice(0, TEXT_MAX) || "no explanation",
  };
  return new AppError(
    kindOf(status, code, message),
    `cannot ${what}: ${[status, code].join(" ").trim()}: ${firstLine(message)}${wayOut(code)}`,
    { data: { status, code }, retryAfterMs: waitOf(retryAfter) },
  );
}

function kindOf(status: number, code: string, message: string): ErrorKind {
  // Under these statuses Azure's codes are of all sorts, and the status says what is to be done.
  if (status === 429) return "throttled";
  if (status === 412) return "conflict";
  return kindOfCode(code, message) ?? kindOfStatus(status);
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 401 || status === 403) return "denied";
  if (status === 404) return "not-found";
  if (status === 409) return "conflict";
  if (status === 408 || status >= 500) return "unavailable";
  if (status >= 400) return "refused";
  // A redirect, or a success that the call does not have.
  return "malformed";
}

const WAYS_OUT: Readonly<Record<string, string>> = {
  AuthorizationFailed: "; deploy/clouds/azure/README.md says how to give the right",
  LinkedAuthorizationFailed:
    "; the scale set's own subnet, image or identity asks for a right of its own: deploy/clouds/azure/README.md",
  SubscriptionNotFound: "; correct group.azure.subscriptionID of the pool, or the identity's tenant",
  ScopeLocked: "; somebody has locked it: take the lock away and the pool goes on",
};

function wayOut(code: string): string {
  return (Object.hasOwn(WAYS_OUT, code) ? WAYS_OUT[code] : undefined) ?? "";
}

/** Seconds, or an instant, which is left alone: it would need the other side's clock. */
export function waitOf(header: string | undefined): number | null {
  const seconds = header === undefined || header.trim() === "" ? Number.NaN : Number(header);
  return seconds >= 0 ? Math.min(seconds, RETRY_AFTER_MAX_S) * SECOND_MS : null;
}

/** Undefined for text that is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function firstLine(text: string): string {
  return (text.split(/[\r\n]/)[0] ?? text).slice(0, TEXT_MAX);
}
