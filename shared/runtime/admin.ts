// The small HTTP server beside each program: metrics, liveness, readiness, and what a program adds. A request
// renders what is known already and asks nobody else, so a scrape can never load a driver or an API server.
// Who may see its pages is decided by the web configuration, where there is one; probes are answered to everybody,
// since a kubelet has neither a password nor a certificate.

import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { millis } from "../model/units.ts";
import type { Millis } from "../model/units.ts";
import { limitConnections, SERVER_OPTIONS } from "./connections.ts";
import type { Begun } from "./connections.ts";
import { AppError } from "./errors.ts";
import type { Log } from "./log.ts";
import { createScrapes } from "./scrapes.ts";
import type { MetricsParts } from "./scrapes.ts";
import { createSecureServer } from "./web.ts";
import type { Web } from "./web.ts";

/** One named thing that a probe asks about. */
export interface Check {
  readonly ok: boolean;
  /** What is so, in words for the person who reads the probe's answer. */
  readonly detail: string;
  /** false: shown, and does not fail the probe. */
  readonly required?: boolean;
}

export type Checks = Readonly<Record<string, () => Check>>;

export interface Page {
  readonly status?: number;
  readonly contentType: string;
  /** In pieces where the whole would be too much to hold at once; each is made when the one before has left. */
  readonly body: string | Iterable<string>;
}

type Route = (url: URL) => Page | Promise<Page>;
type Routes = Readonly<Record<string, Route>>;

export interface AdminOptions {
  readonly host: string;
  /** 0: the system chooses. */
  readonly port: number;
  readonly metrics: () => Promise<MetricsParts>;
  /** The same in the OpenMetrics format, where the program has it. */
  readonly openMetrics?: () => Promise<MetricsParts>;
  /** Fails when only a restart helps. */
  readonly live: Checks;
  /** Fails while the program cannot do its work. */
  readonly ready: Checks;
  /** Path → page; a path that ends in `/*` stands for all below it. */
  readonly routes?: Routes;
  /** TLS and who is let in; without it everybody is, over plain HTTP. */
  readonly web?: Web | null;
  readonly log: Log;
  /** A client that has not taken its answer by then is cut off. */
  readonly answerWithinMs?: Millis;
}

export interface Admin {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

const PROBES: readonly string[] = ["/healthz", "/readyz"];

/** Prometheus waits 10 s for a page unless it is told otherwise. */
const ANSWER_WITHIN_MS = millis(30_000);

/** @throws AppError settings when the address cannot be listened on. */
export async function startAdmin(options: AdminOptions): Promise<Admin> {
  const { host, port: wanted, log, web = null, answerWithinMs = ANSWER_WITHIN_MS } = options;
  const served: Served = {
    pages: {
      ...options.routes,
      "/healthz": () => probe(options.live),
      "/readyz": () => probe(options.ready),
    },
    scrape: createScrapes({ text: options.metrics, openMetrics: options.openMetrics }),
    web,
  };
  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    answer(served, request, response, begun(request, response)).catch((error: unknown) => {
      log.error({ path: request.url ?? "", error }, "page failed");
      if (!response.headersSent) response.writeHead(500, { "content-type": "text/plain" });
      response.end("this page failed; the log says why\n");
    });
  };
  const secure = web !== null && web.current().tls !== null;
  const server = secure
    ? createSecureServer(web, SERVER_OPTIONS, onRequest)
    : createServer(SERVER_OPTIONS, onRequest);
  const begun = limitConnections(server, { answerWithinMs, log });

  await listen(server, host, wanted);
  // A TCP server's address is never a string or null while it listens.
  const { port } = server.address() as AddressInfo;
  const named = host.includes(":") ? `[${host}]` : host;
  const url = `${secure ? "https" : "http"}://${named}:${port}`;
  return { url, port, close: () => close(server) };
}

interface Served {
  readonly pages: Routes;
  readonly scrape: ReturnType<typeof createScrapes>;
  readonly web: Web | null;
}

async function answer(
  { pages, scrape, web }: Served,
  request: IncomingMessage,
  response: ServerResponse,
  time: ReturnType<Begun>,
): Promise<void> {
  for (const [name, value] of Object.entries(web?.current().headers ?? {})) response.setHeader(name, value);
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD", "content-type": "text/plain" });
    response.end("only GET and HEAD\n");
    return;
  }
  const url = URL.parse(request.url ?? "/", "http://localhost");
  const refusal =
    web === null || (url !== null && PROBES.includes(url.pathname)) ? null : await web.refusal(request);
  if (refusal !== null) {
    response.writeHead(refusal.status, { "content-type": "text/plain", ...refusal.headers });
    response.end(refusal.body);
    return;
  }
  if (url?.pathname === "/metrics") {
    const { headers, body } = await scrape(request.headers);
    const bytes = body.reduce((sum, { length }) => sum + length, 0);
    response.writeHead(200, { ...headers, "cache-control": "no-store", "content-length": bytes });
    // Together in one call of the system, and without copying them together before.
    response.cork();
    if (request.method !== "HEAD") for (const part of body) response.write(part);
    response.uncork();
    response.end();
    return;
  }
  const page = url === null ? undefined : routeTo(pages, url.pathname);
  if (url === null || page === undefined) {
    response.writeHead(404, { "content-type": "text/plain" });
    response.end(`no such page; there are ${[...Object.keys(pages), "/metrics"].sort().join(", ")}\n`);
    return;
  }
  const { status = 200, contentType, body } = await page(url);
  const head = { "content-type": contentType, "cache-control": "no-store" };
  if (typeof body !== "string") {
    response.writeHead(status, head);
    if (request.method === "HEAD") response.end();
    else await inPieces(body, response, time);
    return;
  }
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...head, "content-length": bytes.length });
  response.end(request.method === "HEAD" ? undefined : bytes);
}

/** As long as it must be: who takes one piece has time for the next. A client that leaves is no trouble of ours. */
async function inPieces(
  body: Iterable<string>,
  response: ServerResponse,
  time: ReturnType<Begun>,
): Promise<void> {
  const pieces = function* (): Generator<string> {
    for (const piece of body) {
      time.refresh();
      yield piece;
    }
  };
  try {
    await pipeline(Readable.from(pieces()), response);
  } catch (error) {
    const left = error instanceof Error && "code" in error && error.code === "ERR_STREAM_PREMATURE_CLOSE";
    if (!left) throw error;
  }
}

/** The page of exactly this path, else of the nearest folder above it that has one. */
function routeTo(pages: Routes, path: string): Route | undefined {
  if (Object.hasOwn(pages, path)) return pages[path];
  for (let folder = path; folder.includes("/");) {
    folder = folder.slice(0, folder.lastIndexOf("/"));
    if (Object.hasOwn(pages, `${folder}/*`)) return pages[`${folder}/*`];
  }
  return undefined;
}

function probe(checks: Checks): Page {
  const answers = Object.entries(checks).map(([name, check]) => ({ name, required: true, ...check() }));
  const ok = answers.every((check) => check.ok || !check.required);
  return {
    status: ok ? 200 : 503,
    contentType: "application/json",
    body: `${JSON.stringify({ ok, checks: answers }, null, 2)}\n`,
  };
}

function listen(server: Server | SecureServer, host: string, port: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (cause) => {
    const message = `cannot listen on ${host}:${port}; another process may have the port: choose another one`;
    reject(new AppError("settings", message, { cause }));
  });
  server.listen(port, host, resolve);
  return promise;
}

function close(server: Server | SecureServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => {
    resolve();
  });
  // Kept-alive connections would hold the close until their time-out.
  server.closeAllConnections();
  return promise;
}
