// The world over HTTP on loopback: what our programs talk to when there is no cluster. It authenticates, keeps
// the audit log, injects faults, and keeps the world at the present; what a call means is in `api/`.

import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

import type { World } from "../../coordinator/replay/world.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { answer } from "./api/answer.ts";
import type { Reply } from "./api/call.ts";
import { documentAt } from "./api/documents.ts";
import { createIdentities } from "./api/identity.ts";
import { forward } from "./api/proxy.ts";
import { Refusal, noSuchPath, statusBody } from "./api/refusal.ts";
import { isPublic, route } from "./api/route.ts";
import type { Route } from "./api/route.ts";
import { createWatches } from "./api/watch.ts";
import { auditedBody, auditedRoute, createAudit } from "./audit.ts";
import type { Audit } from "./audit.ts";
import { createDriver } from "./driver.ts";
import { createFaults } from "./faults.ts";
import type { Fault, Faults, Target } from "./faults.ts";
import { kubeconfigText, listen, readBody } from "./loopback.ts";

export interface WorldServerOptions {
  readonly world: World;
  readonly clock: Clock;
  readonly token: string;
  /** 0 lets the system choose. */
  readonly port?: number;
  /** Seconds of the world in a second of the clock; `manual` leaves its time to `step`. */
  readonly speed?: number | "manual";
  /** How often watches are told how far they are; null leaves it to `bookmark`. */
  readonly bookmarkMs?: Millis | null;
  readonly auditFile?: string | null;
}

export interface WorldServer {
  readonly url: string;
  readonly audit: Audit["entries"];
  readonly faults: Pick<Faults, "set" | "clear">;
  /** A kubeconfig with the server's address and token. */
  kubeconfig(): string;
  /** Advances the world and tells the watches. */
  step(to: EpochMs): void;
  /** Runs a change of the world from outside, and tells the watches at once. */
  change<T>(make: (world: World) => T): T;
  bookmark(): void;
  /** Where the proxy path of `services/<namespace>/<name>:<port>`, or of a pod, leads; null: nowhere any more. */
  proxy(target: string, url: string | null): void;
  readonly openWatches: number;
  /** Sees each call that is no watch, before it takes effect and again before its answer goes out. Undone by what it returns. */
  onRequest(hook: RequestHook): () => void;
  /** The old token is refused from now on. */
  rotateToken(token: string): void;
  /** Drops every open connection. */
  cutAll(): void;
  /** While true, connections are dropped as they come: the server seems gone. */
  refuse(gone: boolean): void;
  close(): Promise<void>;
}

/** A call that has come (`before`) or that has been carried out and not been answered (`after`). */
export interface Moment {
  readonly when: "before" | "after";
  readonly method: string;
  readonly path: string;
  readonly userAgent: string;
  readonly body: string;
}

export type RequestHook = (moment: Moment) => void | Promise<void>;

const DEFAULT_BOOKMARK_MS = millis(10_000);

/** A request between its arrival and its line in the audit log. */
interface Exchange {
  readonly sequence: number;
  readonly method: string;
  readonly url: URL;
  readonly route: Route;
  readonly target: Target;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  body: string;
  fault: string | null;
}

export async function startWorldServer(options: WorldServerOptions): Promise<WorldServer> {
  const { world, clock, speed = 1 } = options;
  const audit = createAudit(options.auditFile ?? null);
  const identities = createIdentities(world);
  const faults = createFaults(() => watches.pump());
  const watches = createWatches({ world, clock, faults: () => faults });
  const driver =
    speed === "manual" ? null : createDriver({ world, clock, speed, onMove: () => watches.pump() });
  const stop = new AbortController();
  const sockets = new Set<Socket>();
  const proxies = new Map<string, string>();
  const hooks = new Set<RequestHook>();
  let token = options.token;
  let gone = false;
  let arrived = 0;
  let closing: Promise<void> | null = null;

  function arrival(request: IncomingMessage, response: ServerResponse): Exchange {
    arrived += 1;
    const method = request.method ?? "GET";
    const url = new URL(`http://world${request.url ?? "/"}`);
    const found = route(method, url.pathname, url.searchParams);
    const target = {
      method,
      path: url.pathname,
      userAgent: request.headers["user-agent"] ?? "",
      watch: found.kind === "resource" && found.verb === "watch",
    };
    return { sequence: arrived, method, url, route: found, target, request, response, body: "", fault: null };
  }

  // 1. Who asks? 2. What goes wrong on purpose? 3. The present. 4. The answer. 5. Tell the watches.
  async function serve(exchange: Exchange): Promise<void> {
    exchange.body = await readBody(exchange.request);
    if (!isPublic(exchange.url.pathname) && exchange.request.headers.authorization !== `Bearer ${token}`) {
      throw new Refusal(401, "Unauthorized", "Unauthorized");
    }
    if (await suffers(exchange)) return;
    driver?.catchUp();
    if (exchange.target.watch && exchange.route.kind === "resource") {
      watches.open(exchange.route, exchange.url.searchParams, exchange.target, exchange.response);
      record(exchange, 200);
    } else if (exchange.route.kind === "proxy") {
      const { code, body } = await forward(exchange.route, proxies, exchange.url.search);
      respond(exchange, code, body);
    } else {
      await show("before", exchange);
      driver?.catchUp();
      const reply = answerTo(exchange);
      await show("after", exchange);
      if (reply === null) cut(exchange);
      else respond(exchange, reply.code, reply.body);
    }
    watches.pump();
    driver?.rearm();
  }

  async function show(when: Moment["when"], { method, target, url, body }: Exchange): Promise<void> {
    for (const hook of hooks)
      await hook({ when, method, path: url.pathname, userAgent: target.userAgent, body });
  }

  function replyTo({ route: asked, url, request, body }: Exchange): Reply {
    switch (asked.kind) {
      case "resource": {
        const contentType = (request.headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
        return answer(world, { route: asked, query: url.searchParams, contentType, body });
      }
      case "token-request":
      case "token-review":
        return identities.answer(asked, body);
      default:
        return { code: 200, body: documentFor(asked) };
    }
  }

  /** Null when the answer is to be lost after the request took effect. */
  function answerTo(exchange: Exchange): Reply | null {
    const reply = replyTo(exchange);
    return exchange.fault === "cut" ? null : reply;
  }

  /** Returns true when the fault was the answer. */
  async function suffers(exchange: Exchange): Promise<boolean> {
    const slow = faults.take(exchange.target, ["slow"]);
    if (slow !== null) {
      exchange.fault = "slow";
      await clock.sleep(slow.ms, stop.signal);
    }
    const fault = takeOnArrival(exchange.target, faults);
    if (fault === null) return false;
    exchange.fault = fault.kind;
    switch (fault.kind) {
      case "status":
        refuseWith(exchange, faultRefusal(fault));
        return true;
      case "silence":
        record(exchange, 0);
        return true;
      case "cut":
        // A watch has no effect after which to be cut.
        if (fault.when === "after" && !exchange.target.watch) return false;
        cut(exchange);
        return true;
      case "malformed-line":
        return false;
      default:
        return fault satisfies never;
    }
  }

  function cut(exchange: Exchange): void {
    record(exchange, 0);
    exchange.response.destroy();
  }

  function respond(exchange: Exchange, code: number, body: unknown): void {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    record(exchange, code);
    const type = typeof body === "string" ? "text/plain" : "application/json";
    exchange.response.writeHead(code, { "content-type": type });
    exchange.response.end(
      exchange.fault === "malformed-line" ? text.slice(0, Math.ceil(text.length / 2)) : text,
    );
  }

  function refuseWith(exchange: Exchange, { asText, body }: Refusal): void {
    const retryAfter = body.details?.retryAfterSeconds;
    if (retryAfter !== undefined) exchange.response.setHeader("retry-after", String(retryAfter));
    respond(exchange, body.code, asText ? body.message : body);
  }

  function record(exchange: Exchange, status: number): void {
    audit.add({
      sequence: exchange.sequence,
      at: world.now,
      method: exchange.method,
      path: exchange.url.pathname,
      query: exchange.url.search,
      ...auditedRoute(exchange.route, exchange.method),
      userAgent: exchange.target.userAgent,
      status,
      fault: exchange.fault,
      body: auditedBody(exchange.body),
    });
  }

  async function handle(exchange: Exchange): Promise<void> {
    try {
      await serve(exchange);
    } catch (error) {
      if (stop.signal.aborted || exchange.response.headersSent) exchange.response.destroy();
      else if (error instanceof Refusal) refuseWith(exchange, error);
      else {
        const message = error instanceof Error ? error.message : String(error);
        respond(exchange, 500, statusBody(500, "InternalError", message));
      }
    }
  }

  const server = createServer((request, response) => {
    const exchange = arrival(request, response);
    handle(exchange).catch(() => response.destroy());
  });
  server.on("connection", (socket) => {
    if (gone) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });

  function cutAll(): void {
    for (const socket of sockets) socket.destroy();
  }

  async function shutDown(): Promise<void> {
    stop.abort();
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    cutAll();
    await Promise.all([closed, ...loops]);
    await audit.close();
  }

  const port = await listen(server, options.port ?? 0);
  const url = `http://127.0.0.1:${port}`;
  const { bookmarkMs = speed === "manual" ? null : DEFAULT_BOOKMARK_MS } = options;
  const loops = [
    ...(driver === null ? [] : [driver.run(stop.signal)]),
    ...(bookmarkMs === null ? [] : [repeat(() => watches.bookmark(), bookmarkMs, clock, stop.signal)]),
  ];

  return {
    url,
    audit: audit.entries,
    faults,
    kubeconfig: () => kubeconfigText(url, token),
    step: (to) => {
      world.advance(to);
      watches.pump();
    },
    change: (make) => {
      driver?.catchUp();
      const result = make(world);
      watches.pump();
      driver?.rearm();
      return result;
    },
    bookmark: () => watches.bookmark(),
    proxy: (target, to) => {
      if (to === null) proxies.delete(target);
      else proxies.set(target, to);
    },
    onRequest: (hook) => {
      hooks.add(hook);
      return () => {
        hooks.delete(hook);
      };
    },
    get openWatches() {
      return watches.size;
    },
    rotateToken: (next) => {
      token = next;
    },
    cutAll,
    refuse: (isGone) => {
      gone = isGone;
      if (isGone) cutAll();
    },
    close: async () => {
      closing ??= shutDown();
      await closing;
    },
  };
}

type FaultOnArrival = Extract<Fault, { kind: "status" | "cut" | "silence" | "malformed-line" }>;

/** Faults that act on a request as it comes; a watch feels some of them only once it is open. */
function takeOnArrival(target: Target, faults: Faults): FaultOnArrival | null {
  if (!target.watch) return faults.take(target, ["status", "cut", "silence", "malformed-line"]);
  return faults.take(target, ["status", "cut", "silence"]);
}

const STATUS_REASONS: Readonly<Record<number, string>> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  409: "Conflict",
  410: "Expired",
  422: "Invalid",
  429: "TooManyRequests",
  500: "InternalError",
  503: "ServiceUnavailable",
  504: "Timeout",
};

function faultRefusal(fault: Extract<Fault, { kind: "status" }>): Refusal {
  const { code, retryAfterSeconds, cause } = fault;
  return new Refusal(code, STATUS_REASONS[code] ?? "Unknown", `the world was told to answer ${code}`, {
    ...(cause === undefined ? {} : { causes: [{ reason: cause, message: "injected" }] }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}

function documentFor(route: Route): unknown {
  if (route.kind === "document") return documentAt(route.path);
  throw noSuchPath();
}

async function repeat(run: () => void, everyMs: Millis, clock: Clock, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(everyMs, signal);
    } catch {
      return;
    }
    run();
  }
}
