// The shipped agent and the shipped coordinator with a NATS that asks who it is: alone as long as nobody answers for it, and
// then with what it could not say.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, test } from "vitest";

import { subjectFor, subjectsOf } from "../../shared/contract/subjects.ts";
import type { Pod } from "../../shared/model/kube.ts";
import { NATS_AUDIENCE, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { startCalloutNats } from "../build/nats-callout.ts";
import { createScene, ourTaints } from "./agent-scene.ts";
import type { Scene } from "./agent-scene.ts";

const ACCOUNT = SERVICE_ACCOUNT.agent;
/** The world's only namespace. */
const NAMESPACE = "default";

/** The agent's pod, as its DaemonSet leaves it, and its token for NATS in a file. */
async function tokenFile(scene: Scene, dir: string): Promise<string> {
  const name = "agent-of-the-node";
  const owner = { apiVersion: "apps/v1", kind: "DaemonSet", name: "agent", uid: "agent", controller: true };
  const containers = [{ name: "agent", image: "example.test/agent" }];
  const { metadata } = await scene.kubectl.create(RESOURCE.pods, {
    metadata: { namespace: NAMESPACE, name, ownerReferences: [owner] },
    spec: { nodeName: scene.node, serviceAccountName: ACCOUNT, containers } as Pod["spec"],
  });
  const response = await fetch(
    new URL(`/api/v1/namespaces/${NAMESPACE}/serviceaccounts/${ACCOUNT}/token`, scene.server.url),
    {
      method: "POST",
      headers: { authorization: `Bearer ${/token: (\S+)/.exec(scene.server.kubeconfig())?.[1] ?? ""}` },
      body: JSON.stringify({
        spec: { audiences: [NATS_AUDIENCE], boundObjectRef: { kind: "Pod", name, uid: metadata.uid } },
      }),
    },
  );
  const { status } = (await response.json()) as { readonly status: { readonly token: string } };
  await writeFile(join(dir, "token"), `${status.token}\n`);
  return join(dir, "token");
}

test("an agent that nobody lets in acts alone, and says it all when somebody does", async () => {
  await using scene = await createScene();
  await using nats = await startCalloutNats();
  const dir = await mkdtemp(join(tmpdir(), "agent-token-"));
  const agent = await scene.agent({
    nats: nats.server.url,
    env: { GPUAS_NATS_TOKEN_FILE: await tokenFile(scene, dir) },
  });
  const connected = (): boolean => agent.logs.some(({ message }) => message === "nats connected");
  await agent.line(({ message }) => message === "nats away");

  scene.server.change((world) => world.submitService({ name: "web", replicas: 2, cpu: "1" }));
  await scene.until("pods run", () => scene.running("web").length === 2);
  await scene.drill(60);
  await scene.until("drained", () => scene.state()?.phase === "drained");
  expect(scene.running("web")).toEqual([]);
  expect(ourTaints(scene.currentNode())).not.toEqual([]);
  expect(connected()).toBe(false);

  const coordinator = await startCoordinator({
    kubeconfig: scene.kubeconfig,
    nats: nats.server.url,
    env: { ...nats.coordinatorEnv, GPUAS_AGENT_SERVICE_ACCOUNT: `${NAMESPACE}/${ACCOUNT}` },
  });
  const listener = nats.asCoordinator();
  await listener.whenConnected(AbortSignal.timeout(20_000));
  const over = new AbortController();
  const heard = new Set<string>();
  const listen = async (kind: "report" | "drain"): Promise<void> => {
    for await (const { subject } of listener.subscribe(subjectsOf(kind), { signal: over.signal }))
      heard.add(subject);
  };
  for (const kind of ["report", "drain"] as const) listen(kind).catch(() => {});
  await scene.until("what it has to say", () =>
    (["report", "drain"] as const).every((kind) => heard.has(subjectFor(kind, scene.node))),
  );
  expect(connected()).toBe(true);
  expect(await coordinator.metric("gpu_autoscaler_nats_logins_total", 'result="accepted"')).toBe(1);
  over.abort();
  await coordinator.kill();
  await rm(dir, { recursive: true });
});
