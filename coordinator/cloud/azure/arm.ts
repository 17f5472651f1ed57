// One request to Azure Resource Manager and its answer, as JSON with what its headers say of the operation that it began.
// Each is sent once, except that a token which is refused is replaced once: nothing was done then. Paths that Azure names
// (next pages, operations) are followed only to the same server, since the token goes with them.

import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { createTransport } from "../../../shared/runtime/kube/transport.ts";
import type { HttpResponse } from "../../../shared/runtime/kube/transport.ts";
import type { CallOptions } from "../group.ts";
import { parsed, refusal, saidIn, waitOf } from "./errors.ts";
import { createIdentity, urlOf } from "./identity.ts";

export interface ArmRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH";
  /** With the query. */
  readonly path: string;
  /** Completes "cannot …". */
  readonly what: string;
  readonly json?: unknown;
  /** Only if the resource still has this ETag. */
  readonly ifMatch?: string;
  /** A body that tells of an error is the answer itself, as it is with operations. */
  readonly tellsOfErrors?: boolean;
}

export interface ArmAnswer {
  /** Undefined where the answer has no body. */
  readonly json: unknown;
  /** Where to ask how what was begun goes on; null: Azure names no such place, or one at another server. */
  readonly operation: string | null;
  /** How long Azure asks to wait before that. */
  readonly retryAfterMs: number | null;
}

export interface Arm {
  /** @throws AppError of a kind of codes.ts, `malformed`, or the signal's reason. */
  send(request: ArmRequest, options: CallOptions): Promise<ArmAnswer>;
  /** The path and query of an address at this server; null for any other. */
  pathOf(address: unknown): string | null;
  close(): void;
}

export interface ArmOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

const ENDPOINT = "https://management.azure.com";
/** Sovereign clouds have servers of their own. */
export const ENDPOINT_VARIABLE = "AZURE_RESOURCE_MANAGER_ENDPOINT";
/** A page of machines with their views is some hundred KiB. */
const ANSWER_BYTES_MAX = 32 * 2 ** 20;
/** As many groups as are sized in one cycle must not queue for a connection. */
const MAX_SOCKETS = 128;

/** @throws AppError `settings` for an environment that says something impossible. */
export function createArm({ env, clock }: ArmOptions): Arm {
  const server = urlOf(env, ENDPOINT_VARIABLE, ENDPOINT);
  const identity = createIdentity({ env, clock, audience: server.origin });
  const transport = createTransport({
    config: { server, namespace: "", token: async () => await Promise.resolve(null) },
    clock,
    userAgent: "gpu-autoscaler-coordinator",
    maxBytes: ANSWER_BYTES_MAX,
    maxSockets: MAX_SOCKETS,
  });

  async function once(
    request: ArmRequest,
    token: string,
    { signal, deadlineMs }: CallOptions,
  ): Promise<HttpResponse> {
    const { method, path, what, json, ifMatch } = request;
    return await transport.call(
      {
        method,
        path,
        what,
        token,
        repeatable: method === "GET",
        ...(json === undefined ? {} : { json }),
        ...(ifMatch === undefined ? {} : { headers: { "if-match": ifMatch } }),
      },
      { deadlineMs, signal },
    );
  }

  function pathOf(address: unknown): string | null {
    if (typeof address !== "string" || !URL.canParse(address)) return null;
    const url = new URL(address);
    return url.origin === server.origin ? `${url.pathname}${url.search}` : null;
  }

  return {
    pathOf,
    send: async (request, options) => {
      const endMs = clock.monotonic() + options.deadlineMs;
      const left = (): CallOptions => ({
        signal: options.signal,
        deadlineMs: millis(Math.max(1, endMs - clock.monotonic())),
      });
      const token = await identity.token();
      options.signal.throwIfAborted();
      let response = await once(request, token, left());
      if (response.status === 401) {
        identity.rejected(token);
        const next = await identity.token();
        options.signal.throwIfAborted();
        response = await once(request, next, left());
      }
      return answerOf(request, response, pathOf);
    },
    close: () => {
      transport.close();
      identity.close();
    },
  };
}

function answerOf(
  { what, tellsOfErrors = false }: ArmRequest,
  response: HttpResponse,
  pathOf: Arm["pathOf"],
): ArmAnswer {
  const { status, body, headers, retryAfter } = response;
  if (status < 200 || status >= 300) throw refusal(what, response);
  const json = body.trim() === "" ? undefined : parsed(body);
  if (body.trim() !== "" && json === undefined)
    throw new AppError(
      "malformed",
      `cannot ${what}: ${status} with a body that is no JSON (${body.length} characters)`,
    );
  const said = tellsOfErrors ? null : saidIn(json);
  if (said !== null)
    throw new AppError(
      "malformed",
      `cannot ${what}: ${status} with an error in it: ${said.code}: ${said.message}`,
    );
  const operation = pathOf(headers["azure-asyncoperation"]) ?? pathOf(headers.location);
  return { json, operation, retryAfterMs: waitOf(retryAfter) };
}
