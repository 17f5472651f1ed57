// Where the coordinator gets its identity at AWS when nobody gives it one: the SDK's own chain, in the file that ships.
// Each source is a real server on loopback; what counts is the key that the call to Auto Scaling is signed with.

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bundle, ENTRIES } from "../../../deploy/bundle.ts";
import { answerXml } from "../../../test/build/aws.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedServer } from "../../../test/build/scripted-server.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
const ROLE = "arn:aws:iam::1:role/gpu";
const run = promisify(execFile);

const CALL = `
  const { createSdk } = await import(process.argv[1]);
  const sdk = createSdk({ region: "us-west-2", endpoint: process.argv[2] });
  try {
    const { output } = await sdk.DescribeAutoScalingGroups({}, AbortSignal.timeout(10_000));
    console.log(JSON.stringify(output.AutoScalingGroups));
  } catch (error) {
    console.log(error.name);
  }`;

let folder: string;
let file: string;
let server: ScriptedServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "aws-credentials-"));
  const entries = { "aws-sdk.js": ENTRIES["aws-sdk.js"] };
  file = join(await bundle({ outdir: relative(ROOT, folder), entries }), "aws-sdk.js");
  await writeFile(join(folder, "token"), "a-token");
  server = await startScriptedServer(({ path, form, headers }, reply) => {
    const fresh = { Expiration: "2126-01-01T00:00:00Z", Token: "session" };
    // Whoever brings another token finds nothing.
    if (form.get("WebIdentityToken") === "a-token" && form.get("RoleArn") === ROLE) {
      const Credentials = {
        AccessKeyId: "FROM-IRSA",
        SecretAccessKey: "s",
        SessionToken: fresh.Token,
        Expiration: fresh.Expiration,
      };
      reply.text(200, answerXml("AssumeRoleWithWebIdentity", { Credentials }), {
        "content-type": "text/xml",
      });
    } else if (path === "/v1/credentials" && headers.authorization === "a-token") {
      reply.json(200, { AccessKeyId: "FROM-POD-IDENTITY", SecretAccessKey: "s", ...fresh });
    } else if (path === "/latest/api/token") {
      reply.text(200, "imds-token", { "x-aws-ec2-metadata-token-ttl-seconds": "21600" });
    } else if (path === "/latest/meta-data/iam/security-credentials/") {
      reply.text(200, "node-role");
    } else if (path === "/latest/meta-data/iam/security-credentials/node-role") {
      reply.json(200, { Code: "Success", AccessKeyId: "FROM-INSTANCE", SecretAccessKey: "s", ...fresh });
    } else if (form.get("Action") === "DescribeAutoScalingGroups") {
      reply.text(200, answerXml("DescribeAutoScalingGroups", { AutoScalingGroups: "" }));
    } else reply.text(404, "");
  });
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function call(env: Readonly<Record<string, string>>): Promise<string> {
  const args = ["--input-type=module", "-e", CALL, file, server.url.href];
  const { stdout } = await run(process.execPath, args, { env: { HOME: folder, ...env } });
  return stdout.trim();
}

const signedWith = (): string | undefined =>
  /Credential=([^/]+)\//.exec(server.requests.at(-1)?.headers.authorization ?? "")?.[1];

test.each([
  ["the environment", "FROM-ENV", () => ({ AWS_ACCESS_KEY_ID: "FROM-ENV", AWS_SECRET_ACCESS_KEY: "s" })],
  [
    "IRSA",
    "FROM-IRSA",
    () => ({
      AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, "token"),
      AWS_ROLE_ARN: ROLE,
      AWS_ENDPOINT_URL_STS: server.url.href,
    }),
  ],
  [
    "Pod Identity",
    "FROM-POD-IDENTITY",
    () => ({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: new URL("/v1/credentials", server.url).href,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(folder, "token"),
    }),
  ],
  ["the instance's role", "FROM-INSTANCE", () => ({ AWS_EC2_METADATA_SERVICE_ENDPOINT: server.url.origin })],
])("credentials come from %s", async (_source, key, env) => {
  expect(await call(env())).toBe("[]");
  expect(signedWith()).toBe(key);
});

test("without any there is an error of its own, and nothing is sent to Auto Scaling", async () => {
  const before = server.requests.length;
  expect(await call({ AWS_EC2_METADATA_DISABLED: "true" })).toBe("CredentialsProviderError");
  expect(server.requests).toHaveLength(before);
});
