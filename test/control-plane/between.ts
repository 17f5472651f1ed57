// A thin proxy between the shipped client and a real API server, for what no real server can be told to do: swallow an
// answer, say that it has enough, give half an answer. It counts what passes, and can let the controllers of a test act
// between two requests. It speaks plain HTTP to the client and TLS to the server.

import { once } from "node:events";
import http from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";

import type { ControlPlane } from "./start.ts";

export interface Passing {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly isWrite: boolean;
}

export type Fault =
  /** The request never arrives, and nobody says so. */
  | { readonly kind: "lose-request" }
  /** It is done, and nobody says so. */
  | { readonly kind: "lose-answer" }
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: string;
    };

export interface Between extends AsyncDisposable {
  readonly url: URL;
  /** Requests so far, those that a fault took included. */
  count(kind: "read" | "write"): number;
  /** What becomes of requests: asked for each one, null lets it through. Replaces what was set before. */
  onRequest(choose: (request: Passing) => Fault | null): void;
  /** Every connection is cut, in the middle of whatever it carries. @returns how many answers were being sent. */
  cut(): number;
  /** Runs after the server has done a write and before the client hears of it. Replaces what was set before. */
  afterWrite(act: () => Promise<void>): void;
}

export async function startBetween({ url, ca }: Pick<ControlPlane, "url" | "ca">): Promise<Between> {
  const counts = { read: 0, write: 0 };
  let choose: (request: Passing) => Fault | null = () => null;
  let act: () => Promise<void> = async () => await Promise.resolve();
  const answering = new Set<ServerResponse>();
  const agent = new https.Agent({ ca, keepAlive: true });

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "GET", url: path = "/" } = request;
    const isWrite = method !== "GET";
    counts[isWrite ? "write" : "read"] += 1;
    const fault = choose({ method, path, isWrite });
    if (fault?.kind === "answer") {
      request.resume();
      response.writeHead(fault.status, { "content-type": "application/json", ...fault.headers });
      response.end(fault.body);
      return;
    }
    if (fault?.kind === "lose-request") {
      // The connection stays open until the client has enough of it.
      request.resume();
      return;
    }
    const upstream = https.request(new URL(path, url), { method, headers: request.headers, agent });
    // A client that gives up, as every watch does in the end, ends its request at the server too.
    response.once("close", () => upstream.destroy());
    request.pipe(upstream);
    const [answer] = (await once(upstream, "response")) as [IncomingMessage];
    if (isWrite) {
      // The whole of it first: the server is done before the controllers look.
      const body = await bytesOf(answer);
      await act();
      if (fault?.kind === "lose-answer") return;
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.end(body);
      return;
    }
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    // A watch is open when its head is there, whether or not anything happens after that.
    response.flushHeaders();
    answer.pipe(response);
    // Cut off at the server means cut off at the client.
    answer.once("error", () => response.destroy());
  };

  const server = http.createServer((request, response) => {
    answering.add(response);
    response.once("close", () => answering.delete(response));
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  // A server that listens on TCP has an address of this form.
  const { port } = server.address() as AddressInfo;

  return {
    url: new URL(`http://127.0.0.1:${port}`),
    count: (kind) => counts[kind],
    onRequest: (next) => {
      choose = next;
    },
    cut: () => {
      const { size } = answering;
      server.closeAllConnections();
      return size;
    },
    afterWrite: (next) => {
      act = next;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      agent.destroy();
    },
  };
}

async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
