// The way to a metadata service: one question and its whole answer within a deadline, over a connection that is kept.
// It follows no redirect, knows no proxy, takes no answer above its size and adds no header that tells of a proxy. What
// an answer means, and when to ask again, is the caller's business.

import http from "node:http";
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from "node:http";
import https from "node:https";

import { millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import { networkError, timeoutError } from "../../../shared/runtime/kube/translate.ts";
import { cloudTime } from "./reading.ts";

export interface Question {
  readonly method?: "GET" | "PUT" | "POST";
  /** With the query, below the service's own path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole answer. */
  readonly withinMs: Millis;
  /** Completes "cannot …". */
  readonly what: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The service's own time, where its answer has one. */
  readonly serverNow: EpochMs | null;
}

export interface MetadataClient {
  /**
   * The whole answer, whatever its status.
   * @throws AppError timeout, unavailable, malformed (no HTTP, or too large), denied (TLS), or the signal's reason.
   */
  ask(question: Question, signal: AbortSignal): Promise<Answer>;
  close(): void;
}

/** A peer that vanished without a word is found after this and a few probes. */
const KEEP_ALIVE_PROBE_MS = 10_000;
const USER_AGENT = "gpu-autoscaler-agent";
/** Said once: without a reason each request would make an error with a stack. */
const OVER = "over";

/** `bases`: where the service is; where there is no way to the one, the next is tried with the next question. */
export function createMetadataClient(options: {
  readonly bases: readonly [URL, ...URL[]];
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly maxSockets: number;
}): MetadataClient {
  const { bases, clock, maxBytes, maxSockets } = options;
  const common = { keepAlive: true, maxSockets, maxFreeSockets: maxSockets };
  const isSecure = bases[0].protocol === "https:";
  const agent = isSecure ? new https.Agent(common) : new http.Agent(common);
  let turn = 0;

  return {
    ask: async (question, signal) => {
      signal.throwIfAborted();
      const base = bases[turn % bases.length] ?? bases[0];
      try {
        return await askOnce(question, { base, agent, clock, maxBytes, signal });
      } catch (error) {
        if (error instanceof AppError && NO_WAY.has(String(error.data["code"]))) turn++;
        throw error;
      }
    },
    close: () => {
      agent.destroy();
    },
  };
}

const NO_WAY: ReadonlySet<string> = new Set(["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"]);

interface Way {
  readonly base: URL;
  readonly agent: http.Agent;
  readonly clock: Clock;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

async function askOnce(question: Question, way: Way): Promise<Answer> {
  const { base, clock, maxBytes, signal } = way;
  const { what, withinMs } = question;
  const timer = new AbortController();
  let outgoing: ClientRequest | null = null;
  let onAbort = (): void => {};
  try {
    return await new Promise<Answer>((resolve, reject) => {
      const fail = (error: unknown): void => {
        reject(signal.aborted ? (signal.reason as Error) : networkError(what, base, error));
      };
      onAbort = () => {
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      clock.sleep(withinMs, timer.signal).then(
        () => {
          reject(timeoutError(what, base, withinMs));
        },
        () => {}, // answered in time
      );
      const start = (): void => {
        const request = send(question, way);
        outgoing = request;
        request.on("response", (response) => {
          readBody(response, maxBytes, resolve, (error) => {
            fail(
              error instanceof AppError
                ? new AppError(error.kind, `cannot ${what}: ${error.message}`)
                : error,
            );
          });
        });
        request.on("error", (error) => {
          // The service closed an idle connection just as we took it: nobody has read the question.
          if (request.reusedSocket && isReset(error) && request === outgoing && !timer.signal.aborted) {
            outgoing = null;
            start();
          } else fail(error);
        });
        request.end(question.body);
      };
      start();
    });
  } catch (error) {
    (outgoing as ClientRequest | null)?.destroy();
    throw error;
  } finally {
    timer.abort(OVER);
    signal.removeEventListener("abort", onAbort);
  }
}

function send(question: Question, { base, agent }: Way): ClientRequest {
  const { method = "GET", path, headers, body } = question;
  const request = (base.protocol === "https:" ? https : http).request({
    hostname: base.hostname.replace(/^\[|\]$/g, ""),
    port: base.port,
    path: base.pathname.replace(/\/$/, "") + path,
    method,
    headers: {
      "user-agent": USER_AGENT,
      ...(body === undefined && method !== "GET" ? { "content-length": 0 } : {}),
      ...(body === undefined ? {} : { "content-length": Buffer.byteLength(body) }),
      ...headers,
    },
    agent,
  });
  request.on("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS));
  return request;
}

function readBody(
  response: IncomingMessage,
  maxBytes: number,
  resolve: (answer: Answer) => void,
  reject: (error: unknown) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  response.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else reject(new AppError("malformed", `the answer is larger than ${maxBytes} bytes`));
  });
  response.on("error", reject);
  response.on("end", () => {
    if (size > maxBytes) return;
    const body = Buffer.concat(chunks, size).toString("utf8");
    const { statusCode: status = 0, headers } = response;
    resolve({ status, headers, body, serverNow: cloudTime(headers.date) });
  });
}

function isReset(error: Error): boolean {
  return "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

/** An answer that is none of those that the caller knows. */
export function statusError(what: string, { status, headers }: Pick<Answer, "status" | "headers">): AppError {
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  const retryAfterMs = seconds > 0 && seconds < 3600 ? millis(seconds * 1000) : null;
  const isRedirect = status >= 300 && status < 400;
  const why = isRedirect ? "with a redirect, which is not followed" : `with status ${status}`;
  return new AppError(kindOfStatus(status), `cannot ${what}: the service answers ${why}`, {
    data: { status },
    retryAfterMs,
  });
}

function kindOfStatus(status: number): ErrorKind {
  if (status === 401 || status === 403) return "denied";
  if (status === 404) return "not-found";
  if (status === 429) return "throttled";
  if (status === 408 || status === 504) return "timeout";
  return status >= 500 ? "unavailable" : "refused";
}

/** @throws AppError settings when the text is no http address. */
export function baseUrl(setting: string, text: string): URL {
  const url = URL.parse(text);
  if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return url;
  throw new AppError(
    "settings",
    `${setting} must be an http address such as http://169.254.169.254, got ${JSON.stringify(text)}`,
  );
}
