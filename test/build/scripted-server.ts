// An HTTP server on loopback that answers as one test tells it to, and keeps what it was asked. For tests of
// our HTTP clients: real sockets and real parsing on both sides, no behaviour of its own.

import http from "node:http";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface ScriptedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  /** The parsed JSON body; null without one, and of a form. */
  readonly body: unknown;
  /** The fields of a form; empty for any other body. */
  readonly form: URLSearchParams;
  /** "PATCH /api/v1/nodes/n1" */
  readonly line: string;
}

export interface ScriptedReply {
  json(status: number, body: unknown, headers?: OutgoingHttpHeaders): void;
  text(status: number, body: string, headers?: OutgoingHttpHeaders): void;
  /** Starts a 200 answer that goes on. */
  stream(): ScriptedStream;
  /** Breaks the connection without an answer. */
  cut(): void;
}

export interface ScriptedStream {
  /** One JSON line. */
  send(event: unknown): void;
  raw(text: string | Uint8Array): void;
  /** Ends the answer in order. */
  end(): void;
  cut(): void;
  /** Whether the client has gone away. */
  readonly closed: boolean;
}

export type Script = (request: ScriptedRequest, reply: ScriptedReply) => void | Promise<void>;

export interface ScriptedServer extends AsyncDisposable {
  readonly url: URL;
  readonly requests: readonly ScriptedRequest[];
  /** Connections accepted since the start. */
  readonly connections: number;
  /** Of these, those that nobody has closed. */
  readonly open: number;
  /** Replaces the script from the next request on. */
  answer(script: Script): void;
  /** Resolves with the n-th request (from 1) whose line starts with `line`, at once if it has come already. */
  received(line: string, n?: number): Promise<ScriptedRequest>;
}

export async function startScriptedServer(
  script: Script,
  tls?: { readonly key: string; readonly cert: string; readonly ca?: string },
): Promise<ScriptedServer> {
  let current = script;
  let connections = 0;
  let closed = 0;
  const requests: ScriptedRequest[] = [];
  const waiting = new Set<() => void>();

  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const request = await readRequest(incoming);
    requests.push(request);
    for (const wake of waiting) wake();
    await current(request, replyOn(outgoing));
  };
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    // A script that throws answers 599, so that the client under test fails and shows why.
    handle(incoming, outgoing).catch((error: unknown) => {
      if (!outgoing.headersSent) outgoing.writeHead(599);
      outgoing.end(String(error));
    });
  };
  const server =
    tls === undefined
      ? http.createServer(onRequest)
      : https.createServer(
          { ...tls, requestCert: tls.ca !== undefined, rejectUnauthorized: true },
          onRequest,
        );
  server.on("connection", (socket: Socket) => {
    connections++;
    socket.once("close", () => {
      closed++;
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;

  return {
    url: new URL(`${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`),
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return connections - closed;
    },
    answer: (next) => {
      current = next;
    },
    received: async (line, n = 1) => {
      const found = (): ScriptedRequest | undefined =>
        requests.filter((request) => request.line.startsWith(line))[n - 1];
      for (let request = found(); ; request = found()) {
        if (request !== undefined) return request;
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            waiting.delete(wake);
            resolve();
          };
          waiting.add(wake);
        });
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

async function readRequest(incoming: IncomingMessage): Promise<ScriptedRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString("utf8");
  const url = new URL(incoming.url ?? "/", "http://server");
  const method = incoming.method ?? "GET";
  const isForm = incoming.headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
  return {
    method,
    path: url.pathname,
    query: url.searchParams,
    headers: incoming.headers,
    body: body === "" || isForm ? null : (JSON.parse(body) as unknown),
    form: new URLSearchParams(isForm ? body : ""),
    line: `${method} ${url.pathname}`,
  };
}

function replyOn(outgoing: ServerResponse): ScriptedReply {
  return {
    json: (status, body, headers = {}) => {
      outgoing.writeHead(status, { "content-type": "application/json", ...headers });
      outgoing.end(JSON.stringify(body));
    },
    text: (status, body, headers = {}) => {
      outgoing.writeHead(status, headers);
      outgoing.end(body);
    },
    stream: () => {
      outgoing.writeHead(200, { "content-type": "application/json" });
      outgoing.flushHeaders();
      return {
        send: (event) => {
          outgoing.write(`${JSON.stringify(event)}\n`);
        },
        raw: (text) => {
          outgoing.write(text);
        },
        end: () => {
          outgoing.end();
        },
        cut: () => {
          outgoing.destroy();
        },
        get closed() {
          return outgoing.destroyed || outgoing.closed;
        },
      };
    },
    cut: () => {
      outgoing.destroy();
    },
  };
}
