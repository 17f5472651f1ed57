// One small HTTP layer: send a request and get an answer within a deadline, or open a stream of lines. Knows
// nothing of Kubernetes. Built on node:http and node:https rather than undici, which costs an agent 18 MiB of
// memory on every GPU node and brings nothing that one server on HTTP/1.1 needs.

import http from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import https from "node:https";
import type { Duplex } from "node:stream";
import { StringDecoder } from "node:string_decoder";

import type { Millis } from "../../model/units.ts";
import type { Clock } from "../clock.ts";
import { AppError } from "../errors.ts";
import type { KubeConfig } from "./config.ts";
import { networkError, timeoutError } from "./translate.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With the query; below the server's own path. */
  readonly path: string;
  /** Completes "cannot …" in messages. */
  readonly what: string;
  readonly token: string | null;
  readonly json?: unknown;
  /** A body that is no JSON, with `contentType`. */
  readonly text?: string;
  readonly contentType?: string;
  /** Beside those that every request carries. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Sending it twice does no harm, so it is sent again when a kept-alive connection turns out to be dead. */
  readonly repeatable: boolean;
}

export interface HttpResponse {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
  readonly headers: IncomingHttpHeaders;
}

export interface HttpStream {
  readonly kind: "stream";
  /** Ends when the server ends the answer in order; throws when the connection is cut or its life is over. */
  readonly lines: AsyncIterable<string>;
}

export interface HttpUpgrade {
  readonly kind: "upgraded";
  readonly headers: IncomingHttpHeaders;
  /** The caller's from here on, errors included. */
  readonly socket: Duplex;
  /** What came behind the answer's headers. */
  readonly head: Buffer;
}

export interface Transport {
  /** The whole answer, whatever its status. @throws AppError unavailable, timeout, denied, malformed. */
  call(
    request: HttpRequest,
    limits: { deadlineMs: Millis; signal?: AbortSignal | undefined },
  ): Promise<HttpResponse>;
  /** A stream when the status is 200, else the answer. `lifeMs` bounds the stream from its first header on. */
  open(
    request: HttpRequest,
    limits: { deadlineMs: Millis; lifeMs: Millis; signal?: AbortSignal | undefined },
  ): Promise<HttpStream | HttpResponse>;
  /** A connection of another protocol when the server agrees to it, else the answer. The limits hold until then. */
  upgrade(
    request: HttpRequest,
    limits: { deadlineMs: Millis; signal?: AbortSignal | undefined },
  ): Promise<HttpUpgrade | HttpResponse>;
  /** Closes every connection that is ours. */
  close(): void;
}

/** Enough for ten evictions at once beside a list and a patch; more would only queue in the API server. */
const MAX_SOCKETS = 16;
/** A peer that vanished without a word is found after this and ten probes a second apart. */
const KEEP_ALIVE_PROBE_MS = 10_000;

export function createTransport(options: {
  readonly config: KubeConfig;
  readonly clock: Clock;
  readonly userAgent: string;
  readonly maxBytes: number;
  readonly maxSockets?: number;
}): Transport {
  const { config, clock, userAgent, maxBytes, maxSockets = MAX_SOCKETS } = options;
  const { server } = config;
  // Streams have sockets of their own: a watch must not take the warm connection that an eviction needs.
  const agents = { calls: createAgent(config, maxSockets), streams: createAgent(config, Infinity) };

  /** Resolves with the headers. The life goes on until the caller ends it. */
  async function send(
    request: HttpRequest,
    agent: http.Agent,
    life: Lifeline,
    onUpgrade?: (socket: Duplex, head: Buffer) => void,
  ): Promise<IncomingMessage> {
    const payload = payloadOf(request);
    return await new Promise<IncomingMessage>((resolve, reject) => {
      const start = (): void => {
        const outgoing = (server.protocol === "https:" ? https : http).request({
          hostname: server.hostname.replace(/^\[|\]$/g, ""),
          port: server.port,
          path: server.pathname.replace(/\/$/, "") + request.path,
          method: request.method,
          headers: headersOf(request, payload, userAgent),
          agent,
        });
        life.onEnd((reason) => outgoing.destroy(reason));
        outgoing.on("socket", (socket) => socket.setKeepAlive(true, KEEP_ALIVE_PROBE_MS));
        outgoing.on("response", (response) => {
          life.onEnd((reason) => response.destroy(reason));
          resolve(response);
        });
        if (onUpgrade !== undefined) {
          outgoing.on("upgrade", (response, socket, head) => {
            onUpgrade(socket, head);
            resolve(response);
          });
        }
        outgoing.on("error", (error) => {
          // The server closed an idle connection just as we took it: nobody has read the request.
          if (outgoing.reusedSocket && request.repeatable && !life.ended && isReset(error)) start();
          else reject(life.reason() ?? networkError(request.what, server, error));
        });
        outgoing.end(payload ?? undefined);
      };
      start();
    });
  }

  async function readBody(
    request: HttpRequest,
    response: IncomingMessage,
    life: Lifeline,
  ): Promise<HttpResponse> {
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > maxBytes) throw tooLarge(request.what, maxBytes);
        chunks.push(chunk);
      }
    } catch (error) {
      throw life.reason() ?? networkError(request.what, server, error);
    }
    const body = Buffer.concat(chunks, size).toString("utf8");
    const { statusCode: status = 0, headers } = response;
    return { status, retryAfter: headers["retry-after"], body, headers };
  }

  async function* readLines(
    request: HttpRequest,
    response: IncomingMessage,
    life: Lifeline,
  ): AsyncGenerator<string> {
    const decoder = new StringDecoder("utf8");
    let rest = "";
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        const lines = (rest + decoder.write(chunk)).split("\n");
        rest = lines.pop() ?? "";
        if (rest.length > maxBytes) throw tooLarge(request.what, maxBytes);
        for (const line of lines) if (line !== "") yield line;
      }
      if (rest !== "") yield rest;
    } catch (error) {
      throw life.reason() ?? networkError(request.what, server, error);
    } finally {
      life.end();
      response.destroy();
    }
  }

  return {
    call: async (request, { deadlineMs, signal }) => {
      const life = createLifeline(clock, signal);
      life.limit(deadlineMs, () => timeoutError(request.what, server, deadlineMs));
      try {
        return await readBody(request, await send(request, agents.calls, life), life);
      } finally {
        life.end();
      }
    },
    open: async (request, { deadlineMs, lifeMs, signal }) => {
      const life = createLifeline(clock, signal);
      life.limit(deadlineMs, () => timeoutError(request.what, server, deadlineMs));
      try {
        const response = await send(request, agents.streams, life);
        if (response.statusCode !== 200) {
          const answer = await readBody(request, response, life);
          life.end();
          return answer;
        }
        life.limit(lifeMs, () => timeoutError(request.what, server, lifeMs));
        return { kind: "stream", lines: readLines(request, response, life) };
      } catch (error) {
        life.end();
        throw error;
      }
    },
    upgrade: async (request, { deadlineMs, signal }) => {
      const life = createLifeline(clock, signal);
      life.limit(deadlineMs, () => timeoutError(request.what, server, deadlineMs));
      const taken: Pick<HttpUpgrade, "socket" | "head">[] = [];
      try {
        const response = await send(request, agents.streams, life, (socket, head) => {
          taken.push({ socket, head });
        });
        const [own] = taken;
        if (own === undefined) return await readBody(request, response, life);
        return { kind: "upgraded", headers: response.headers, ...own };
      } finally {
        life.end();
      }
    },
    close: () => {
      agents.calls.destroy();
      agents.streams.destroy();
    },
  };
}

function createAgent(config: KubeConfig, maxSockets: number): http.Agent {
  const common = { keepAlive: true, maxSockets, maxFreeSockets: 2, scheduling: "lifo" as const };
  if (config.server.protocol !== "https:") return new http.Agent(common);
  return new https.Agent({
    ...common,
    ...(config.ca === undefined ? {} : { ca: config.ca }),
    ...(config.cert === undefined ? {} : { cert: config.cert }),
    ...(config.key === undefined ? {} : { key: config.key }),
    ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
    rejectUnauthorized: config.insecureSkipTlsVerify !== true,
  });
}

function payloadOf({ json, text }: HttpRequest): Buffer | null {
  const body = json === undefined ? text : JSON.stringify(json);
  return body === undefined ? null : Buffer.from(body);
}

function headersOf(request: HttpRequest, payload: Buffer | null, userAgent: string): OutgoingHttpHeaders {
  return {
    accept: "application/json",
    "user-agent": userAgent,
    ...(request.token === null ? {} : { authorization: `Bearer ${request.token}` }),
    ...request.headers,
    ...(payload === null
      ? {}
      : { "content-type": request.contentType ?? "application/json", "content-length": payload.length }),
  };
}

function isReset(error: Error): boolean {
  return "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}

function tooLarge(what: string, maxBytes: number): AppError {
  return new AppError("malformed", `cannot ${what}: the answer is larger than ${maxBytes} bytes`, {
    data: { maxBytes },
  });
}

/** What ends a request early: the caller's signal, or the time limit of the phase that it is in. */
interface Lifeline {
  readonly ended: boolean;
  /** Why it ended early, null when it did not. The caller's own reason is passed on. */
  reason(): Error | null;
  /** Replaces the time limit. */
  limit(ms: Millis, error: () => AppError): void;
  onEnd(stop: (reason: Error) => void): void;
  /** The request is over: nothing waits and nothing listens any more. */
  end(): void;
}

function createLifeline(clock: Clock, signal: AbortSignal | undefined): Lifeline {
  const early = new AbortController();
  let timer = new AbortController();
  const onAbort = (): void => {
    early.abort(signal?.reason);
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  return {
    get ended() {
      return early.signal.aborted;
    },
    reason: () => (early.signal.aborted ? reasonOf(early.signal) : null),
    limit: (ms, error) => {
      timer.abort();
      timer = new AbortController();
      clock.sleep(ms, timer.signal).then(
        () => {
          early.abort(error());
        },
        () => {}, // ended in time
      );
    },
    onEnd: (stop) => {
      const stopNow = (): void => {
        stop(reasonOf(early.signal));
      };
      if (early.signal.aborted) stopNow();
      else early.signal.addEventListener("abort", stopNow, { once: true });
    },
    end: () => {
      timer.abort();
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

/** A reason may be anything; sockets and promises take errors. */
function reasonOf(signal: AbortSignal): Error {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason : new Error("aborted", { cause: reason });
}
