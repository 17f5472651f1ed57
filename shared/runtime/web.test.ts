import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request as httpsRequest, Agent } from "node:https";
import type { RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PeerCertificate, TLSSocket } from "node:tls";

import { hashSync } from "bcryptjs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createAuthority } from "../../test/build/certificate.ts";
import type { Authority } from "../../test/build/certificate.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import type { FakeClock } from "../../test/build/clock.ts";
import { startAdmin } from "./admin.ts";
import type { Admin } from "./admin.ts";
import { createLogSink } from "./log.ts";
import type { TokenAdmission, TokenAuth } from "./token-auth.ts";
import { openWeb } from "./web.ts";

let folder: string;
let authority: Authority;
let clock: FakeClock;
let sink: ReturnType<typeof createLogSink>;
let admin: Admin | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "web-"));
  authority = createAuthority("tests", Date.now());
  clock = createFakeClock();
  sink = createLogSink();
  write("ca.crt", authority.cert);
  writePair("agent");
});
afterEach(async () => {
  await admin?.close();
  admin = undefined;
  rmSync(folder, { recursive: true });
});

/** As a careful writer does it, and as a mounted secret changes: the new file takes the old one's place in whole. */
function write(name: string, text: string): void {
  writeFileSync(join(folder, ".next"), text);
  renameSync(join(folder, ".next"), join(folder, name));
}

function writePair(name: string, by: Authority = authority): void {
  const { cert, key } = by.issue(name);
  write("a.key", key);
  write("a.crt", cert);
}

async function start(config: string, tokens: TokenAuth | null = null): Promise<Admin> {
  write("web.yml", config);
  const web = await openWeb(join(folder, "web.yml"), { log: sink.log, clock, tokens });
  admin = await startAdmin({
    host: "127.0.0.1",
    port: 0,
    metrics: () => Promise.resolve("a 1\n"),
    live: {},
    ready: {},
    routes: { "/last": () => ({ contentType: "text/plain", body: "last" }) },
    web,
    log: sink.log,
  });
  return admin;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
  /** Common name of the server's certificate; not known in a resumed session. */
  readonly server: string | undefined;
  readonly resumed: boolean;
}

/** One request over a new connection, unless an agent is given. */
async function ask(path: string, options: RequestOptions = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const url = new URL(path, admin?.url);
  const sent = httpsRequest(url, { ca: authority.cert, agent: false, ...options }, (response) => {
    const chunks: Buffer[] = [];
    // Looked at while the connection is open: it is gone with the end of the answer.
    const socket = response.socket as TLSSocket;
    const peer: Partial<PeerCertificate> = socket.getPeerCertificate();
    const server = String(peer.subject?.CN);
    const resumed = socket.isSessionReused();
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      const { statusCode = 0, headers } = response;
      resolve({ status: statusCode, headers, body: Buffer.concat(chunks).toString(), server, resumed });
    });
    response.on("error", reject);
  });
  sent.on("error", reject).end();
  return await promise;
}

const TLS = "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n";
const MUTUAL = `${TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n`;

function users(all: Readonly<Record<string, string>>): string {
  const lines = Object.entries(all).map(([name, password]) => `  ${name}: ${hashSync(password, 4)}\n`);
  return `basic_auth_users:\n${lines.join("")}`;
}

describe("TLS", () => {
  test("serves by the certificate of the file, and by the next one as soon as it lies there", async () => {
    await start(TLS);
    expect(admin?.url).toMatch(/^https:/);
    expect(await ask("/metrics")).toMatchObject({ status: 200, body: "a 1\n", server: "agent" });
    writePair("agent-renewed");
    expect(await ask("/metrics")).toMatchObject({ status: 200, server: "agent-renewed" });
  });

  test("half a rotation changes nothing, is said once, and the other half completes it", async () => {
    await start(TLS);
    const { cert, key } = authority.issue("agent-renewed");
    write("a.crt", cert);
    for (let i = 0; i < 3; i++) expect(await ask("/metrics")).toMatchObject({ server: "agent" });
    expect(sink.lines.filter(({ level }) => level === "error")).toHaveLength(1);
    write("a.key", key);
    expect(await ask("/metrics")).toMatchObject({ server: "agent-renewed" });
  });

  test("what was named by a configuration that could not be used is looked for again", async () => {
    await start(TLS);
    const { cert, key } = authority.issue("elsewhere");
    write("web.yml", TLS.replaceAll("a.", "b."));
    expect(await ask("/metrics")).toMatchObject({ server: "agent" });
    write("b.crt", cert);
    write("b.key", key);
    await clock.advance(1_000);
    expect(await ask("/metrics")).toMatchObject({ server: "elsewhere" });
  });

  test("a folder that turns into something else takes nothing away but the next rotation", async () => {
    mkdirSync(join(folder, "certs"));
    const { cert, key } = authority.issue("below");
    write("certs/a.crt", cert);
    write("certs/a.key", key);
    await start(TLS.replaceAll(" a.", " certs/a."));
    expect(await ask("/metrics")).toMatchObject({ server: "below" });
    rmSync(join(folder, "certs"), { recursive: true });
    write("certs", "a file where the folder was");
    expect(await ask("/metrics")).toMatchObject({ status: 200, server: "below" });
    expect(await ask("/healthz")).toMatchObject({ status: 200 });
    expect(sink.lines.filter(({ level }) => level === "error")).toHaveLength(1);
  });

  test("does not fall back to plain HTTP while it runs", async () => {
    await start(TLS);
    write("web.yml", "# nothing\n");
    expect(await ask("/metrics")).toMatchObject({ status: 200, server: "agent" });
    expect(sink.lines).toMatchObject([{ level: "error", path: join(folder, "web.yml") }]);
  });

  test("refuses a version below the lowest", async () => {
    await start(`${TLS}  min_version: TLS13\n`);
    await expect(ask("/metrics", { maxVersion: "TLSv1.2" })).rejects.toThrow(/version|handshake|EPROTO/i);
    expect(await ask("/metrics")).toMatchObject({ status: 200 });
  });
});

describe("client certificates", () => {
  test("lets in whom the authority has signed, and answers probes of everybody", async () => {
    await start(MUTUAL);
    const { cert, key } = authority.issue("prometheus");
    expect(await ask("/metrics", { cert, key })).toMatchObject({ status: 200 });
    expect(await ask("/metrics")).toMatchObject({ status: 403 });
    expect(await ask("/last")).toMatchObject({ status: 403 });
    const stranger = createAuthority("strangers", Date.now()).issue("prometheus");
    expect(await ask("/metrics", stranger)).toMatchObject({ status: 403 });
    expect(await ask("/healthz")).toMatchObject({ status: 200 });
    expect(await ask("/readyz")).toMatchObject({ status: 200 });
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "a resumed session of %s is let in with a certificate and not without",
    async (version) => {
      await start(MUTUAL);
      for (const [own, status] of [
        [authority.issue("prometheus"), 200],
        [{}, 403],
      ] as const) {
        const agent = new Agent({ keepAlive: false, maxCachedSessions: 10 });
        const options = { ...own, agent, maxVersion: version };
        const statuses = [await ask("/metrics", options), await ask("/metrics", options)];
        expect(statuses.map(({ resumed }) => resumed)).toEqual([false, true]);
        expect(statuses.map((answer) => answer.status)).toEqual([status, status]);
        agent.destroy();
      }
    },
  );

  test("takes any certificate, or a good one or none, where the file says so", async () => {
    const stranger = createAuthority("strangers", Date.now()).issue("prometheus");
    await start(`${TLS}  client_auth_type: RequireAnyClientCert\n`);
    expect(await ask("/metrics", stranger)).toMatchObject({ status: 200 });
    expect(await ask("/metrics")).toMatchObject({ status: 403 });
    write("web.yml", `${TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.crt\n`);
    expect(await ask("/metrics", stranger)).toMatchObject({ status: 403 });
    expect(await ask("/metrics")).toMatchObject({ status: 200 });
  });

  test("another authority counts for the next connection", async () => {
    await start(MUTUAL);
    const others = createAuthority("others", Date.now());
    const theirs = others.issue("prometheus");
    const ours = authority.issue("prometheus");
    expect(await ask("/metrics", theirs)).toMatchObject({ status: 403 });
    write("ca.crt", others.cert);
    expect(await ask("/metrics", theirs)).toMatchObject({ status: 200 });
    expect(await ask("/metrics", ours)).toMatchObject({ status: 403 });
  });
});

describe("basic authentication", () => {
  const get = async (path: string, user?: string) =>
    await fetch(new URL(path, admin?.url), {
      headers: user === undefined ? {} : { authorization: `Basic ${Buffer.from(user).toString("base64")}` },
    });

  test("asks for a user of the file on every page but the probes, over plain HTTP as well", async () => {
    await start(users({ alice: "secret" }));
    const refused = await get("/metrics");
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toContain("Basic");
    expect(await refused.text()).not.toContain("a 1");
    expect((await get("/metrics", "alice:wrong")).status).toBe(401);
    expect((await get("/last")).status).toBe(401);
    expect((await get("/no-such-page")).status).toBe(401);
    expect((await get("/metrics", "alice:secret")).status).toBe(200);
    expect((await get("/healthz")).status).toBe(200);
    expect((await get("/readyz")).status).toBe(200);
  });

  test("a user who was taken out of the file is out, and a new one in, without a restart", async () => {
    await start(users({ alice: "secret" }));
    expect((await get("/metrics", "alice:secret")).status).toBe(200);
    write("web.yml", users({ bob: "other" }));
    expect((await get("/metrics", "alice:secret")).status).toBe(401);
    expect((await get("/metrics", "bob:other")).status).toBe(200);
  });

  test("says that too many were tried", async () => {
    await start(users({ alice: "secret" }));
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) statuses.push((await get("/metrics", `alice:guess-${i}`)).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429]);
  });

  test("sends the headers of the file with every answer", async () => {
    await start(`${users({ alice: "a" })}http_server_config: {headers: {X-Frame-Options: deny}}\n`);
    for (const path of ["/metrics", "/healthz"])
      expect((await get(path)).headers.get("x-frame-options")).toBe("deny");
  });
});

describe("tokens", () => {
  /** Each token is what the API server would say of it. */
  const tokens: TokenAuth = { admits: async (token) => await Promise.resolve(token as TokenAdmission) };
  const bearer = (token: string): RequestOptions => ({ headers: { authorization: `Bearer ${token}` } });

  test("are asked about on every page but the probes, and each answer has its own words", async () => {
    await start(TLS, tokens);
    const bare = await ask("/metrics");
    expect(bare).toMatchObject({
      status: 401,
      headers: { "www-authenticate": 'Bearer realm="metrics"' },
      body: "a token of an account that may get the URL /metrics is needed\n",
    });
    expect(await ask("/metrics", bearer("yes"))).toMatchObject({ status: 200, body: "a 1\n" });
    expect(await ask("/last", bearer("yes"))).toMatchObject({ status: 200 });
    const refused = { unknown: 401, forbidden: 403, busy: 429, unanswered: 503 };
    for (const [admission, status] of Object.entries(refused)) {
      const answer = await ask("/metrics", bearer(admission));
      expect(answer.status).toBe(status);
      expect(answer.body).not.toContain("a 1");
    }
    // Whose password would it be: there are no users.
    expect((await ask("/metrics", { auth: "alice:secret" })).status).toBe(401);
    expect((await ask("/readyz")).status).toBe(200);
  });

  test("stand beside passwords, and behind client certificates", async () => {
    await start(`${TLS}${users({ alice: "secret" })}`, tokens);
    expect((await ask("/metrics", { auth: "alice:secret" })).status).toBe(200);
    expect((await ask("/metrics", bearer("yes"))).status).toBe(200);
    const bare = await ask("/metrics");
    expect(bare.headers["www-authenticate"]).toMatch(/^Basic .*, Bearer /);
    expect(bare.body).toContain("a user and a password are, or a token");
    await admin?.close();
    await start(MUTUAL, tokens);
    expect((await ask("/metrics", bearer("yes"))).status).toBe(403);
    const own = authority.issue("prometheus");
    expect((await ask("/metrics", { ...own, ...bearer("yes") })).status).toBe(200);
    expect((await ask("/metrics", own)).status).toBe(401);
  });

  test("are not taken without TLS", async () => {
    await expect(start(users({ alice: "secret" }), tokens)).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringContaining("tls_server_config") as unknown,
    });
  });
});

describe("openWeb()", () => {
  test("refuses the start by a file that is not there", async () => {
    await expect(openWeb(join(folder, "gone.yml"), { log: sink.log, clock })).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringContaining("gone.yml") as unknown,
    });
  });
});
