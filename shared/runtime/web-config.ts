// The file that protects a metrics port: TLS, client certificates and basic authentication, with the keys that
// Prometheus' exporter-toolkit gives them. Reads and checks it; who serves by it is decided elsewhere. A key that is
// not served is refused by its name: a port that somebody believes protected must not be open.

import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { createSecureContext } from "node:tls";
import type { SecureVersion } from "node:tls";

import * as z from "zod";

import { AppError, describe } from "./errors.ts";

export type ClientAuth = "none" | "request" | "require-any" | "verify-if-given" | "require-and-verify";

export interface WebTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientAuth: ClientAuth;
  /** Null: the system's own authorities. */
  readonly clientCa: Buffer | null;
  readonly minVersion: SecureVersion;
  readonly maxVersion: SecureVersion;
}

export interface WebConfig {
  /** Null: plain HTTP. */
  readonly tls: WebTls | null;
  /** Sent with every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** User → bcrypt hash; empty: nobody is asked. */
  readonly users: ReadonlyMap<string, string>;
  /** Everything that was read: when one of them changes, so may the configuration. */
  readonly files: readonly string[];
}

/** Reads YAML; given by the caller, since the parser is loaded only where there is a file to read. */
export type ParseYaml = (text: string) => unknown;

const CLIENT_AUTH: Readonly<Record<string, ClientAuth>> = {
  NoClientCert: "none",
  RequestClientCert: "request",
  RequireAnyClientCert: "require-any",
  VerifyClientCertIfGiven: "verify-if-given",
  RequireAndVerifyClientCert: "require-and-verify",
};
const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  TLS10: "TLSv1",
  TLS11: "TLSv1.1",
  TLS12: "TLSv1.2",
  TLS13: "TLSv1.3",
};
const HEADERS = [
  "Content-Security-Policy",
  "X-Frame-Options",
  "X-Content-Type-Options",
  "X-XSS-Protection",
  "Strict-Transport-Security",
] as const;
/** A comparison doubles with each step, and the program does nothing else meanwhile for a tenth of a second at a time. */
const COST_MAX = 14;

const oneOf = (names: readonly string[]) =>
  z.string().refine((value) => names.includes(value), { error: `must be one of ${names.join(", ")}` });
const header = z.string().regex(/^[\x20-\x7e]*$/, "must be one line of ASCII");
const hash = z
  .string()
  .regex(/^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/, "is no bcrypt hash; make one with: htpasswd -nBC 10 NAME")
  .refine((value) => Number(value.slice(4, 6)) >= 4 && Number(value.slice(4, 6)) <= COST_MAX, {
    error: `has a cost that is not from 4 to ${COST_MAX}; make it anew with: htpasswd -nBC 10 NAME`,
  });

const fileSchema = z.strictObject({
  tls_server_config: z
    .strictObject({
      cert_file: z.string().min(1),
      key_file: z.string().min(1),
      client_auth_type: oneOf(Object.keys(CLIENT_AUTH)).default("NoClientCert"),
      client_ca_file: z.string().min(1).nullish(),
      min_version: oneOf(Object.keys(VERSIONS)).default("TLS12"),
      max_version: oneOf(Object.keys(VERSIONS)).default("TLS13"),
    })
    .nullish(),
  http_server_config: z
    .strictObject({
      // HTTP/1.1 is what is served either way; a client that could do more agrees to it in the handshake.
      http2: z.boolean().nullish(),
      headers: z.strictObject(Object.fromEntries(HEADERS.map((name) => [name, header.nullish()]))).nullish(),
    })
    .nullish(),
  basic_auth_users: z.record(z.string().regex(/^[^:]+$/, "a user's name has no colon"), hash).nullish(),
});

/**
 * Paths in the file are relative to its own folder.
 * @throws AppError settings that names the file and each key that is wrong.
 */
export function readWebConfig(path: string, parseYaml: ParseYaml): WebConfig {
  const refuse = (why: string, cause?: unknown): AppError =>
    new AppError("settings", `the web configuration ${path} cannot be used: ${why}`, { cause });

  let document: unknown;
  try {
    document = parseYaml(readFileSync(path, "utf8"));
  } catch (error) {
    throw refuse(describe(error), error);
  }
  // An empty file protects nothing, and says so as exporter-toolkit's does.
  const parsed = fileSchema.safeParse(document ?? {});
  if (!parsed.success) throw refuse(parsed.error.issues.flatMap(problemsOf).join("; "));
  const { tls_server_config: written, http_server_config: http, basic_auth_users: users } = parsed.data;

  const files = [path];
  const read = (key: string, name: string): Buffer => {
    const at = resolve(dirname(path), name);
    files.push(at);
    try {
      return readFileSync(at);
    } catch (error) {
      throw refuse(`${key}: ${describe(error)}`, error);
    }
  };
  let tls: WebTls | null = null;
  if (written !== undefined && written !== null) {
    const caFile = written.client_ca_file ?? null;
    tls = {
      cert: read("cert_file", written.cert_file),
      key: read("key_file", written.key_file),
      clientAuth: CLIENT_AUTH[written.client_auth_type] ?? "require-and-verify",
      clientCa: caFile === null ? null : read("client_ca_file", caFile),
      minVersion: VERSIONS[written.min_version] ?? "TLSv1.3",
      maxVersion: VERSIONS[written.max_version] ?? "TLSv1.3",
    };
    const verifies = tls.clientAuth === "verify-if-given" || tls.clientAuth === "require-and-verify";
    if (tls.clientCa !== null && !verifies)
      throw refuse(
        `client_ca_file is given and client_auth_type ${written.client_auth_type} verifies no certificate; use RequireAndVerifyClientCert`,
      );
    if (verifies && tls.clientCa === null)
      throw refuse(`client_auth_type ${written.client_auth_type} needs a client_ca_file`);
    try {
      createSecureContext(secureContextOf(tls));
    } catch (error) {
      throw refuse(`cert_file, key_file or client_ca_file: ${describe(error)}`, error);
    }
  }
  const headers = Object.entries(http?.headers ?? {}).flatMap(([name, value]) =>
    typeof value === "string" && value !== "" ? [[name, value] as const] : [],
  );
  return { tls, headers: Object.fromEntries(headers), users: new Map(Object.entries(users ?? {})), files };
}

/** For Node's TLS. Whether a client's certificate will do is asked for each page, since a probe has none. */
export function secureContextOf(tls: WebTls) {
  const { cert, key, clientCa, minVersion, maxVersion } = tls;
  return { cert, key, minVersion, maxVersion, ...(clientCa === null ? {} : { ca: clientCa }) };
}

function problemsOf(issue: z.core.$ZodIssue): readonly string[] {
  const at = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => `${at === "" ? "" : `${at}.`}${key} is no key that is served here`);
  return [`${at === "" ? "the file" : at}: ${issue.message}`];
}
