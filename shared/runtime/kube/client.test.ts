import { afterEach, describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { Script, ScriptedServer } from "../../../test/build/scripted-server.ts";
import type { Node } from "../../model/kube.ts";
import { millis, seconds } from "../../model/units.ts";
import type { KubeClient, KubeClientOptions } from "./client.ts";
import { RESOURCE } from "./resources.ts";

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function connect(
  script: Script,
  options: Partial<KubeClientOptions> = {},
): Promise<{ server: ScriptedServer; client: KubeClient; clock: ReturnType<typeof createFakeClock> }> {
  const server = await startScriptedServer(script);
  const clock = createFakeClock();
  const client = clientFor(server.url, clock, options);
  cleanups.push(
    async () => await server[Symbol.asyncDispose](),
    () => {
      client.close();
    },
  );
  return { server, client, clock };
}

const node = { metadata: { name: "n1", resourceVersion: "7", managedFields: [{ manager: "kubelet" }] } };

function status(code: number, reason: string, message: string, details: object = {}): object {
  return { kind: "Status", status: "Failure", code, reason, message, details };
}

describe("get()", () => {
  test("asks for one object and leaves out the record of field managers", async () => {
    const { server, client } = await connect((_, reply) => {
      reply.json(200, node);
    });
    expect(await client.get(RESOURCE.nodes, { name: "n1" })).toEqual({
      metadata: { name: "n1", resourceVersion: "7" },
    });
    expect(server.requests[0]?.line).toBe("GET /api/v1/nodes/n1");
    expect(server.requests[0]?.headers).toMatchObject({ accept: "application/json", "user-agent": "test" });
  });

  test("keeps the path of a server that stands behind a proxy", async () => {
    const { server } = await connect((_, reply) => {
      reply.json(200, node);
    });
    const client = clientFor(new URL("/k8s/clusters/c-1/", server.url), createFakeClock());
    cleanups.push(() => {
      client.close();
    });
    await client.get(RESOURCE.pods, { namespace: "team-a", name: "p" });
    expect(server.requests[0]?.path).toBe("/k8s/clusters/c-1/api/v1/namespaces/team-a/pods/p");
  });

  test("does not let a name lead to another path", async () => {
    const { server, client } = await connect((_, reply) => {
      reply.json(200, node);
    });
    await client.get(RESOURCE.nodes, { name: "../secrets?x" });
    expect(server.requests[0]?.path).toBe("/api/v1/nodes/..%2Fsecrets%3Fx");
    await expect(client.get(RESOURCE.nodes, { name: ".." })).rejects.toMatchObject({ kind: "bad-input" });
    await expect(client.get(RESOURCE.nodes, { name: "" })).rejects.toMatchObject({ kind: "bad-input" });
    await expect(client.get(RESOURCE.pods, { name: "p" })).rejects.toMatchObject({ kind: "bug" });
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    [400, "BadRequest", {}, "refused"],
    [401, "Unauthorized", {}, "denied"],
    [403, "Forbidden", {}, "denied"],
    [404, "NotFound", {}, "not-found"],
    [405, "MethodNotAllowed", {}, "refused"],
    [409, "Conflict", {}, "conflict"],
    [410, "Expired", {}, "expired"],
    [415, "UnsupportedMediaType", {}, "refused"],
    [422, "Invalid", {}, "refused"],
    [429, "TooManyRequests", {}, "throttled"],
    [429, "TooManyRequests", { causes: [{ reason: "DisruptionBudget" }] }, "budget-blocked"],
    [500, "InternalError", {}, "unavailable"],
    [503, "ServiceUnavailable", {}, "unavailable"],
    [504, "Timeout", {}, "timeout"],
  ])("makes %i %s %j an error of kind %s", async (code, reason, details, kind) => {
    const { client } = await connect((_, reply) => {
      reply.json(code, status(code, reason, "because of that", details));
    });
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({
      kind,
      message: `cannot get nodes n1: ${code} ${reason}: because of that`,
    });
  });

  test("reads how long to wait from the header, and from the details without one", async () => {
    const { server, client } = await connect((_, reply) => {
      reply.json(429, status(429, "TooManyRequests", "m"), { "retry-after": "3" });
    });
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({ retryAfterMs: 3000 });
    server.answer((_, reply) => {
      reply.json(429, status(429, "TooManyRequests", "m", { retryAfterSeconds: 10 }));
    });
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({ retryAfterMs: 10_000 });
  });

  test("explains an answer that is no Status", async () => {
    const { client } = await connect((_, reply) => {
      reply.text(502, "<html>bad gateway</html>");
    });
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({
      kind: "unavailable",
      message: "cannot get nodes n1: 502: <html>bad gateway</html>",
    });
  });

  test.each(["{ broken", "[]", '"text"', "{}", '{"metadata":null}'])("calls %s malformed", async (body) => {
    const { client } = await connect((_, reply) => {
      reply.text(200, body);
    });
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({ kind: "malformed" });
  });
});

describe("list()", () => {
  const item = (name: string): object => ({
    metadata: { name, namespace: "ns", resourceVersion: "1", managedFields: [] },
  });

  test("reads all pages and gives items their type", async () => {
    const { server, client } = await connect((request, reply) => {
      const page = request.query.get("continue");
      if (page === null)
        reply.json(200, { metadata: { resourceVersion: "90", continue: "next" }, items: [item("a")] });
      else reply.json(200, { metadata: { resourceVersion: "90" }, items: [item("b")] });
    });
    const pods = await client.list(RESOURCE.pods, {
      fieldSelector: "spec.nodeName=n1",
      labelSelector: "a in (b,c)",
    });
    expect(pods).toEqual({
      resourceVersion: "90",
      items: ["a", "b"].map((name) => ({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name, namespace: "ns", resourceVersion: "1" },
      })),
    });
    expect(server.requests.map((request) => request.path)).toEqual(["/api/v1/pods", "/api/v1/pods"]);
    expect(Object.fromEntries(server.requests[1]?.query ?? [])).toEqual({
      fieldSelector: "spec.nodeName=n1",
      labelSelector: "a in (b,c)",
      limit: "500",
      continue: "next",
    });
  });

  test("starts over once when the server has forgotten the version of the first page", async () => {
    const { client } = await connect((request, reply) => {
      if (request.query.get("continue") === "old") reply.json(410, status(410, "Expired", "too old"));
      else if (request.query.get("continue") === "new")
        reply.json(200, { metadata: { resourceVersion: "9" }, items: null });
      else
        reply.json(200, {
          metadata: { resourceVersion: "9", continue: continues.shift() },
          items: [item("a")],
        });
    });
    const continues = ["old", "new"];
    const pods = await client.list(RESOURCE.pods);
    expect(pods.items.map((pod) => pod.metadata.name)).toEqual(["a"]);
  });

  test.each([
    { metadata: {}, items: [] },
    { metadata: { resourceVersion: "1" } },
    { metadata: { resourceVersion: "1" }, items: {} },
    { metadata: { resourceVersion: "1" }, items: [{}] },
  ])("calls %j malformed instead of empty", async (body) => {
    const { client } = await connect((_, reply) => {
      reply.json(200, body);
    });
    await expect(client.list(RESOURCE.pods)).rejects.toMatchObject({ kind: "malformed" });
  });
});

describe("writes", () => {
  async function record(work: (client: KubeClient) => Promise<unknown>) {
    const { server, client } = await connect((_, reply) => reply.json(200, node), { fieldManager: "tester" });
    await work(client);
    const request = server.requests[0];
    return {
      line: request?.line,
      type: request?.headers["content-type"],
      query: Object.fromEntries(request?.query ?? []),
      body: request?.body,
    };
  }
  const managed = { fieldManager: "tester" };

  test("create() posts to the collection of the object's namespace with its type", async () => {
    const lease = { metadata: { namespace: "ns", name: "l" }, spec: { holderIdentity: "me" } };
    expect(await record(async (client) => await client.create(RESOURCE.leases, lease))).toEqual({
      line: "POST /apis/coordination.k8s.io/v1/namespaces/ns/leases",
      type: "application/json",
      query: managed,
      body: { apiVersion: "coordination.k8s.io/v1", kind: "Lease", ...lease },
    });
  });

  test("replaceStatus() puts the whole object to its status", async () => {
    const policy = { metadata: { name: "p", resourceVersion: "3" }, status: { term: 1 } };
    expect(await record(async (client) => await client.replaceStatus(RESOURCE.policies, policy))).toEqual({
      line: "PUT /apis/gpu-autoscaler.io/v1alpha1/autoscalingpolicies/p/status",
      type: "application/json",
      query: managed,
      body: { apiVersion: "gpu-autoscaler.io/v1alpha1", kind: "AutoscalingPolicy", ...policy },
    });
  });

  test("mergePatch(), patchStatus() and jsonPatch() name their patch type", async () => {
    expect(
      await record(async (client) => await client.mergePatch(RESOURCE.nodes, { name: "n" }, { spec: {} })),
    ).toMatchObject({
      line: "PATCH /api/v1/nodes/n",
      type: "application/merge-patch+json",
    });
    expect(
      await record(async (client) => await client.patchStatus(RESOURCE.nodes, { name: "n" }, {})),
    ).toMatchObject({
      line: "PATCH /api/v1/nodes/n/status",
      type: "application/merge-patch+json",
    });
    const operations = [{ op: "remove", path: "/spec/x" }] as const;
    expect(
      await record(async (client) => await client.jsonPatch(RESOURCE.nodes, { name: "n" }, operations)),
    ).toMatchObject({
      type: "application/json-patch+json",
      body: operations,
    });
  });

  test("apply() names its own field manager and the object inside, and takes over when it is told to", async () => {
    const body = { status: { conditions: [{ type: "GpuHealthy", status: "True" }] } };
    const how = { fieldManager: "tester-health", subresource: "status", force: true } as const;
    expect(
      await record(async (client) => await client.apply(RESOURCE.nodes, { name: "n" }, body, how)),
    ).toEqual({
      line: "PATCH /api/v1/nodes/n/status",
      type: "application/apply-patch+yaml",
      query: { fieldManager: "tester-health", force: "true" },
      body: { apiVersion: "v1", kind: "Node", metadata: { name: "n" }, ...body },
    });
    const pod = { namespace: "ns", name: "p" };
    expect(
      await record(
        async (client) =>
          await client.apply(
            RESOURCE.pods,
            pod,
            { metadata: { labels: { a: "b" } } },
            { fieldManager: "tester-health" },
          ),
      ),
    ).toMatchObject({
      line: "PATCH /api/v1/namespaces/ns/pods/p",
      query: { fieldManager: "tester-health", force: "false" },
      body: { kind: "Pod", metadata: { ...pod, labels: { a: "b" } } },
    });
  });

  test("delete() sends grace and the UID that is meant", async () => {
    const how = { graceSeconds: seconds(2), uid: "u1" };
    expect(
      await record(async (client) => await client.delete(RESOURCE.pods, { namespace: "ns", name: "p" }, how)),
    ).toMatchObject({
      line: "DELETE /api/v1/namespaces/ns/pods/p",
      body: { kind: "DeleteOptions", gracePeriodSeconds: 2, preconditions: { uid: "u1" } },
    });
  });

  test("patchScale() writes replicas only at the version that was read", async () => {
    const at = { namespace: "ns", name: "md" };
    expect(
      await record(
        async (client) =>
          await client.patchScale(RESOURCE.machineDeployments, at, { replicas: 0, resourceVersion: "41" }),
      ),
    ).toMatchObject({
      line: "PATCH /apis/cluster.x-k8s.io/v1beta1/namespaces/ns/machinedeployments/md/scale",
      body: { metadata: { resourceVersion: "41" }, spec: { replicas: 0 } },
    });
  });

  test.each([-1, 1.5, Number.NaN])("patchScale() refuses %d replicas before any call", async (replicas) => {
    const { server, client } = await connect((_, reply) => {
      reply.json(200, node);
    });
    const at = { namespace: "ns", name: "md" };
    const write = client.patchScale(RESOURCE.machineDeployments, at, { replicas, resourceVersion: "1" });
    await expect(write).rejects.toMatchObject({ kind: "bug" });
    expect(server.requests).toHaveLength(0);
  });
});

describe("tokens", () => {
  test("a rejected token is read again at once and the call repeated with the new one", async () => {
    const tokens = ["old", "new"];
    const { server, client } = await connect((request, reply) => {
      if (request.headers.authorization === "Bearer new") reply.json(200, node);
      else reply.json(401, status(401, "Unauthorized", "expired"));
    });
    const rotating = clientFor(server.url, createFakeClock(), {
      token: async (options) =>
        await Promise.resolve(options?.fresh === true ? (tokens[1] ?? null) : (tokens[0] ?? null)),
    });
    cleanups.push(() => {
      rotating.close();
    });
    await rotating.get(RESOURCE.nodes, { name: "n1" });
    expect(server.requests.map((request) => request.headers.authorization)).toEqual([
      "Bearer old",
      "Bearer new",
    ]);
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({ kind: "denied" });
  });

  test("a token that is still the same is not tried twice", async () => {
    const { server } = await connect((_, reply) => {
      reply.json(401, status(401, "Unauthorized", "no"));
    });
    const client = clientFor(server.url, createFakeClock(), {
      token: async () => await Promise.resolve("same"),
    });
    cleanups.push(() => {
      client.close();
    });
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({ kind: "denied" });
    expect(server.requests).toHaveLength(1);
  });
});

describe("limits", () => {
  test("a call without an answer ends at its deadline", async () => {
    const { server, client, clock } = await connect(() => {});
    const call = client.get(RESOURCE.nodes, { name: "n1" }, { deadlineMs: millis(3000) });
    await server.received("GET");
    await Promise.all([
      expect(call).rejects.toMatchObject({
        kind: "timeout",
        message: `cannot get nodes n1: no answer from ${server.url.host} within 3000 ms`,
      }),
      clock.advance(3000),
    ]);
    expect(clock.sleeping()).toBe(0);
  });

  test("an answer that stops in its middle ends at its deadline too", async () => {
    const { server, client, clock } = await connect((_, reply) => {
      reply.stream().raw('{"metadata"');
    });
    const call = client.get(RESOURCE.nodes, { name: "n1" });
    await server.received("GET");
    await Promise.all([expect(call).rejects.toMatchObject({ kind: "timeout" }), clock.advance(10_000)]);
  });

  test("a call stops with its signal and passes on the reason", async () => {
    const { server, client, clock } = await connect(() => {});
    const controller = new AbortController();
    const call = client.get(RESOURCE.nodes, { name: "n1" }, { signal: controller.signal });
    await server.received("GET");
    controller.abort(new Error("stopping"));
    await expect(call).rejects.toThrow("stopping");
    await expect(client.get(RESOURCE.nodes, { name: "n1" }, { signal: controller.signal })).rejects.toThrow(
      "stopping",
    );
    expect(server.requests).toHaveLength(1);
    expect(clock.sleeping()).toBe(0);
  });

  test("an answer over the size limit is refused, not kept", async () => {
    const { client } = await connect((_, reply) => reply.text(200, "x".repeat(2000)), {
      maxAnswerBytes: 1000,
    });
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({
      kind: "malformed",
      message: "cannot get nodes n1: the answer is larger than 1000 bytes",
    });
  });

  test("a server that is not there is unavailable", async () => {
    const { server, client } = await connect(() => {});
    await server[Symbol.asyncDispose]();
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({
      kind: "unavailable",
      data: { code: "ECONNREFUSED" },
    });
  });

  test("a connection that breaks before the answer is unavailable", async () => {
    const { client } = await connect((_, reply) => {
      reply.cut();
    });
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).rejects.toMatchObject({ kind: "unavailable" });
  });

  test("calls one after the other share a connection", async () => {
    const { server, client } = await connect((_, reply) => {
      reply.json(200, node);
    });
    for (let call = 0; call < 5; call++) await client.get(RESOURCE.nodes, { name: "n1" });
    expect([server.requests.length, server.connections]).toEqual([5, 1]);
  });

  test("a kept connection that died is replaced for a read, and reported for a create", async () => {
    const { server, client } = await connect((_, reply) => {
      reply.json(200, node);
    });
    const dieOnce = (): void => {
      let died = false;
      server.answer((_, reply) => {
        if (died) reply.json(200, node);
        else reply.cut();
        died = true;
      });
    };
    await client.get(RESOURCE.nodes, { name: "n1" });
    dieOnce();
    await expect(client.get(RESOURCE.nodes, { name: "n1" })).resolves.toBeDefined();
    dieOnce();
    const created: Node = { metadata: { name: "n2" } };
    await expect(client.create(RESOURCE.nodes, created)).rejects.toMatchObject({ kind: "unavailable" });
  });
});
