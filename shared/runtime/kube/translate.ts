// Turns what an API server or a socket says into our error kinds. This is the only file that knows status
// codes, reasons and socket codes; callers ask an AppError for its kind.

import type { KubeStatus } from "../../model/kube.ts";
import { millis } from "../../model/units.ts";
import type { Millis } from "../../model/units.ts";
import { AppError, describe } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";

/** An answer that is not a success, reduced to what decisions need. */
export interface Refusal {
  readonly status: number;
  /** The machine-readable reason; "" when the answer was no Status object (a proxy, an unknown path). */
  readonly reason: string;
  readonly message: string;
  readonly causes: readonly string[];
  /** How long the server asks us to wait; null when it does not say. */
  readonly retryAfterMs: Millis | null;
}

/** Longer texts come from proxies that answer with web pages. */
const MESSAGE_LIMIT = 500;

export function refusalOf(response: {
  status: number;
  retryAfter: string | undefined;
  body: string;
}): Refusal {
  const status = readStatus(response.body);
  const fromHeader = Number(response.retryAfter ?? Number.NaN);
  const seconds = Number.isFinite(fromHeader) ? fromHeader : status?.details?.retryAfterSeconds;
  return {
    ...refusalOfStatus(status ?? { kind: "Status", message: response.body.trim() || "no explanation" }),
    status: response.status,
    retryAfterMs: seconds === undefined || seconds <= 0 ? null : millis(seconds * 1000),
  };
}

/** The `Status` object inside a watch. */
export function refusalOfStatus(status: KubeStatus): Refusal {
  const seconds = status.details?.retryAfterSeconds ?? 0;
  return {
    status: status.code ?? 0,
    reason: status.reason ?? "",
    message: (status.message ?? "no explanation").slice(0, MESSAGE_LIMIT),
    causes: (status.details?.causes ?? []).map((cause) => cause.reason ?? ""),
    retryAfterMs: seconds > 0 ? millis(seconds * 1000) : null,
  };
}

/** `what` completes "cannot …": "get pods team-a/train-0". */
export function refusalError(what: string, refusal: Refusal): AppError {
  const { status, reason, message, retryAfterMs } = refusal;
  return new AppError(
    kindOfRefusal(refusal),
    `cannot ${what}: ${[status, reason].join(" ").trim()}: ${message}`,
    {
      data: { status, reason },
      retryAfterMs,
    },
  );
}

export function kindOfRefusal({ status, reason, causes }: Refusal): ErrorKind {
  if (status === 429) return causes.includes("DisruptionBudget") ? "budget-blocked" : "throttled";
  if (status === 410 || reason === "Expired" || reason === "Gone") return "expired";
  if (status === 401 || status === 403) return "denied";
  if (status === 404) return "not-found";
  if (status === 409) return "conflict";
  // The server gave up waiting for its own storage or a webhook: the write may have happened.
  if (status === 408 || status === 504) return "timeout";
  if (status >= 500) return "unavailable";
  if (status >= 400) return "refused";
  // A redirect, or a Status in a watch without a code: nothing that an API server documents.
  return "malformed";
}

/** Codes of Node's TLS layer that mean "this is not the server that was configured", or "nor are you". */
const UNTRUSTED =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT|ERR_SSL_.*(CERT|UNKNOWN_CA|ACCESS_DENIED))/;

/** An error of the socket, TLS or HTTP parser. `what` completes "cannot …". */
export function networkError(what: string, server: URL, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  const at = `${server.host}: ${describe(error)}`;
  const options = { cause: error, data: { code, server: server.host } };
  if (UNTRUSTED.test(code)) {
    return new AppError(
      "denied",
      `cannot ${what}: the TLS certificates do not match (${code}) at ${at}`,
      options,
    );
  }
  if (code.startsWith("HPE_"))
    return new AppError("malformed", `cannot ${what}: no HTTP answer (${code}) from ${at}`, options);
  return new AppError("unavailable", `cannot ${what}: no connection (${code}) to ${at}`, options);
}

export function timeoutError(what: string, server: URL, afterMs: number): AppError {
  return new AppError("timeout", `cannot ${what}: no answer from ${server.host} within ${afterMs} ms`, {
    data: { server: server.host, deadlineMs: afterMs },
  });
}

function codeOf(error: unknown): string {
  // A name that resolves to several addresses fails with an AggregateError that holds one error for each.
  const single = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  return single instanceof Error && "code" in single && typeof single.code === "string"
    ? single.code
    : "unknown";
}

/** The body as a Status, if it is one. */
export function readStatus(body: string): KubeStatus | null {
  try {
    return asStatus(JSON.parse(body));
  } catch {
    return null;
  }
}

/** Checks the fields that we read; a server's other fields are not our concern. */
export function asStatus(value: unknown): KubeStatus | null {
  if (typeof value !== "object" || value === null) return null;
  return "kind" in value && value.kind === "Status" ? (value as KubeStatus) : null;
}
