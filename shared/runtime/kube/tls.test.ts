import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedServer } from "../../../test/build/scripted-server.ts";
import { createKubeClient } from "./client.ts";
import { fixedToken } from "./config.ts";
import type { KubeConfig } from "./config.ts";
import { RESOURCE } from "./resources.ts";

const run = promisify(execFile);
const hasOpenssl = await run("openssl", ["version"]).then(
  () => true,
  () => false,
);

interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** An authority, a server for 127.0.0.1 and a client, all made for this run. */
async function makeCertificates(
  directory: string,
): Promise<{ ca: string; server: Identity; client: Identity }> {
  const at = (name: string): string => join(directory, name);
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await run("openssl", [
    "req",
    "-x509",
    ...ec,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.crt"),
    "-subj",
    "/CN=test authority",
    "-days",
    "1",
  ]);
  const issue = async (name: string, extensions: string): Promise<Identity> => {
    await writeFile(at(`${name}.ext`), extensions);
    await run("openssl", [
      "req",
      "-new",
      ...ec,
      "-keyout",
      at(`${name}.key`),
      "-out",
      at(`${name}.csr`),
      "-subj",
      `/CN=${name}`,
    ]);
    const signing = ["-CA", at("ca.crt"), "-CAkey", at("ca.key"), "-CAcreateserial", "-days", "1"];
    await run("openssl", [
      "x509",
      "-req",
      "-in",
      at(`${name}.csr`),
      ...signing,
      "-extfile",
      at(`${name}.ext`),
      "-out",
      at(`${name}.crt`),
    ]);
    return {
      key: await readFile(at(`${name}.key`), "utf8"),
      cert: await readFile(at(`${name}.crt`), "utf8"),
    };
  };
  return {
    server: await issue("server", "subjectAltName=IP:127.0.0.1\n"),
    client: await issue("client", "extendedKeyUsage=clientAuth\n"),
    ca: await readFile(at("ca.crt"), "utf8"),
  };
}

describe.skipIf(!hasOpenssl)("TLS (needs openssl)", () => {
  let directory = "";
  let certificates: Awaited<ReturnType<typeof makeCertificates>>;
  let server: ScriptedServer;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "tls-"));
    certificates = await makeCertificates(directory);
    const { ca } = certificates;
    server = await startScriptedServer((_, reply) => reply.json(200, { metadata: { name: "n" } }), {
      ...certificates.server,
      ca,
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function getNode(config: Partial<KubeConfig>): Promise<string> {
    const client = createKubeClient({
      config: { server: server.url, namespace: "default", token: fixedToken(null), ...config },
      clock: createFakeClock(),
      userAgent: "test",
    });
    try {
      return (await client.get(RESOURCE.nodes, { name: "n" })).metadata.name;
    } finally {
      client.close();
    }
  }

  test("a client certificate is who we are", async () => {
    expect(await getNode({ ca: certificates.ca, ...certificates.client })).toBe("n");
  });

  test("without its client certificate a call is denied", async () => {
    await expect(getNode({ ca: certificates.ca })).rejects.toMatchObject({ kind: "denied" });
  });

  test("a server of an authority that we do not know is denied, and the message names the code", async () => {
    await expect(getNode({ ...certificates.client })).rejects.toMatchObject({
      kind: "denied",
      message: expect.stringMatching(
        /certificates do not match \((UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/,
      ) as string,
    });
  });

  test("a server that carries another name is denied, unless that name is configured", async () => {
    const byName = new URL(server.url);
    byName.hostname = "localhost";
    const trusted = { ca: certificates.ca, ...certificates.client };
    await expect(getNode({ ...trusted, server: byName })).rejects.toMatchObject({ kind: "denied" });
    expect(await getNode({ ...trusted, server: byName, insecureSkipTlsVerify: true })).toBe("n");
  });
});
