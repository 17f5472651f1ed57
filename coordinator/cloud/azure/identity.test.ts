import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { systemClock } from "../../../shared/runtime/clock.ts";
import { describe as inWords } from "../../../shared/runtime/errors.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { aWorld } from "../../../test/world/build.ts";
import { startAzureCloud } from "../../../test/world/cloud/azure.ts";
import type { AzureCloud } from "../../../test/world/cloud/azure.ts";
import { createIdentity } from "./identity.ts";

const AUDIENCE = "https://management.azure.com";

let cloud: AzureCloud;
let folder: string;
beforeEach(async () => {
  const world = aWorld();
  cloud = await startAzureCloud({ change: (make) => make(world), clock: systemClock });
  folder = await mkdtemp(join(tmpdir(), "gpuas-azure-"));
});
afterEach(async () => {
  await cloud.close();
  await rm(folder, { recursive: true });
});

function without(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(cloud.env).filter(([name]) => !names.includes(name)));
}

async function tokenBy(env: Readonly<Record<string, string>>): Promise<string> {
  const identity = createIdentity({ env, clock: systemClock, audience: AUDIENCE });
  try {
    return await identity.token();
  } finally {
    identity.close();
  }
}

describe("a token", () => {
  test("comes for the cluster's own token of the service account, read at each use", async () => {
    const file = join(folder, "token");
    await writeFile(file, "a-token-of-the-cluster\n");
    const env = { ...without("AZURE_CLIENT_SECRET"), AZURE_FEDERATED_TOKEN_FILE: file };
    expect(await tokenBy(env)).toMatch(/^token-/);
    const form = new URLSearchParams(cloud.calls.at(-1)?.parameters);
    expect(Object.fromEntries(form)).toEqual({
      grant_type: "client_credentials",
      client_id: cloud.env["AZURE_CLIENT_ID"],
      scope: `${AUDIENCE}/.default`,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion: "a-token-of-the-cluster",
    });
  });

  test("comes for a secret", async () => {
    expect(await tokenBy(cloud.env)).toMatch(/^token-/);
  });

  test("comes from the machine's metadata, whose numbers are text", async () => {
    expect(await tokenBy({ AZURE_POD_IDENTITY_AUTHORITY_HOST: cloud.url })).toMatch(/^token-/);
    expect(cloud.calls.map(({ action }) => action)).toEqual(["GetToken"]);
  });

  test("is kept until shortly before its end, fetched once for all who ask, and anew when it was rejected", async () => {
    const clock = createFakeClock();
    const identity = createIdentity({ env: cloud.env, clock, audience: AUDIENCE });
    const [first, again] = await Promise.all([identity.token(), identity.token()]);
    expect(again).toBe(first);
    await clock.advance(54 * 60_000);
    expect(await identity.token()).toBe(first);
    await clock.advance(60_000);
    const second = await identity.token();
    expect(second).not.toBe(first);
    // Of a token that is no longer in use nothing follows.
    identity.rejected(first);
    expect(await identity.token()).toBe(second);
    identity.rejected(second);
    expect(await identity.token()).not.toBe(second);
    expect(cloud.calls).toHaveLength(3);
    identity.close();
  });
});

describe("no token", () => {
  test.each([
    [
      "a wrong secret",
      { AZURE_CLIENT_SECRET: "not-it" },
      "denied",
      /invalid_client: AADSTS7000215.*deploy\/clouds\/azure/,
    ],
    [
      "a file that is not there",
      { AZURE_FEDERATED_TOKEN_FILE: "/nowhere/token" },
      "settings",
      /cannot read \/nowhere\/token/,
    ],
    [
      "a server that is none",
      { AZURE_AUTHORITY_HOST: "http://127.0.0.1:1" },
      "unavailable",
      /deploy\/clouds\/azure/,
    ],
  ])("for %s: %s", async (_what, changed, kind, message) => {
    const call = tokenBy({ ...cloud.env, ...changed });
    await expect(call).rejects.toMatchObject({ kind, message: expect.stringMatching(message) as string });
  });

  test.each([
    [{ AZURE_CLIENT_ID: "" }, /AZURE_CLIENT_SECRET is set, and AZURE_CLIENT_ID is not/],
    [{ AZURE_CLIENT_ID: "", AZURE_TENANT_ID: "" }, /AZURE_TENANT_ID and AZURE_CLIENT_ID are not/],
    [
      { AZURE_AUTHORITY_HOST: "login.example" },
      /AZURE_AUTHORITY_HOST is "login.example", which is no https address/,
    ],
  ])("where the environment says %j", (changed, message) => {
    const make = (): unknown =>
      createIdentity({ env: { ...cloud.env, ...changed }, clock: systemClock, audience: AUDIENCE });
    expect(make).toThrow(
      expect.objectContaining({ kind: "settings", message: expect.stringMatching(message) as string }),
    );
  });

  test("for an answer that has none, and nothing of the answer is told", async () => {
    cloud.trouble.set({
      kind: "edit",
      edit: () => JSON.stringify({ access_token: "secret-text", expires_in: "soon" }),
    });
    const error = await tokenBy(cloud.env).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: "malformed" });
    expect(inWords(error)).not.toContain("secret-text");
  });

  test("where the token endpoint wants fewer calls", async () => {
    cloud.trouble.set({ kind: "refuse", code: "TooManyRequests", retryAfterSeconds: 30 });
    await expect(tokenBy(cloud.env)).rejects.toMatchObject({ kind: "throttled", retryAfterMs: 30_000 });
  });
});
