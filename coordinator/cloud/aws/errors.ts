// Where AWS's errors become kinds: by code (codes.ts), else by what the connection or the status says. Nothing of the
// SDK's classes leaves this folder.

import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import { kindOfCode } from "./codes.ts";

/** What errors of the SDK, of Node's sockets and of the credential chain bear, each some of it. */
interface Foreign {
  readonly name?: unknown;
  readonly message?: unknown;
  /** As AWS wrote it; `name` is the SDK's class. */
  readonly Code?: unknown;
  /** Of a socket: ECONNREFUSED, CERT_HAS_EXPIRED. */
  readonly code?: unknown;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

const SECOND_MS = 1_000;
const RETRY_AFTER_MAX_S = 3_600;

/** Any error of a call as AppError; one that is it already stays. */
export function translate(error: unknown, call: string, region: string): AppError {
  if (error instanceof AppError) return error;
  const foreign = (typeof error === "object" && error !== null ? error : {}) as Foreign;
  const code = textOf(foreign.Code) ?? textOf(foreign.name) ?? "unknown";
  const message = firstLine(textOf(foreign.message) ?? "no message");
  const status = foreign.$metadata?.httpStatusCode;
  const kind = kindOfCode(code, message) ?? kindOfStatus(status, code);
  const requestId = foreign.$metadata?.requestId;
  return new AppError(kind, `${call} in ${region}: ${message}${wayOut(code)}`, {
    cause: error,
    data: {
      code: textOf(foreign.code) ?? code,
      ...(status === undefined ? {} : { status }),
      ...(requestId === undefined ? {} : { requestId }),
    },
    retryAfterMs: retryAfter(foreign.$response?.headers?.["retry-after"]),
  });
}

/**
 * Without a code that we know. An answer with a good status that cannot be read is `malformed`; whether a write was
 * done that was answered so is not known, see `maybeDone` of cloud/group.ts.
 */
function kindOfStatus(status: number | undefined, code: string): ErrorKind {
  // No answer at all: refused, cut, no such host, a certificate that does not fit.
  if (status === undefined) return "unavailable";
  if (status === 429) return "throttled";
  if (status >= 500) return "unavailable";
  if (status === 401 || status === 403) return "denied";
  if (status < 300 || code === "UnreadableAnswer") return "malformed";
  return "refused";
}

const WAYS_OUT: Readonly<Record<string, string>> = {
  ExpiredToken: "; the credentials have expired and nothing has renewed them",
  RequestTimeTooSkewed: "; compare the clock of this machine with the world's",
  SignatureDoesNotMatch: "; the secret key or this machine's clock is wrong",
  CredentialsProviderError:
    "; give the coordinator an identity at AWS: deploy/clouds/aws/README.md says how for IRSA and for Pod Identity",
};

function wayOut(code: string): string {
  const name = code.replace(/(?:Fault|Exception)$/, "");
  return (Object.hasOwn(WAYS_OUT, name) ? WAYS_OUT[name] : undefined) ?? "";
}

/** Seconds, or an instant, which is left alone: it would need the other side's clock. */
function retryAfter(header: string | undefined): number | null {
  const seconds = header === undefined || header.trim() === "" ? Number.NaN : Number(header);
  return seconds >= 0 ? Math.min(seconds, RETRY_AFTER_MAX_S) * SECOND_MS : null;
}

/** The SDK appends advice of its own on further lines. */
function firstLine(text: string): string {
  return text.split("\n")[0]?.trim() ?? text;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
