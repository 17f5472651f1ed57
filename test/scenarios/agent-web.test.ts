// The shipped agent's port with TLS and a password in front of it: who sees the GPUs, and that a kubelet, which has neither,
// still gets its probes answered. The rest of the configuration is tested beside its reader.

import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import type { RequestOptions } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { hashSync } from "bcryptjs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { systemClock } from "../../shared/runtime/clock.ts";
import { createAuthority } from "../build/certificate.ts";
import type { Authority } from "../build/certificate.ts";
import { healthyGpu } from "../nvml-double/fixture.ts";
import { QUICK, untilReported } from "./agent-heard.ts";
import { createScene } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

let scene: Scene;
let folder: string;
let authority: Authority;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agent-web-"));
  authority = createAuthority("tests", systemClock.now());
  scene = await createScene({ gpus: [healthyGpu(0)] });
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** In whole, as a mounted secret changes. */
async function put(name: string, text: string): Promise<void> {
  await writeFile(join(folder, `.${name}`), text);
  await rename(join(folder, `.${name}`), join(folder, name));
}

/** A file that asks for a password of this user, with a certificate beside it. */
async function configure(password: string): Promise<string> {
  const { cert, key } = authority.issue("agent");
  await put("tls.key", key);
  await put("tls.crt", cert);
  const tls = "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n";
  await put("web.yml", `${tls}basic_auth_users:\n  prometheus: ${hashSync(password, 5)}\n`);
  return join(folder, "web.yml");
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Over a connection of its own, trusting the authority of the test alone. */
async function ask(base: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const agent = new Agent({ ca: authority.cert });
  request(new URL(path, base), { agent, ...options }, (response) => {
    let body = "";
    response.setEncoding("utf8");
    response.on("data", (text: string) => (body += text));
    response.on("end", () => {
      resolve({ status: response.statusCode ?? 0, body });
    });
  })
    .on("error", reject)
    .end();
  return await promise;
}

describe("the agent's port with a web configuration", () => {
  test("shows its metrics to those with the password, its probes to everybody, and nothing without TLS", async () => {
    const env = { ...QUICK, GPUAS_WEB_CONFIG: await configure("right") };
    const agent = await scene.agent({ env, waitFor: "listening" });
    const { url } = agent;
    expect(url).toMatch(/^https:/);
    await untilReported(scene, "the GPU", ({ gpus }) => gpus.length === 1);

    const metrics = (auth?: string): Promise<Answer> =>
      ask(url, "/metrics", auth === undefined ? {} : { auth });
    expect((await metrics()).status).toBe(401);
    const refused = await metrics("prometheus:wrong");
    expect(refused.status).toBe(401);
    expect(refused.body).not.toContain("gpu_");
    const shown = await metrics("prometheus:right");
    expect(shown.status).toBe(200);
    expect(shown.body).toMatch(/^gpu_utilization_percent\{/m);

    expect((await ask(url, "/healthz")).status).toBe(200);
    const ready = await ask(url, "/readyz");
    expect(ready.status).toBe(200);
    expect(ready.body).toContain("driver 580.95.05");
    await expect(fetch(url.replace("https:", "http:"))).rejects.toThrow("fetch failed");

    // Another password counts without a new start.
    await configure("other");
    expect((await metrics("prometheus:right")).status).toBe(401);
    expect((await metrics("prometheus:other")).status).toBe(200);
  });

  test("is not opened when the configuration cannot be used, and the start says why", async () => {
    await put("web.yml", "basic_auth_users:\n  prometheus: not a hash\n");
    const env = { ...QUICK, GPUAS_WEB_CONFIG: join(folder, "web.yml") };
    await expect(scene.agent({ env, waitFor: "listening" })).rejects.toThrow(/web\.yml.*prometheus/);
  });
});
