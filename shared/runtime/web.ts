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
import type { TokenAdmission, TokenAuth } from "./token-auth.ts";
import { readWebConfig, secureContextOf } from "./web-config.ts";
import type { WebConfig, WebTls } from "./web-config.ts";

export interface Refusal {
  readonly status: 401 | 403 | 429 | 503;
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
  options: {
    readonly log: Log;
    readonly clock: Pick<Clock, "monotonic">;
    /** Lets in by tokens of the cluster, beside the file's users where it has any. */
    readonly tokens?: TokenAuth | null;
  },
): Promise<Web> {
  const { log, clock, tokens = null } = options;
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
  if (tokens !== null && config.tls === null)
    throw new AppError(
      "settings",
      `the web configuration ${path} has no tls_server_config, and tokens that were sent without TLS would be anybody's on the way: give it a certificate, or let nobody in by tokens`,
    );
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
      const { authorization } = request.headers;
      const token = tokens === null ? null : bearerOf(authorization);
      if (tokens !== null && token !== null) return refusalOf(await tokens.admits(token));
      if (users.size === 0 && tokens === null) return null;
      const admission = users.size === 0 ? "no" : await auth.admits(authorization, users);
      if (admission === "yes") return null;
      if (admission === "busy")
        return {
          status: 429,
          headers: { "retry-after": "1" },
          body: "too many passwords were tried; try again in a second\n",
        };
      const ways = [...(users.size === 0 ? [] : [BY_PASSWORD]), ...(tokens === null ? [] : [BY_TOKEN])];
      return {
        status: 401,
        headers: { "www-authenticate": ways.map(({ challenge }) => challenge).join(", ") },
        body: `${ways.map(({ words }) => words).join(", or ")} needed\n`,
      };
    },
  };
}

const BY_PASSWORD = {
  challenge: 'Basic realm="metrics", charset="UTF-8"',
  words: "a user and a password are",
} as const;
const BY_TOKEN = {
  challenge: 'Bearer realm="metrics"',
  words: "a token of an account that may get the URL /metrics is",
} as const;

function bearerOf(authorization: string | undefined): string | null {
  return /^bearer +([\w.~+/=-]+) *$/i.exec(authorization ?? "")?.[1] ?? null;
}

/** Null: let in. */
function refusalOf(admission: TokenAdmission): Refusal | null {
  switch (admission) {
    case "yes":
      return null;
    case "unknown":
      return {
        status: 401,
        headers: { "www-authenticate": `${BY_TOKEN.challenge}, error="invalid_token"` },
        body: "the Kubernetes API does not know this token, or it is over\n",
      };
    case "forbidden":
      return {
        status: 403,
        headers: {},
        body: "the account of this token may not get the URL /metrics: bind it to a ClusterRole that lets it\n",
      };
    case "busy":
      return {
        status: 429,
        headers: { "retry-after": "1" },
        body: "too many tokens were tried; try again in a second\n",
      };
    case "unanswered":
      return {
        status: 503,
        headers: { "retry-after": "5" },
        body: "the Kubernetes API does not say whose token this is\n",
      };
  }
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
