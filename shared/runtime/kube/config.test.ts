import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import { inClusterConfig, tokenFile } from "./config.ts";
import { RESOURCE } from "./resources.ts";

let directory = "";
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "service-account-"));
  await writeFile(join(directory, "token"), "first\n");
  await writeFile(join(directory, "ca.crt"), "-----BEGIN CERTIFICATE-----\n");
  await writeFile(join(directory, "namespace"), "gpu-autoscaler-system\n");
});
afterEach(async () => {
  await rm(directory, { recursive: true });
});

describe("inClusterConfig()", () => {
  test("reads what a pod finds in its folder", async () => {
    const config = await inClusterConfig({
      host: "10.96.0.1",
      port: "443",
      directory,
      clock: createFakeClock(),
    });
    expect(config).toMatchObject({ namespace: "gpu-autoscaler-system", ca: "-----BEGIN CERTIFICATE-----\n" });
    expect(config.server.href).toBe("https://10.96.0.1/");
    expect(await config.token()).toBe("first");
  });

  test("brackets an IPv6 address", async () => {
    const config = await inClusterConfig({
      host: "fd00::1",
      port: "6443",
      directory,
      clock: createFakeClock(),
    });
    expect(config.server.host).toBe("[fd00::1]:6443");
  });

  test.each([
    [undefined, "443"],
    ["10.96.0.1", undefined],
    ["", "443"],
  ])("says which variable is missing with host %s and port %s", async (host, port) => {
    const config = inClusterConfig({ host, port, directory, clock: createFakeClock() });
    await expect(config).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringContaining("KUBERNETES_SERVICE_PORT") as string,
    });
  });

  test("names the file that it cannot read", async () => {
    await rm(join(directory, "ca.crt"));
    const config = inClusterConfig({ host: "h", port: "1", directory, clock: createFakeClock() });
    await expect(config).rejects.toMatchObject({
      kind: "settings",
      message: expect.stringContaining(join(directory, "ca.crt")) as string,
    });
  });
});

describe("tokenFile()", () => {
  test("reads the file again after a minute, and not before", async () => {
    const clock = createFakeClock();
    const token = tokenFile(join(directory, "token"), clock);
    expect(await token()).toBe("first");
    await writeFile(join(directory, "token"), "second");
    await clock.advance(59_999);
    expect(await token()).toBe("first");
    await clock.advance(1);
    expect(await token()).toBe("second");
  });

  test("reads the file at once when the token was rejected", async () => {
    const token = tokenFile(join(directory, "token"), createFakeClock());
    await token();
    await writeFile(join(directory, "token"), "second");
    expect(await token({ fresh: true })).toBe("second");
    expect(await token()).toBe("second");
  });

  test("refuses an empty file", async () => {
    await writeFile(join(directory, "token"), " \n");
    await expect(tokenFile(join(directory, "token"), createFakeClock())()).rejects.toMatchObject({
      kind: "settings",
    });
  });

  test("carries a client over a rotation: the rejected call is sent again with the file's new token", async () => {
    await using server = await startScriptedServer((request, reply) => {
      if (request.headers.authorization === "Bearer second") reply.json(200, { metadata: { name: "n" } });
      else reply.json(401, { kind: "Status", code: 401, reason: "Unauthorized" });
    });
    const clock = createFakeClock();
    const token = tokenFile(join(directory, "token"), clock);
    await token();
    await writeFile(join(directory, "token"), "second");
    const client = clientFor(server.url, clock, { token });
    expect(await client.get(RESOURCE.nodes, { name: "n" })).toEqual({ metadata: { name: "n" } });
    expect(server.requests.map((request) => request.headers.authorization)).toEqual([
      "Bearer first",
      "Bearer second",
    ]);
    client.close();
  });
});
