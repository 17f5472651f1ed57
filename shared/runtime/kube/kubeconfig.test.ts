import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import { parseKubeconfig, readKubeconfig } from "./kubeconfig.ts";

const pem = (name: string): string => `-----BEGIN ${name}-----\nxyz\n-----END ${name}-----\n`;
const base64 = (text: string): string => Buffer.from(text).toString("base64");

function kubeconfig(
  parts: { readonly cluster?: string; readonly user?: string; readonly context?: string } = {},
): string {
  return `
apiVersion: v1
kind: Config
current-context: main
clusters:
  - name: c1
    cluster:
      server: https://api.example:6443
${parts.cluster ?? ""}
contexts:
  - name: main
    context: { cluster: c1, user: u1, namespace: team-a }
  - name: other
    context: { cluster: c1 }
${parts.context ?? ""}
users:
  - name: u1
    user:
      token: secret
${parts.user ?? ""}
`;
}

const at = { path: "/home/me/config", clock: createFakeClock() };

describe("parseKubeconfig()", () => {
  test("takes server, namespace and token of the current context", async () => {
    const config = await parseKubeconfig(kubeconfig(), at);
    expect(config.server.href).toBe("https://api.example:6443/");
    expect(config.namespace).toBe("team-a");
    expect(await config.token()).toBe("secret");
  });

  test("takes the context that is asked for; without a user there is no token", async () => {
    const config = await parseKubeconfig(kubeconfig(), { ...at, context: "other" });
    expect([config.namespace, await config.token()]).toEqual(["default", null]);
  });

  test("decodes certificates and TLS settings", async () => {
    const config = await parseKubeconfig(
      kubeconfig({
        cluster: `      certificate-authority-data: ${base64(pem("CERTIFICATE"))}
      tls-server-name: kubernetes
      insecure-skip-tls-verify: true`,
        user: `      client-certificate-data: ${base64(pem("CERTIFICATE"))}
      client-key-data: ${base64(pem("PRIVATE KEY"))}`,
      }),
      at,
    );
    expect(config).toMatchObject({
      ca: pem("CERTIFICATE"),
      cert: pem("CERTIFICATE"),
      key: pem("PRIVATE KEY"),
      tlsServerName: "kubernetes",
      insecureSkipTlsVerify: true,
    });
  });

  test.each([
    ["exec", "      exec: { command: aws }", /exec of user "u1" in .*kubectl create token/],
    [
      "auth-provider",
      "      auth-provider: { name: gcp }",
      /auth-provider of user "u1" in .*kubectl create token/,
    ],
    ["username", "      username: admin", /username of user "u1"/],
    ["as", "      as: somebody", /as of user "u1"/],
  ])("refuses a user with %s and says what to do", async (_, user, message) => {
    await expect(parseKubeconfig(kubeconfig({ user }), at)).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringMatching(message) as string,
    });
  });

  test.each([
    ["a proxy", { cluster: "      proxy-url: http://proxy" }, {}, /proxy-url of cluster "c1"/],
    [
      "a key without its certificate",
      { user: `      client-key-data: ${base64(pem("KEY"))}` },
      {},
      /client-certificate is missing/,
    ],
    [
      "data that is no PEM",
      { cluster: "      certificate-authority-data: eHl6" },
      {},
      /certificate-authority-data .* not base64 of a PEM/,
    ],
    [
      "a file that is not there",
      { cluster: "      certificate-authority: missing.crt" },
      {},
      /\/home\/me\/missing.crt/,
    ],
    [
      "an unknown context",
      {},
      { context: "nowhere" },
      /context "nowhere" in \/home\/me\/config: it has main, other/,
    ],
    [
      "a context whose cluster is missing",
      { context: "  - { name: broken, context: { cluster: c9 } }" },
      { context: "broken" },
      /cluster "c9" in \/home\/me\/config: it has c1/,
    ],
  ])("refuses %s by name", async (_, parts, options, message) => {
    await expect(parseKubeconfig(kubeconfig(parts), { ...at, ...options })).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringMatching(message) as string,
    });
  });

  test.each([
    ["no YAML", "a: [", /as YAML/],
    ["no kubeconfig", "just text", /as a kubeconfig/],
    ["a wrong type", "clusters: { name: c1 }", /clusters/],
    ["an empty file", "", /as a kubeconfig/],
    ["no current context", "contexts: []", /context "" in .*: it has none/],
    [
      "a server that is no URL",
      "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\nclusters: [{name: c, cluster: {server: 'api:x'}}]",
      /"api:x" is not an http or https URL/,
    ],
  ])("refuses %s", async (_, text, message) => {
    await expect(parseKubeconfig(text, at)).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringMatching(message) as string,
    });
  });
});

describe("readKubeconfig()", () => {
  test("looks up the files that it names beside itself, and follows a token file", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kubeconfig-"));
    try {
      await writeFile(join(directory, "ca.crt"), pem("CERTIFICATE"));
      await writeFile(join(directory, "token"), "from a file\n");
      const text = kubeconfig({
        cluster: "      certificate-authority: ca.crt",
        user: "      tokenFile: token",
      });
      await writeFile(join(directory, "config"), text);
      const config = await readKubeconfig(join(directory, "config"), { clock: at.clock });
      expect([config.ca, await config.token()]).toEqual([pem("CERTIFICATE"), "from a file"]);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("names a kubeconfig that is not there", async () => {
    await expect(readKubeconfig("/nowhere/config", { clock: at.clock })).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringContaining("/nowhere/config") as string,
    });
  });
});
