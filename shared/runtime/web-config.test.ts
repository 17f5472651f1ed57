import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";

import { createAuthority } from "../../test/build/certificate.ts";
import { describe as describeError } from "./errors.ts";
import { readWebConfig } from "./web-config.ts";
import type { WebConfig } from "./web-config.ts";

/** Well-formed; of no password that anybody knows. */
const HASH = "$2b$04$abcdefghijklmnopqrstuuFVo0r5Ndz8h8gQl0vpZOq1JdRlAzaAS";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "web-config-"));
  const authority = createAuthority("tests", Date.now());
  const { cert, key } = authority.issue("agent");
  for (const [name, text] of Object.entries({ "a.crt": cert, "a.key": key, "ca.crt": authority.cert }))
    writeFileSync(join(folder, name), text);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function read(text: string): WebConfig {
  const path = join(folder, "web.yml");
  writeFileSync(path, text);
  return readWebConfig(path, (yaml) => parse(yaml) as unknown);
}

const TLS = "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n";

describe("readWebConfig()", () => {
  test("reads every key that is served, with paths beside the file", () => {
    const config = read(`${TLS}  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS13
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    X-Content-Type-Options: ""
basic_auth_users:
  alice: ${HASH}
`);
    expect(config.tls).toMatchObject({
      clientAuth: "require-and-verify",
      minVersion: "TLSv1.3",
      maxVersion: "TLSv1.3",
    });
    expect(config.tls?.cert.toString()).toContain("BEGIN CERTIFICATE");
    expect(config.headers).toEqual({ "X-Frame-Options": "deny" });
    expect([...config.users]).toEqual([["alice", HASH]]);
    expect(config.files).toEqual(["web.yml", "a.crt", "a.key", "ca.crt"].map((name) => join(folder, name)));
  });

  test("takes TLS 1.2 and no certificates where the file does not say, and nothing from an empty file", () => {
    expect(read(TLS).tls).toMatchObject({ clientAuth: "none", clientCa: null, minVersion: "TLSv1.2" });
    expect(read("# nothing yet\n")).toMatchObject({ tls: null, headers: {}, users: new Map() });
  });

  test.each([
    ["rate_limit: {interval: 1s}", "rate_limit is no key that is served here"],
    [`${TLS}  cipher_suites: [a]`, "tls_server_config.cipher_suites is no key that is served here"],
    [
      "http_server_config: {headers: {X-Other: a}}",
      "http_server_config.headers.X-Other is no key that is served here",
    ],
    ["tls_server_config: {cert_file: a.crt}", "tls_server_config.key_file"],
    [`${TLS}  min_version: TLS9`, "tls_server_config.min_version: must be one of TLS10, TLS11, TLS12, TLS13"],
    [`${TLS}  client_auth_type: Maybe`, "tls_server_config.client_auth_type: must be one of NoClientCert"],
    [`${TLS}  client_auth_type: RequireAndVerifyClientCert`, "needs a client_ca_file"],
    [`${TLS}  client_ca_file: ca.crt`, "verifies no certificate"],
    ["tls_server_config: {cert_file: gone.crt, key_file: a.key}", "cert_file: ENOENT"],
    ["tls_server_config: {cert_file: a.crt, key_file: ca.crt}", "cert_file, key_file or client_ca_file"],
    ["basic_auth_users: {alice: secret}", "basic_auth_users.alice: is no bcrypt hash"],
    [
      `basic_auth_users: {alice: ${HASH.replace("$04$", "$31$")}}`,
      "basic_auth_users.alice: has a cost that is not from 4 to 14",
    ],
    ["basic_auth_users: [alice]", "basic_auth_users"],
    ["just a text", "the file"],
    ["a: [", "web.yml"],
  ])("refuses %j", (text, problem) => {
    expect(() => read(text)).toThrow(problem);
  });

  test("refuses a key that belongs to another certificate, and does not repeat secrets in what it says", () => {
    writeFileSync(join(folder, "a.key"), createAuthority("others", Date.now()).key);
    expect(() => read(TLS)).toThrow("cert_file, key_file or client_ca_file");
    let said = "";
    try {
      read("basic_auth_users: {alice: plainly-written}");
    } catch (error) {
      said = describeError(error);
    }
    expect(said).toContain("alice");
    expect(said).not.toContain("plainly-written");
  });
});
