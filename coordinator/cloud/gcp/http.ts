// One request to one of Google's APIs and its answer as JSON: whose address, with which token, and every way in which it
// can go wrong as an AppError. It sends each request once and knows nothing of what is asked.

import { AppError } from "../../../shared/runtime/errors.ts";
import { failedAnswer, failedRequest } from "./errors.ts";

export type GoogleService = "compute" | "container" | "cloudresourcemanager";

export interface HttpRequest {
  /** Absent: compute. */
  readonly service?: GoogleService;
  /** Absent: GET. */
  readonly verb?: "GET" | "POST";
  /** Behind the service's own address. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The parsed body. `call` names it in messages. @throws AppError, or the signal's reason. */
export type Http = (call: string, request: HttpRequest, signal: AbortSignal) => Promise<unknown>;

export type Endpoints = Readonly<Record<GoogleService, string>>;

/** Each with a slash at its end. */
export const ENDPOINTS: Endpoints = {
  compute: "https://compute.googleapis.com/compute/v1/",
  container: "https://container.googleapis.com/v1/",
  cloudresourcemanager: "https://cloudresourcemanager.googleapis.com/v1/",
};

export interface HttpOptions {
  readonly endpoints: Endpoints;
  readonly token: () => Promise<string>;
  /** Absent: Node's own. */
  readonly send?: typeof fetch;
}

/** Five hundred groups with their settings are some 2 MB; nothing of ours is nearly as large. */
const ANSWER_BYTES_MAX = 64 * 2 ** 20;

export function createHttp({ endpoints, token, send = fetch }: HttpOptions): Http {
  return async (call, { service = "compute", verb = "GET", path, query = {}, body }, signal) => {
    const url = new URL(endpoints[service] + path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const authorization = `Bearer ${await tokenFor(call, token, signal)}`;
    try {
      const response = await send(url, {
        method: verb,
        signal,
        redirect: "error",
        headers: {
          authorization,
          "user-agent": "gpu-autoscaler",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await textOf(call, response);
      if (!response.ok) throw failedAnswer(call, response.status, text, response.headers.get("retry-after"));
      return parsed(call, text);
    } catch (error) {
      // Whoever ended it has said why.
      signal.throwIfAborted();
      throw failedRequest(call, error);
    }
  };
}

async function tokenFor(call: string, token: () => Promise<string>, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  try {
    return await token();
  } catch (cause) {
    signal.throwIfAborted();
    throw noToken(call, cause);
  }
}

/** Who answers and gives no token will not give one soon; who does not answer may. Nothing was sent either way. */
const WITHOUT_ANSWER =
  /ECONN|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|ENETUNREACH|socket|network|timed? ?out|abort|\b5\d\d\b/i;

function noToken(call: string, cause: unknown): AppError {
  const said = cause instanceof Error ? cause.message : String(cause);
  const kind = WITHOUT_ANSWER.test(said) ? "unavailable" : "denied";
  return new AppError(
    kind,
    `${call}: no credentials for Google Cloud: ${said.split("\n")[0] ?? said}; give the coordinator an identity: deploy/clouds/gcp/README.md says how`,
    { cause },
  );
}

async function textOf(call: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX)
      throw new AppError("malformed", `${call}: the answer is longer than ${ANSWER_BYTES_MAX} bytes`);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(call: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const what = text === "" ? "nothing" : `${text.length} characters that are no JSON or end too soon`;
    throw new AppError("malformed", `${call}: Google answered ${what}`, { cause });
  }
}
