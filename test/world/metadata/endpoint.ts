// An HTTP endpoint on loopback as a machine's metadata service is one: it keeps a record of all requests, knows which of
// them a real service would have refused, fails on demand, and can be away and come back on the same port. What is
// answered is for the services beside it.

import { createServer } from "node:http";
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { listen, readBody } from "../loopback.ts";
import { createFaults } from "./fault.ts";
import type { Fault } from "./fault.ts";
import { answerUnder, sendUnder } from "./wire.ts";
import type { Answer } from "./wire.ts";

/** A request as a service reads it. */
export interface Incoming {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Aborted when the client has gone away or the endpoint went down. */
  readonly gone: AbortSignal;
}

export type Service = (incoming: Incoming) => Answer | Promise<Answer>;

/** One request on record. */
export interface Asked {
  /** When it came, by the clock of the endpoint. */
  readonly at: EpochMs;
  readonly method: string;
  readonly path: string;
  /** With its question mark; empty when there is none. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Null as long as it is not answered, and for ever when it was cut off. */
  readonly status: number | null;
  readonly breach: string | null;
}

export interface Endpoint extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  readonly requests: readonly Asked[];
  /** One line for each request that a real service would have refused for what it is; a good client leaves none. */
  readonly breaches: readonly string[];
  /** Accepted since the start. */
  connections(): number;
  /** Undone by what it returns. */
  fail(fault: Fault): () => void;
  /** Ends all faults. */
  mend(): void;
  /** Drops the record of requests so far, where a run is so long that nobody reads it. */
  forget(): void;
  /** Nobody listens any more, and what was open is cut. */
  down(): Promise<void>;
  /** Listens again, on the same port. */
  up(): Promise<void>;
  /** Resolves with the n-th request (from 1) whose path begins so, at once if it has come already. */
  received(path: string, n?: number): Promise<Asked>;
  /** The same of requests that have been answered, with any status. */
  answered(path: string, n?: number): Promise<Asked>;
  close(): Promise<void>;
}

export interface EndpointOptions {
  readonly clock: Clock;
  readonly serve: Service;
  /** What every answer carries beside its own headers, a failing one too. */
  readonly headers?: Readonly<Record<string, string>>;
  /** 0 lets the system choose. */
  readonly port?: number;
}

export async function startEndpoint(options: EndpointOptions): Promise<Endpoint> {
  const { clock, serve, headers: common = {} } = options;
  const faults = createFaults(clock);
  const requests: { -readonly [K in keyof Asked]: Asked[K] }[] = [];
  const breaches: string[] = [];
  const waiting = new Set<() => void>();
  let connections = 0;
  let listening = false;

  async function exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://metadata");
    const method = request.method ?? "GET";
    const gone = new AbortController();
    response.once("close", () => {
      gone.abort();
    });
    const body = await readBody(request);
    const asked: (typeof requests)[number] = {
      at: clock.now(),
      method,
      path: url.pathname,
      query: url.search,
      headers: request.headers,
      body,
      status: null,
      breach: null,
    };
    requests.push(asked);
    wake();

    const answer = (): Answer | Promise<Answer> =>
      serve({
        method,
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers,
        body,
        gone: gone.signal,
      });
    const fault = faults.take(method, url.pathname);
    const line = { response, clock, gone: gone.signal };
    const given = await answerUnder(fault, answer, line);
    if (given === null) return;
    if (given.breach !== undefined) {
      asked.breach = given.breach;
      breaches.push(`${method} ${url.pathname}${url.search}: ${given.breach}`);
    }
    // Who has gone away meanwhile is not answered.
    if (gone.signal.aborted) return;
    asked.status = given.status;
    wake();
    // A service has one clock for all that it says.
    const date = new Date(clock.now()).toUTCString();
    await sendUnder(fault, given, { ...common, date }, line);
  }

  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    response.sendDate = false;
    exchange(request, response).catch((error: unknown) => {
      // A service that throws is a fault of the fake: the client fails and its log shows why.
      if (!response.headersSent) response.writeHead(599);
      response.end(String(error));
    });
  });
  server.on("connection", () => {
    connections++;
  });
  const port = await listen(server, options.port ?? 0);
  listening = true;

  const down = async (): Promise<void> => {
    if (!listening) return;
    listening = false;
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
  };

  function wake(): void {
    for (const one of waiting) one();
  }

  async function found(fits: (asked: Asked) => boolean, n: number): Promise<Asked> {
    for (;;) {
      const asked = requests.filter(fits)[n - 1];
      if (asked !== undefined) return asked;
      await new Promise<void>((resolve) => {
        const one = (): void => {
          waiting.delete(one);
          resolve();
        };
        waiting.add(one);
      });
    }
  }

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    breaches,
    connections: () => connections,
    fail: (fault) => faults.set(fault),
    mend: () => {
      faults.clear();
    },
    forget: () => {
      requests.length = 0;
    },
    down,
    up: async () => {
      if (listening) return;
      await listen(server, port);
      listening = true;
    },
    received: (path, n = 1) => found((asked) => asked.path.startsWith(path), n),
    answered: (path, n = 1) => found((asked) => asked.path.startsWith(path) && asked.status !== null, n),
    close: down,
    [Symbol.asyncDispose]: down,
  };
}
