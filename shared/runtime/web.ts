// The web configuration in force: read at the start, read again when one of its files has changed, so that a rotated
// certificate and a new password count at once. A change that cannot be used is said in the log and what was in force
// stays: a port does not open, and does not go away, because of a slip in a file.

import { statSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Server } from "node:https";
import { TLSSocket } from "node:tls";

import type { Millis } from "../model/units.ts";
import { createBasicAuth } from "./basic-auth.ts";
import type { Clock } from "./clock.ts";
import { AppError, describe } from "./errors.ts";
import type { Log } from "./log.ts";
import { readWebConfig, secureContextOf } from "./web-config.ts";
import type { WebConfig, WebTls } from "./web-config.ts";

export interface Refusal {
  readonly status: 401 | 403 | 429;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Web {
  /** Looks whether a file has changed, which costs a few system calls. */
  current(): WebConfig;
  /** Null: the client may see the pages. */
  refusal(request: IncomingMessage): Promise<Refusal | null>;
}

const TRY_AGAIN_MS = 1000;
const HANDSHAKE_MS = 10_000;

/**
 * Loads the YAML and bcrypt packages: programs without a web configuration do not pay for them.
 * @throws AppError settings when the file, or one that it names, cannot be used.
 */
export async function openWeb(
  path: string,
  options: { readonly log: Log; readonly clock: Pick<Clock, "monotonic"> },
): Promise<Web> {
  const { log, clock } = options;
  const [{ parse }, { compare }] = await Promise.all([import("yaml"), import("bcryptjs")]);
  const read = (): WebConfig => readWebConfig(path, (text) => parse(text) as unknown);
  const auth = createBasicAuth({ compare: async (password, hash) => await compare(password, hash), clock });

  /** The stamp is that of before the reading: what is written meanwhile is a change, and is read as one. */
  const readStamped = (files: readonly string[]): { readonly config: WebConfig; readonly stamp: string } => {
    const before = stampOf(files);
    const first = read();
    if (isSame(first.files, files)) return { config: first, stamp: before };
    // Which files there are to look at is known only now.
    const stamp = stampOf(first.files);
    return { config: read(), stamp };
  };

  let { config, stamp } = readStamped([path]);
  let trouble: { readonly why: string; readonly at: Millis } | null = null;
  const current = (): WebConfig => {
    const now = stampOf(config.files);
    // What could not be used may be mended in a file that is not among those in force.
    const again = trouble !== null && clock.monotonic() - trouble.at >= TRY_AGAIN_MS;
    if (now === stamp && !again) return config;
    stamp = now;
    try {
      const { config: next, stamp: nextStamp } = readStamped(config.files);
      if (!sameKind(config.tls, next.tls))
        throw new AppError(
          "settings",
          "TLS, or asking for client certificates, begins or ends at a start only",
        );
      config = next;
      stamp = nextStamp;
      trouble = null;
      log.info({ path }, "web configuration read again");
    } catch (error) {
      const why = describe(error);
      if (why !== trouble?.why)
        log.error({ path, error }, "the changed web configuration cannot be used; the former one stays");
      trouble = { why, at: clock.monotonic() };
    }
    return config;
  };

  return {
    current,
    refusal: async (request) => {
      const { tls, users } = current();
      if (tls !== null && !certificateWillDo(request, tls))
        return { status: 403, headers: {}, body: "a client certificate of the right authority is needed\n" };
      if (users.size === 0) return null;
      const admission = await auth.admits(request.headers.authorization, users);
      if (admission === "yes") return null;
      if (admission === "busy")
        return {
          status: 429,
          headers: { "retry-after": "1" },
          body: "too many passwords were tried; try again in a second\n",
        };
      return {
        status: 401,
        headers: { "www-authenticate": 'Basic realm="metrics", charset="UTF-8"' },
        body: "a user and a password are needed\n",
      };
    },
  };
}

/**
 * A server that uses the certificate of the moment for each connection.
 * @throws AppError bug when the configuration has no TLS.
 */
export function createSecureServer(
  web: Web,
  serverOptions: { readonly connectionsCheckingInterval: Millis },
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): Server {
  let inUse = web.current().tls;
  if (inUse === null) throw new AppError("bug", "a server with TLS was asked for without a certificate");
  // Whether a certificate will do is asked for each page: refused in the handshake, a probe would be refused as well.
  const requestCert = inUse.clientAuth !== "none";
  const options = {
    ...serverOptions,
    ...secureContextOf(inUse),
    requestCert,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_MS,
  };
  const server = createServer(options, onRequest);
  // Before Node's own listener, which begins the handshake.
  server.prependListener("connection", () => {
    const now = web.current().tls;
    if (now === null || now === inUse) return;
    server.setSecureContext(secureContextOf(now));
    inUse = now;
  });
  return server;
}

/** Whether a server that was made for the one can go on with the other. */
function sameKind(one: WebTls | null, other: WebTls | null): boolean {
  const kind = (tls: WebTls | null): string =>
    tls === null ? "http" : tls.clientAuth === "none" ? "https" : "https with certificates";
  return kind(one) === kind(other);
}

function certificateWillDo(request: IncomingMessage, { clientAuth }: WebTls): boolean {
  if (clientAuth === "none" || clientAuth === "request") return true;
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return false;
  // Whether a connection without any certificate is called authorised is up to the TLS library, resumed ones above all.
  const given = Object.keys(socket.getPeerCertificate()).length > 0;
  if (clientAuth === "require-any") return given;
  if (clientAuth === "verify-if-given" && !given) return true;
  return given && socket.authorized;
}

function stampOf(files: readonly string[]): string {
  return files.map(stampOfOne).join("\n");
}

/** Never throws: it is asked with each connection, and a folder that was closed to us meanwhile is a change as well. */
function stampOfOne(file: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : "unknown";
  }
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((file, i) => file === other[i]);
}
