// What the simulated cloud's refusals and strange answers are to us: one table of codes, and the answers that are no
// refusal and no answer either. What to do about a kind is the caller's business.

import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import type { HttpResponse } from "../../../shared/runtime/kube/transport.ts";
import { refusalBody } from "./protocol.ts";
import type { RefusalCode } from "./protocol.ts";

const KINDS: Readonly<Record<RefusalCode, ErrorKind>> = {
  "no-capacity": "no-capacity",
  quota: "quota",
  throttled: "throttled",
  denied: "denied",
  "not-found": "not-found",
  conflict: "conflict",
  refused: "refused",
  misconfigured: "misconfigured",
};

/** Texts of others are cut here. */
const TEXT_LIMIT = 200;

/**
 * The JSON of an answer. `what` completes "cannot …".
 * @throws AppError by the table, also when the refusal came with status 200; `unavailable` for any other 5xx,
 * `malformed` for an answer that is no JSON and for a status or a code that the protocol does not have.
 */
export function bodyOf(what: string, { status, body }: Pick<HttpResponse, "status" | "body">): unknown {
  const json = parsed(body);
  const refusal = refusalBody.safeParse(json);
  if (refusal.success) {
    const { code, message, retryAfterSeconds } = refusal.data.error;
    const kind = isKnown(code) ? KINDS[code] : status >= 500 ? "unavailable" : "malformed";
    throw new AppError(kind, `cannot ${what}: ${code}: ${message.slice(0, TEXT_LIMIT)}`, {
      data: { status, code },
      retryAfterMs: retryAfterSeconds === undefined ? null : retryAfterSeconds * 1000,
    });
  }
  if (status >= 500)
    throw new AppError("unavailable", `cannot ${what}: ${status}: ${shown(body)}`, { data: { status } });
  if (status !== 200 || json === undefined)
    throw new AppError(
      "malformed",
      `cannot ${what}: ${status} with no answer that can be read: ${shown(body)}`,
      {
        data: { status },
      },
    );
  return json;
}

function isKnown(code: string): code is RefusalCode {
  return Object.hasOwn(KINDS, code);
}

/** Undefined for text that is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function shown(body: string): string {
  return body.trim().slice(0, TEXT_LIMIT) || "nothing";
}
