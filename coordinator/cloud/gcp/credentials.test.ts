// Where the coordinator gets its identity at Google when nobody gives it one: application default credentials by Google's
// own library, in the file that ships. Each source is a real server on loopback; what counts is the token that comes.
// A key file is not among them: the library asks Google's own address for it, whatever the file says.

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, expect, test } from "vitest";

import { bundle, ENTRIES } from "../../../deploy/bundle.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedServer } from "../../../test/build/scripted-server.ts";

const ROOT = new URL("../../..", import.meta.url).pathname;
const METADATA_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token";
const run = promisify(execFile);

/** Three at once, as when a coordinator begins. */
const CALL = `
  const { createTokens } = await import(process.argv[1]);
  const token = createTokens("gpu-project-1");
  try {
    console.log((await Promise.all([token(), token(), token()])).join());
  } catch (error) {
    console.log("error: " + error.message.split("\\n")[0]);
  }`;

/** One after the other, on a machine that the library takes for one of Google's: there it waits without end by itself. */
const AGAIN = `
  const { createTokens } = await import(process.argv[1]);
  const token = createTokens("gpu-project-1", 500);
  const said = [];
  for (let time = 0; time < 2; time++)
    said.push(await token().catch((error) => "error: " + error.message));
  console.log(said.join(" | "));
  process.exit(0);`;

let folder: string;
/** Questions for a token that get no answer. */
let unanswered = 0;
let file: string;
let server: ScriptedServer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gcp-credentials-"));
  const entries = { "gcp-auth.js": ENTRIES["gcp-auth.js"] };
  file = join(await bundle({ outdir: relative(ROOT, folder), entries }), "gcp-auth.js");
  const given = (token: string) => ({ access_token: token, expires_in: 3_599, token_type: "Bearer" });
  server = await startScriptedServer(({ path, form }, reply) => {
    const flavor = { "metadata-flavor": "Google" };
    if (path.startsWith(METADATA_TOKEN) && unanswered-- > 0) return;
    if (path.startsWith(METADATA_TOKEN))
      reply.text(200, JSON.stringify(given("FROM-METADATA")), {
        ...flavor,
        "content-type": "application/json",
      });
    else if (path.startsWith("/computeMetadata/v1")) reply.text(200, "x", flavor);
    else if (path === "/sts" && form.get("subject_token") === "a-token")
      reply.json(200, {
        ...given("FROM-FEDERATION"),
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      });
    else reply.text(404, "");
  });
  await writeFile(join(folder, "token"), "a-token");
  const federated = {
    type: "external_account",
    audience: "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
    subject_token_type: "urn:ietf:params:oauth:token-type:jwt",
    token_url: new URL("/sts", server.url).href,
    credential_source: { file: join(folder, "token") },
  };
  await writeFile(join(folder, "federated.json"), JSON.stringify(federated));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function call(env: Readonly<Record<string, string>>, script = CALL): Promise<string> {
  const args = ["--input-type=module", "-e", script, file];
  // No gcloud is to be found, and no file of whoever runs this.
  const { stdout } = await run(process.execPath, args, { env: { HOME: folder, PATH: "", ...env } });
  return stdout.trim();
}

test.each([
  [
    "the metadata server, which is workload identity of GKE",
    "FROM-METADATA",
    () => ({ GCE_METADATA_HOST: server.url.host }),
  ],
  [
    "a federated identity of another cluster",
    "FROM-FEDERATION",
    () => ({ GOOGLE_APPLICATION_CREDENTIALS: join(folder, "federated.json") }),
  ],
])("a token comes from %s, asked for once by three calls", async (_source, token, env) => {
  const isAsked = (path: string): boolean => path.startsWith(METADATA_TOKEN) || path === "/sts";
  const before = server.requests.filter(({ path }) => isAsked(path)).length;
  expect(await call(env())).toBe([token, token, token].join());
  expect(server.requests.filter(({ path }) => isAsked(path)).length - before).toBe(1);
});

test("a metadata server that does not answer once is asked anew, and not waited for as long as we run", async () => {
  unanswered = 1;
  expect(await call({ GCE_METADATA_HOST: server.url.host, K_SERVICE: "x" }, AGAIN)).toBe(
    "error: no access token came within 0.5 s: timed out | FROM-METADATA",
  );
});

test("without any there is an error that says so", async () => {
  expect(await call({ METADATA_SERVER_DETECTION: "none" })).toMatch(
    /^error: Could not load the default credentials/,
  );
});
