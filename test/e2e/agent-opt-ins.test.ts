// What an agent does that has to be switched on, or happens seldom, with the shipped agent, the rights of its README and a
// real API server: metrics behind TLS for whose token may get them, commands in pods, claims of devices, events that come
// again. That each of these rights is used is read in the server's audit log.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { KubeObject, Node, Pod } from "../../shared/model/kube.ts";
import { EVENT, NODE_ANNOTATION, POD_ANNOTATION } from "../../shared/model/names.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { startAgent } from "../build/agent.ts";
import type { AgentProcess } from "../build/agent.ts";
import { createAuthority } from "../build/certificate.ts";
import { eventually } from "../build/eventually.ts";
import { startFakeKubelet } from "../build/kubelet.ts";
import { lastLines } from "../build/program.ts";
import { AGENT, agentOn, createAgentAccount } from "../control-plane/agent-rights.ts";
import { auditFlags, readAudit, SHOWN_IN } from "../control-plane/audit.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { registerNode } from "../control-plane/nodes.ts";
import { createAccount } from "../control-plane/rights.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";
import { createDouble } from "../nvml-double/fixture.ts";
import { idleGpu } from "../scenarios/agent-scene.ts";

const missing = await whyNoControlPlane();

const READER = { namespace: AGENT.namespace, name: "prometheus" };
const STRANGER = { namespace: AGENT.namespace, name: "stranger" };
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const ROLE = "metrics-reader";
const NODE = "gpu-1";
const HELD = { namespace: "default", name: "train-0" };

interface Answer {
  readonly status: number;
  readonly body: string;
}

describe.skipIf(missing !== null)("an agent with everything switched on", () => {
  const over = new AsyncDisposableStack();
  const authority = createAuthority("tests", systemClock.now());
  let plane: ControlPlane;
  let agent: AgentProcess;
  let dir: string;

  beforeAll(async () => {
    dir = over.adopt(await mkdtemp(join(tmpdir(), "agent-opt-ins-")), (path) =>
      rm(path, { recursive: true, force: true }),
    );
    plane = over.use(await startControlPlane({ serverFlags: await auditFlags(dir) }));
    await createAgentAccount(plane);
    for (const account of [READER, STRANGER]) await createAccount(plane, account, []);
    // As the chart makes them with agent.webConfig.tokens and monitoring.scrapers.
    const rules = [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }];
    await make(`${RBAC}/clusterroles`, { metadata: { name: ROLE }, rules });
    await make(`${RBAC}/clusterrolebindings`, {
      metadata: { name: ROLE },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: ROLE },
      subjects: [{ kind: "ServiceAccount", ...READER }],
    });

    await registerNode(plane.client, { name: NODE, providerID: `test:///${NODE}` });
    const { pod, token } = await agentOn(plane, NODE);
    const { cert, key } = authority.issue("agent");
    await writeFile(join(dir, "kubeconfig"), plane.kubeconfig(token));
    await writeFile(join(dir, "tls.crt"), cert);
    await writeFile(join(dir, "tls.key"), key);
    await writeFile(join(dir, "web.yml"), "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n");
    const claim = { name: "c", driver: "gpu.nvidia.com", pool: NODE, device: "gpu-0" };
    const kubelet = over.use(
      await startFakeKubelet([{ ...HELD, containers: [{ name: "main", claims: [claim] }] }]),
    );
    const double = over.use(await createDouble({ gpus: [idleGpu(0)] }));
    agent = over.adopt(
      await startAgent({
        node: NODE,
        kubeconfig: join(dir, "kubeconfig"),
        // Nobody is there: it needs the API server alone.
        nats: "nats://127.0.0.1:9",
        doubleDir: double.directory,
        scenario: join(double.directory, "scenario"),
        counters: join(double.directory, "counters"),
        env: {
          POD_NAME: pod,
          POD_NAMESPACE: AGENT.namespace,
          GPUAS_WEB_CONFIG: join(dir, "web.yml"),
          GPUAS_METRICS_TOKENS: "true",
          GPUAS_CHECKPOINT_EXEC: "true",
          GPUAS_POD_RESOURCES_SOCKET: kubelet.socket,
        },
        waitFor: "listening",
      }),
      async (one) => {
        await one.kill();
      },
    );
  }, 120_000);
  afterAll(async () => {
    await over.disposeAsync();
  });

  const make = async (path: string, json: object): Promise<void> => {
    const { status, text } = await plane.send({ method: "POST", path, json });
    if (status !== 201) throw new Error(`POST ${path}: ${status} ${text}`);
  };

  const ask = async (path: string, token?: string): Promise<Answer> => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const connections = new Agent({ ca: authority.cert });
    request(new URL(path, agent.url), { agent: connections, headers }, (response) => {
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
  };

  test("lets the account with the role in, and shows it the GPUs", async () => {
    const token = await plane.createToken(READER);
    // The server learns of roles by a watch of its own, and a refusal is remembered for some seconds.
    await eventually(async () => (await ask("/metrics", token)).status === 200, { withinMs: 30_000 });
    await eventually(async () => /^gpu_utilization_percent\{/m.test((await ask("/metrics", token)).body));
  });

  test("keeps out everybody else, each with what is wrong, and answers probes to all", async () => {
    const bare = await ask("/metrics");
    expect(bare).toMatchObject({
      status: 401,
      body: expect.stringContaining("a token of an account") as unknown,
    });
    const stranger = await ask("/metrics", await plane.createToken(STRANGER));
    expect(stranger).toMatchObject({ status: 403, body: expect.stringContaining("ClusterRole") as unknown });
    const good = await plane.createToken(READER);
    const elsewhere = await plane.createToken(READER, undefined, { audiences: ["for-nats"] });
    const past = await plane.resignToken(good, { exp: Math.floor(systemClock.now() / 1000) - 3_600 });
    for (const token of [elsewhere, past, `${good.slice(0, -4)}AAAA`]) {
      const { status, body } = await ask("/metrics", token);
      expect(status).toBe(401);
      expect(body).toContain("does not know this token");
    }
    for (const path of ["/healthz", "/readyz"]) expect((await ask(path)).body).not.toContain("token of");
    expect((await ask("/healthz")).status).toBe(200);
  });

  /** A running pod that wants to be told by a command, has a class that nobody knows, and a budget that lets nobody go. */
  const runHeldPod = async (): Promise<void> => {
    const uid = "00000000-0000-0000-0000-000000000001";
    const metadata = {
      ...HELD,
      labels: { app: "train" },
      annotations: {
        [POD_ANNOTATION.checkpointExec]: '["true"]',
        [POD_ANNOTATION.evictionPriority]: "soonish",
      },
      ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "train", uid, controller: true }],
    };
    const spec = { nodeName: NODE, containers: [{ name: "main", image: "example.test/main" }] };
    // The types are of what we read; the server completes the rest.
    await plane.client.create(RESOURCE.pods, { metadata, spec } as Pod);
    const status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
    await plane.client.patchStatus(RESOURCE.pods, HELD, { status });
    await plane.client.create(RESOURCE.podDisruptionBudgets, {
      metadata: { namespace: "default", name: "train" },
      spec: { minAvailable: 1, selector: { matchLabels: { app: "train" } } },
    } as KubeObject);
  };
  const node = async (): Promise<Node> => await plane.client.get(RESOURCE.nodes, { name: NODE });
  const drill = async (on: "true" | null): Promise<void> => {
    await plane.client.mergePatch(
      RESOURCE.nodes,
      { name: NODE },
      { metadata: { annotations: { [NODE_ANNOTATION.interruptionWarning]: on } } },
    );
  };
  const until = async (look: () => Promise<unknown>): Promise<void> => {
    await eventually(async () => Boolean(await look()), {
      withinMs: 30_000,
      describe: () => lastLines(agent.logs, 15),
    });
  };
  const countOf = async (reason: string): Promise<number> => {
    const { items } = await plane.client.list(RESOURCE.events, { namespace: HELD.namespace });
    const ofPod = items.filter((one) => one.reason === reason && one.involvedObject.name === HELD.name);
    return ofPod.reduce((sum, { count = 1 }) => sum + count, 0);
  };

  test("marks pods, calls their commands and counts an event that comes again, and has used every right for it", async () => {
    await runHeldPod();
    for (const times of [1, 2]) {
      await drill("true");
      await until(async () => (await countOf(EVENT.unknownPriority)) === times);
      // No kubelet is there that could run it.
      await until(async () => (await countOf(EVENT.checkpointFailed)) >= times);
      await until(async () => {
        const { metadata } = await plane.client.get(RESOURCE.pods, HELD);
        return metadata.annotations?.[POD_ANNOTATION.terminationDeadline] !== undefined;
      });
      await drill(null);
      await until(async () => {
        const { metadata, spec } = await node();
        return (
          spec?.unschedulable !== true && metadata.annotations?.[NODE_ANNOTATION.drainState] === undefined
        );
      });
    }
    // The claim is looked up once the pod is there that holds it.
    await until(async () =>
      (await readAudit(dir)).used.includes("agent list resource.k8s.io/resourceslices"),
    );
    const { used, refused } = await readAudit(dir);
    expect(used).toEqual(expect.arrayContaining([...SHOWN_IN["agent-opt-ins"]]));
    expect(refused).toEqual([]);
  });

  test("does not start without a certificate", async () => {
    const started = startAgent({
      node: NODE,
      kubeconfig: join(dir, "kubeconfig"),
      nats: "nats://127.0.0.1:9",
      env: { GPUAS_METRICS_TOKENS: "true" },
      waitFor: "listening",
    });
    await expect(started).rejects.toThrow(/GPUAS_METRICS_TOKENS/);
  });
});
