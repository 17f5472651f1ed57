import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import { createFakeClock } from "../build/clock.ts";
import { aNode, aPool, aWorld, START } from "./build.ts";
import { connect } from "./connection.ts";
import type { Connection } from "./connection.ts";
import { servesWorlds, TOKEN, NODES, GROUP, kinds } from "./serving.ts";

const serve = servesWorlds();

describe("authentication", () => {
  test("wants the bearer token, also after it was rotated, and leaves health open", async () => {
    const { server, api } = await serve(aWorld());
    expect((await connect(server.url, "wrong").get(NODES)).body).toMatchObject({
      kind: "Status",
      code: 401,
      reason: "Unauthorized",
    });
    expect((await api.get(NODES)).code).toBe(200);
    server.rotateToken("next");
    expect((await api.get(NODES)).code).toBe(401);
    expect((await connect(server.url, "next").get(NODES)).code).toBe(200);
    expect((await connect(server.url, "wrong").get("/readyz")).body["text"]).toBe("ok");
    expect(server.kubeconfig()).toContain("token: next");
  });
});

describe("faults", () => {
  test("answer in the server's place as often as they are told", async () => {
    const { server, api } = await serve(aWorld());
    server.faults.set({
      kind: "status",
      code: 429,
      retryAfterSeconds: 3,
      cause: "DisruptionBudget",
      times: 1,
      match: { pathIncludes: "nodes" },
    });
    expect((await api.get("/api/v1/pods")).code).toBe(200);
    expect(await api.get(NODES)).toMatchObject({
      code: 429,
      retryAfter: "3",
      body: { details: { causes: [{ reason: "DisruptionBudget" }] } },
    });
    expect((await api.get(NODES)).code).toBe(200);
  });

  test("match by method, path, agent and watch, until they are cleared", async () => {
    const { server, api } = await serve(aWorld());
    const match = { method: "GET", userAgentIncludes: "coordinator" };
    const undo = server.faults.set({ kind: "status", code: 503, match });
    const coordinator = connect(server.url, TOKEN, "gpu-autoscaler-coordinator/1");
    expect((await coordinator.get(NODES)).code).toBe(503);
    expect((await api.get(NODES)).code).toBe(200);
    expect((await coordinator.merge(`${NODES}/none`, {})).code).toBe(404);
    undo();
    expect((await coordinator.get(NODES)).code).toBe(200);
    server.faults.set({ kind: "status", code: 410, match: { watch: true } });
    expect((await api.watch(`${NODES}?watch=1`)).code).toBe(410);
    expect((await api.get(NODES)).code).toBe(200);
    server.faults.clear();
    expect((await api.watch(`${NODES}?watch=1`)).code).toBe(200);
  });

  test("cut a request before it takes effect, or after", async () => {
    const world = aWorld();
    const { server, api } = await serve(world);
    server.faults.set({ kind: "cut", times: 1, match: { method: "PATCH" } });
    await expect(api.merge(`${GROUP}/scale`, { spec: { replicas: 1 } })).rejects.toThrow("fetch failed");
    expect(world.list("machines")).toHaveLength(0);
    server.faults.set({ kind: "cut", when: "after", times: 1, match: { method: "PATCH" } });
    await expect(api.merge(`${GROUP}/scale`, { spec: { replicas: 1 } })).rejects.toThrow("fetch failed");
    expect(world.list("machines")).toHaveLength(1);
    expect(server.audit.map(({ status, fault }) => [status, fault])).toEqual([
      [0, "cut"],
      [0, "cut"],
    ]);
  });

  test("slow a request down by the clock", async () => {
    const clock = createFakeClock();
    const { server, api } = await serve(aWorld(), { clock });
    server.faults.set({ kind: "slow", ms: millis(2_000), times: 1 });
    const answer = api.get(NODES);
    await clock.untilSleeping(2_000);
    expect(server.audit).toHaveLength(0);
    await clock.advance(2_000);
    expect((await answer).code).toBe(200);
  });

  test("reach watches that are open: 410, a broken line, a cut, silence", async () => {
    const world = aWorld();
    const { server, api } = await serve(world);
    const open = async (): ReturnType<Connection["watch"]> =>
      await api.watch(`${NODES}?watch=1&resourceVersion=${world.version}`);
    const gone = await open();
    server.faults.set({ kind: "gone-watch", times: 1 });
    expect(await gone.next()).toMatchObject({ type: "ERROR", object: { code: 410 } });

    const broken = await open();
    server.faults.set({ kind: "malformed-line", times: 1 });
    const line = await broken.nextRaw();
    expect(() => JSON.parse(line ?? "") as unknown).toThrow(SyntaxError);
    server.change(() => world.put("nodes", aNode("n1")));
    expect(kinds(await broken.take(1))).toEqual(["ADDED n1"]);

    server.faults.set({ kind: "silence", times: 1 });
    server.change(() => world.put("nodes", aNode("n2")));
    const other = await open();
    server.change(() => world.put("nodes", aNode("n3")));
    expect(kinds(await other.take(1))).toEqual(["ADDED n3"]);
    server.faults.set({ kind: "cut", match: { watch: true } });
    await expect(other.next()).rejects.toThrow("terminated");
    await expect(broken.next()).rejects.toThrow("terminated");
  });

  test("give half an answer to what is no watch", async () => {
    const { server, api } = await serve(aWorld());
    server.faults.set({ kind: "malformed-line", times: 1 });
    await expect(api.get(NODES)).rejects.toThrow(SyntaxError);
  });

  test("let the server seem gone, and be back", async () => {
    const { server, api } = await serve(aWorld());
    server.refuse(true);
    await expect(api.get(NODES)).rejects.toThrow("fetch failed");
    server.refuse(false);
    expect((await api.get(NODES)).code).toBe(200);
  });
});

describe("a hook", () => {
  test("sees a call before its effect and after it, until it is taken off", async () => {
    const { server, api } = await serve(aWorld());
    const seen: string[] = [];
    const undo = server.onRequest(({ when, method, path, body }) => {
      const there = server.change((world) => world.get("namespaces", { name: "made" }) !== null);
      seen.push(`${when} ${method} ${path} ${body.includes("made")} ${there}`);
    });
    const path = "/api/v1/namespaces";
    await api.post(path, { apiVersion: "v1", kind: "Namespace", metadata: { name: "made" } });
    expect(seen).toEqual([`before POST ${path} true false`, `after POST ${path} true true`]);
    undo();
    await api.get(NODES);
    expect(seen).toHaveLength(2);
  });
});

describe("the audit log", () => {
  test("has every request with who, what and how it ended, also as a file", async () => {
    const folder = await mkdtemp(join(tmpdir(), "world-audit-"));
    const auditFile = join(folder, "audit.jsonl");
    const { server, api } = await serve(aWorld(), { auditFile });
    await api.merge(`${GROUP}/scale`, { spec: { replicas: 1 } });
    await connect(server.url, "wrong").get(`${NODES}?limit=1`);
    await api.watch(`${NODES}?watch=1`);
    expect(server.audit).toMatchObject([
      {
        sequence: 1,
        at: START,
        method: "PATCH",
        verb: "patch",
        resource: "machinedeployments",
        namespace: "default",
        name: "spot-a",
        subresource: "scale",
        userAgent: "test",
        status: 200,
        fault: null,
        body: { spec: { replicas: 1 } },
      },
      { sequence: 2, verb: "list", resource: "nodes", query: "?limit=1", status: 401, body: null },
      { sequence: 3, verb: "watch", status: 200 },
    ]);
    await server.close();
    const lines = (await readFile(auditFile, "utf8")).trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(server.audit);
    await rm(folder, { recursive: true });
  });
});

describe("the driver", () => {
  test("moves the world with the clock and tells watches without being asked", async () => {
    const clock = createFakeClock(START);
    const world = aWorld({
      pools: [aPool({ replicas: 1, bootMs: millis(20_000), readyMs: millis(10_000) })],
    });
    const { api } = await serve(world, { clock, speed: 1, bookmarkMs: null });
    const watch = await api.watch(`${NODES}?watch=1&resourceVersion=${world.version}`);
    await clock.advance(19_999);
    expect(world.list("nodes")).toEqual([]);
    await clock.advance(1);
    expect((await watch.next())?.type).toBe("ADDED");
    expect(world.now).toBe(epochMs(START + 20_000));
  });

  test("brings the world to the present before each request, at its speed", async () => {
    const clock = createFakeClock(START);
    const world = aWorld();
    const { server, api } = await serve(world, { clock, speed: 60, bookmarkMs: null });
    await clock.advance(500);
    await api.merge(`${GROUP}/scale`, { spec: { replicas: 1 } });
    expect(server.audit[0]?.at).toBe(START + 30_000);
    await clock.advance(500);
    expect(world.list("nodes")).toHaveLength(1);
  });

  test("wakes earlier when a request brings an earlier event", async () => {
    const clock = createFakeClock(START);
    const world = aWorld();
    const { api } = await serve(world, { clock, speed: 1, bookmarkMs: null });
    await clock.advance(10);
    await api.merge(`${GROUP}/scale`, { spec: { replicas: 1 } });
    await clock.untilSleeping(20_000);
    await clock.advance(20_000);
    expect(world.list("nodes")).toHaveLength(1);
  });
});
