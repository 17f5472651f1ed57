// Where Google's errors become kinds: by reason or code (codes.ts), else by what the status or the connection says.
// Nothing of fetch's own errors leaves this folder.

import { z } from "zod";

import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import type { OperationAnswer } from "./answers.ts";
import { kindOfCode, kindOfError, kindOfText } from "./codes.ts";

const SECOND_MS = 1_000;
const RETRY_AFTER_MAX_S = 3_600;

const refusal = z.object({
  error: z.object({
    message: z.string().optional(),
    status: z.string().optional(),
    errors: z.array(z.object({ reason: z.string().optional() })).optional(),
    details: z.array(z.object({ reason: z.string().optional() })).optional(),
  }),
});

/** Of an answer whose status is none of success. */
export function failedAnswer(
  call: string,
  status: number,
  text: string,
  retryAfter: string | null,
): AppError {
  const { reasons, message } = refusalIn(text);
  const kind = kindOfRefusal(status, reasons, message);
  const code = reasons[0] ?? `http-${status}`;
  return new AppError(kind, `${call}: ${message} (${code})${wayOut(reasons)}`, {
    data: { code, status },
    retryAfterMs: waitOf(retryAfter),
  });
}

function refusalIn(text: string): { readonly reasons: readonly string[]; readonly message: string } {
  const found = refusal.safeParse(jsonOf(text));
  // A balancer's page, or something that answers in Google's place.
  if (!found.success) return { reasons: [], message: "an answer that is not Google's" };
  const { message = "no message", status, errors = [], details = [] } = found.data.error;
  const named = [...details, ...errors].flatMap(({ reason }) => reason ?? []);
  return { reasons: [...named, ...(status === undefined ? [] : [status])], message: firstLine(message) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null; // read as no refusal of Google's
  }
}

/** A reason that says what went wrong goes before the status, and 403 is not always a matter of rights. */
function kindOfRefusal(status: number, reasons: readonly string[], message: string): ErrorKind {
  if (status === 429) return "throttled";
  const kinds = reasons.flatMap((reason) => kindOfCode(reason) ?? []);
  if (status >= 500) return kinds.find((kind) => kind === "no-capacity") ?? "unavailable";
  // `forbidden` and `invalid` stand beside the exact word, or before it.
  const exact = kinds.find((kind) => kind !== "denied" && kind !== "refused" && kind !== "misconfigured");
  const [first] = kinds;
  const found = exact ?? first;
  if (found !== undefined && found !== "refused") return found;
  if (status === 401 || status === 403) return kindOfText(message) ?? "denied";
  if (status === 404) return "not-found";
  if (status === 409 || status === 412) return "conflict";
  return kindOfText(message) ?? "refused";
}

/** No answer at all: refused, cut, no such host, a certificate that does not fit. */
export function failedRequest(call: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const said = cause instanceof Error ? cause.message : String(cause);
  const code =
    cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "fetch";
  return new AppError("unavailable", `${call}: ${firstLine(said)}`, { cause: error, data: { code } });
}

/** Of an operation that has ended: null when it went well. Its answer was 200 either way. */
export function failedOperation(call: string, operation: OperationAnswer): AppError | null {
  const { error, httpErrorStatusCode, httpErrorMessage } = operation;
  if (error === undefined && (httpErrorStatusCode === undefined || httpErrorStatusCode < 400)) return null;
  const [first = {}] = error?.errors ?? [];
  const code = first.code ?? "unknown";
  const message = firstLine(first.message ?? httpErrorMessage ?? "Google gives no reason");
  const status = httpErrorStatusCode ?? 0;
  const kind = kindOfError(first) ?? kindOfRefusal(status, [], message);
  return new AppError(kind, `${call}: operation ${operation.name} failed: ${message} (${code})`, {
    data: { code, ...(httpErrorStatusCode === undefined ? {} : { status: httpErrorStatusCode }) },
  });
}

const WAYS_OUT: Readonly<Record<string, string>> = {
  SERVICE_DISABLED: "; enable the API in this project",
  accessNotConfigured: "; enable the API in this project",
  IAM_PERMISSION_DENIED: "; deploy/clouds/gcp/README.md says which role is needed",
  ACCESS_TOKEN_SCOPE_INSUFFICIENT:
    "; the node's access scopes are too narrow: use workload identity, deploy/clouds/gcp/README.md says how",
};

function wayOut(reasons: readonly string[]): string {
  const known = reasons.find((reason) => Object.hasOwn(WAYS_OUT, reason));
  return known === undefined ? "" : (WAYS_OUT[known] ?? "");
}

/** Seconds, or an instant, which is left alone: it would need the other side's clock. */
function waitOf(header: string | null): number | null {
  const seconds = header === null || header.trim() === "" ? Number.NaN : Number(header);
  return seconds >= 0 ? Math.min(seconds, RETRY_AFTER_MAX_S) * SECOND_MS : null;
}

function firstLine(text: string): string {
  return text.split("\n")[0]?.trim() ?? text;
}
