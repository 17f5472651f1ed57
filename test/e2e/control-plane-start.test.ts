// The control plane that other tests stand on: it is a real one with real rights, it goes when it should, and it says why
// it does not come.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { createScaleGroup } from "../../coordinator/cloud/scale/create.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { RESOURCE, createDiscovery } from "../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../shared/runtime/kube/resources.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const missing = await whyNoControlPlane();
const { nodes } = RESOURCE;
const SERVICE_ACCOUNTS: Resource = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};

describe.skipIf(missing !== null)("the control plane for tests", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
  });
  afterAll(async () => await plane[Symbol.asyncDispose]());

  test("has kinds that nobody knew of when the back end was written: any scale can be sized", async () => {
    const { client } = plane;
    const labels = { app: "any" };
    await plane.send({
      method: "POST",
      path: "/apis/apps/v1/namespaces/default/statefulsets",
      json: {
        metadata: { name: "any" },
        spec: {
          replicas: 0,
          serviceName: "any",
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: "m", image: "example.test/m" }] } },
        },
      },
    });
    const target = { apiVersion: "apps/v1", kind: "StatefulSet", name: "any" };
    const group = createScaleGroup({
      client,
      discover: createDiscovery(client),
      target,
      defaultNamespace: "default",
      clock: systemClock,
    });
    const call = { signal: new AbortController().signal, deadlineMs: millis(10_000) };
    const seen = await group.read(call);
    expect(seen.size).toBe(0);
    await group.resize(2, seen, call);
    expect((await group.read(call)).size).toBe(2);
    await expect(group.resize(3, seen, call)).rejects.toMatchObject({ kind: "conflict" });
    expect(group.chosenRemoval).toBe(false);
  });

  test("gives a service account a token, which may do what its roles say", async () => {
    const account = { namespace: "default", name: "nobody" };
    await plane.client.create(SERVICE_ACCOUNTS, { metadata: account });
    const client = plane.clientWith({ token: await plane.createToken(account) });
    await expect(client.list(nodes)).rejects.toMatchObject({
      kind: "denied",
      message: expect.stringContaining("system:serviceaccount:default:nobody") as string,
    });
    client.close();
    await expect(plane.createToken({ ...account, name: "missing" })).rejects.toThrow("404");
  });

  test("gives a pod a token that says on which node it runs", async () => {
    const account = { namespace: "default", name: "agent" };
    await plane.client.create(SERVICE_ACCOUNTS, { metadata: account });
    await plane.client.create(nodes, { metadata: { name: "gpu-1" } });
    const containers = [{ name: "m", image: "example.test/m" }];
    const spec = { nodeName: "gpu-1", serviceAccountName: "agent", containers };
    const metadata = { namespace: "default", name: "agent-1" };
    const pod = await plane.client.create(RESOURCE.pods, { metadata, spec });
    const { name, uid = "" } = pod.metadata;
    const token = await plane.createToken(account, { name, uid });
    const { text } = await plane.send({
      method: "POST",
      path: "/apis/authentication.k8s.io/v1/tokenreviews",
      json: { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } },
    });
    expect(JSON.parse(text)).toMatchObject({
      status: {
        authenticated: true,
        user: {
          username: "system:serviceaccount:default:agent",
          extra: { "authentication.kubernetes.io/node-name": ["gpu-1"] },
        },
      },
    });
  });

  test("is gone with everything that it started", async () => {
    const other = await startControlPlane();
    await other.client.list(nodes);
    await other[Symbol.asyncDispose]();
    const client = other.clientWith({ defaultDeadlineMs: millis(2_000) });
    await expect(client.list(nodes)).rejects.toMatchObject({ kind: "unavailable" });
    client.close();
  });

  test("says why it does not come up", async () => {
    const start = startControlPlane({ serverFlags: ["--feature-gates=NoSuchGate=true"] });
    await expect(start).rejects.toThrow("unrecognized feature gate: NoSuchGate");
  });
});
