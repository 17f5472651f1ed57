// What keeps clients that are slow, idle or many from holding the small HTTP server's memory and places: limits in
// time and number, and who has to go when there is no place left. What is answered is none of its business.

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Server as SecureServer } from "node:https";
import type { Socket } from "node:net";

import { millis } from "../model/units.ts";
import type { Millis } from "../model/units.ts";
import type { Log } from "./log.ts";

const HEADERS_WITHIN_MS = millis(5_000);
const REQUEST_WITHIN_MS = 10_000;
/** Longer than Prometheus' usual pause between two scrapes, so that it keeps its connection. */
const KEPT_FOR_MS = 65_000;
const AT_MOST = 256;

/** For createServer(). Node's own interval is half a minute, and it finds out by then only who has been too slow. */
export const SERVER_OPTIONS = { connectionsCheckingInterval: HEADERS_WITHIN_MS };

/** To be called when each request begins; `refresh` of what it gives allows the answer its time anew. */
export type Begun = (request: IncomingMessage, response: ServerResponse) => { refresh(): unknown };

/** `answerWithinMs`: a client that has not taken its answer by then is cut off, for each cycle makes a new page. */
export function limitConnections(
  server: Server | SecureServer,
  options: { readonly answerWithinMs: Millis; readonly log: Log },
): Begun {
  const { answerWithinMs: ms, log } = options;
  server.headersTimeout = HEADERS_WITHIN_MS;
  server.requestTimeout = REQUEST_WITHIN_MS;
  server.keepAliveTimeout = KEPT_FOR_MS;
  server.maxConnections = AT_MOST;

  // By the client's address and port: with TLS, the socket of a request is another object than that of its connection.
  const idle = new Map<string, Socket>();
  server.on("connection", (socket: Socket) => {
    const name = nameOf(socket);
    idle.set(name, socket);
    socket.once("close", () => {
      idle.delete(name);
    });
  });
  // Connections that ask for nothing, or not in full, must not keep the kubelet's probe out.
  server.on("drop", () => {
    for (const socket of idle.values()) socket.destroy();
  });

  return (request, response) => {
    const { socket } = request;
    const name = nameOf(socket);
    idle.delete(name);
    const late = setTimeout(() => {
      const path = URL.parse(request.url ?? "/", "http://localhost")?.pathname ?? "";
      log.info({ path, ms }, "a client took too long over a page and was cut off");
      socket.destroy();
    }, ms);
    response.once("close", () => {
      clearTimeout(late);
      if (!socket.destroyed) idle.set(name, socket);
    });
    return late;
  };
}

function nameOf({ remoteAddress = "", remotePort = 0 }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
