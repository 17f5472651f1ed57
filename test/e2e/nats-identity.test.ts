// Who may say what on NATS, with a real API server that knows the tokens, a real nats-server that asks, and the shipped
// coordinator that answers, as a service account with the one right that this takes. It never leads here.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { policyDefinition } from "../../deploy/crd/crd.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { KV_BUCKET, NATS_AUDIENCE, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Nats } from "../../shared/runtime/nats.ts";
import { startCoordinator } from "../build/coordinator.ts";
import type { CoordinatorProcess } from "../build/coordinator.ts";
import { eventually } from "../build/eventually.ts";
import { startCalloutNats } from "../build/nats-callout.ts";
import type { CalloutNats } from "../build/nats-callout.ts";
import { AGENT, agentOn, createAgentAccount } from "../control-plane/agent-rights.ts";
import { auditFlags, readAudit, SHOWN_IN } from "../control-plane/audit.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { install } from "../control-plane/definitions.ts";
import { createAccount } from "../control-plane/rights.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const COORDINATOR = { namespace: AGENT.namespace, name: SERVICE_ACCOUNT.coordinator };
const REVIEWS = { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] };
const SHORT_MS = millis(1_000);
const why = await whyNoControlPlane();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe.skipIf(why !== null)("an agent on NATS", () => {
  const held = new AsyncDisposableStack();
  const over = new AbortController();
  let plane: ControlPlane;
  let nats: CalloutNats;
  let coordinator: CoordinatorProcess;
  let kubeconfig: string;
  let dir: string;
  /** Subjects of what has arrived at whoever may hear everything. */
  const heard: string[] = [];

  beforeAll(async () => {
    dir = held.adopt(await mkdtemp(join(tmpdir(), "nats-identity-")), (path) =>
      rm(path, { recursive: true, force: true }),
    );
    plane = held.use(await startControlPlane({ serverFlags: await auditFlags(dir) }));
    await install(plane, [policyDefinition()]);
    await createAgentAccount(plane);
    await createAccount(plane, COORDINATOR, [REVIEWS]);
    nats = held.use(await startCalloutNats());
    kubeconfig = join(dir, "kubeconfig");
    await writeFile(kubeconfig, plane.kubeconfig(await plane.createToken(COORDINATOR)));
    coordinator = await started();
    const listener = nats.asCoordinator();
    await listener.whenConnected(over.signal);
    const listen = async (): Promise<void> => {
      for await (const { subject } of listener.subscribe("gpuas.v1.*.*", { signal: over.signal }))
        heard.push(subject);
    };
    held.defer(() => {
      over.abort();
    });
    listen().catch(() => {});
    await listener.link().connection.flush();
  }, 120_000);
  afterAll(async () => {
    await held.disposeAsync();
  });

  const started = async (): Promise<CoordinatorProcess> =>
    held.adopt(
      await startCoordinator({ kubeconfig, nats: nats.server.url, env: nats.coordinatorEnv }),
      async (one) => {
        await one.kill();
      },
    );
  const logins = async (result: string): Promise<number> =>
    (await coordinator.metric("gpu_autoscaler_nats_logins_total", `result="${result}"`)) ?? 0;

  /** The agent's pod on a node, and the token of that pod for NATS. */
  const podOn = async (node: string, audience = NATS_AUDIENCE) => {
    const { pod } = await agentOn(plane, node);
    const { metadata } = await plane.client.get(RESOURCE.pods, { namespace: AGENT.namespace, name: pod });
    const bound = { name: pod, uid: metadata.uid ?? "" };
    return { pod, token: await plane.createToken(AGENT, bound, { audiences: [audience] }) };
  };
  const connected = async (node: string, token: string): Promise<Nats> => {
    const agent = nats.asAgent(node, () => token);
    await agent.whenConnected(AbortSignal.timeout(20_000));
    return agent;
  };
  /** Tries to connect until the coordinator has said no for that reason. */
  const refusedFor = async (reason: string, token: string): Promise<void> => {
    const before = await logins(reason);
    const accepted = await logins("accepted");
    const agent = nats.asAgent("refused", () => token);
    await eventually(async () => (await logins(reason)) > before);
    expect(agent.state().kind).toBe("away");
    expect(await logins("accepted")).toBe(accepted);
    await agent.close();
  };

  test("says what is to be said of its own node, and is heard", async () => {
    const { token } = await podOn("gpu-1.example");
    const agent = await connected("gpu-1.example", token);
    const say = async (kind: "notice" | "drain" | "health"): Promise<unknown> =>
      await agent.publishEvent(subjectFor(kind, "gpu-1.example"), bytes("{}"), `${kind}-1`);
    // The stream is the coordinator's to make.
    expect(await eventually(async () => await say("notice"))).toMatchObject({ duplicate: false });
    expect(await say("drain")).toMatchObject({ duplicate: false });
    expect(await say("health")).toMatchObject({ duplicate: false });
    agent.publishLatest(subjectFor("report", "gpu-1.example"), bytes("{}"));
    await eventually(() => heard.includes(subjectFor("report", "gpu-1.example")));
    expect(coordinator.logs.some(({ message }) => message === "leading")).toBe(false);
    expect((await readAudit(dir)).used).toEqual(expect.arrayContaining([...SHOWN_IN["nats-identity"]]));

    // What it is asked and told comes to it.
    const asked = Promise.withResolvers<string>();
    agent
      .reply(subjectFor("ask", "gpu-1.example"), () => bytes("all is well"), { signal: over.signal })
      .catch(() => {});
    const listen = async (): Promise<void> => {
      for await (const { subject } of agent.subscribe(subjectFor("tell", "gpu-1.example"), {
        signal: over.signal,
      }))
        asked.resolve(subject);
    };
    listen().catch(() => {});
    await agent.link().connection.flush();
    const other = nats.asCoordinator();
    await other.whenConnected(over.signal);
    expect(new TextDecoder().decode(await other.request(subjectFor("ask", "gpu-1.example"), bytes("")))).toBe(
      "all is well",
    );
    other.publishLatest(subjectFor("tell", "gpu-1.example"), bytes("{}"));
    expect(await asked.promise).toBe(subjectFor("tell", "gpu-1.example"));
  });

  test("says nothing of another node, nothing into buckets and streams, and hears nobody else's", async () => {
    await podOn("gpu-3");
    const { token } = await podOn("gpu-2");
    const agent = await connected("gpu-2", token);
    const before = heard.length;
    for (const kind of ["report", "tell", "ask"] as const)
      agent.publishLatest(subjectFor(kind, "gpu-3"), bytes("forged"));
    agent.publishLatest(subjectFor("tell", "gpu-2"), bytes("forged"));
    for (const kind of ["notice", "drain", "health"] as const)
      await expect(
        agent.publishEvent(subjectFor(kind, "gpu-3"), bytes("forged"), `forged-${kind}`, SHORT_MS),
      ).rejects.toMatchObject({ kind: "denied" });
    for (const subject of [
      `$KV.${KV_BUCKET.memory}.decide`,
      "$JS.API.INFO",
      "$JS.API.STREAM.DELETE.gpuas-events",
      "$JS.API.STREAM.PURGE.gpuas-events",
      "$SYS.REQ.USER.AUTH",
      "anything",
    ])
      await expect(agent.request(subject, bytes(""), SHORT_MS)).rejects.toMatchObject({
        kind: "denied",
      });
    const overheard: string[] = [];
    for (const subject of ["gpuas.v1.report.*", "gpuas.v1.ask.gpu-3", "_INBOX.>", ">"]) {
      const listen = async (): Promise<void> => {
        for await (const message of agent.subscribe(subject, { signal: over.signal }))
          overheard.push(message.subject);
      };
      listen().catch(() => {});
    }
    // Comes after all of the above on the same connection.
    agent.publishLatest(subjectFor("report", "gpu-2"), bytes("{}"));
    await eventually(() => heard.length > before);
    await agent.link().connection.flush();
    expect(heard.slice(before)).toEqual([subjectFor("report", "gpu-2")]);
    expect(overheard).toEqual([]);
  });

  test("is not let in with a token that is over, for somebody else, of another account, or of no pod", async () => {
    const { token } = await podOn("gpu-4");
    await refusedFor(
      "not-authentic",
      await plane.resignToken(token, { exp: Math.floor(Date.now() / 1000) - 5 }),
    );
    await refusedFor("not-authentic", (await podOn("gpu-5", "another-audience")).token);
    // What it shows to the API server.
    await refusedFor("not-authentic", (await agentOn(plane, "gpu-6")).token);
    await refusedFor("not-authentic", "no token at all");
    await refusedFor("no-token", "");
    await refusedFor("not-bound", await plane.createToken(AGENT, undefined, { audiences: [NATS_AUDIENCE] }));
    await refusedFor(
      "wrong-account",
      await plane.createToken(COORDINATOR, undefined, { audiences: [NATS_AUDIENCE] }),
    );
    // The same token as it was given.
    await connected("gpu-4", token);
  });

  test("is not let in with the token of a pod that is gone", async () => {
    const { pod, token } = await podOn("gpu-7");
    await connected("gpu-7", token);
    await plane.client.delete(
      RESOURCE.pods,
      { namespace: AGENT.namespace, name: pod },
      { graceSeconds: seconds(0) },
    );
    // The API server itself remembers a good answer for ten seconds.
    const before = await logins("not-authentic");
    await eventually(
      async () => {
        const again = nats.asAgent("gpu-7", () => token);
        await again.whenConnected(AbortSignal.timeout(1_000)).catch(() => {});
        await again.close();
        return (await logins("not-authentic")) > before;
      },
      { withinMs: 30_000 },
    );
  });

  test("goes on while no coordinator is there, comes in again with a fresh token, and nobody new does meanwhile", async () => {
    const { token } = await podOn("gpu-8");
    const short = await plane.resignToken(token, { exp: Math.floor(Date.now() / 1000) + 20 });
    let current = short;
    const agent = nats.asAgent("gpu-8", () => current);
    await agent.whenConnected(AbortSignal.timeout(20_000));
    await coordinator.kill();
    const fresh = await podOn("gpu-9");
    const late = nats.asAgent("gpu-9", () => fresh.token);
    const states: string[] = [];
    agent.onState(({ kind }) => states.push(kind));

    // Longer than NATS waits for an answer.
    await expect(late.whenConnected(AbortSignal.timeout(5_000))).rejects.toMatchObject({
      name: "TimeoutError",
    });
    expect(await agent.publishEvent(subjectFor("notice", "gpu-8"), bytes("{}"), "alone")).toMatchObject({
      duplicate: false,
    });
    expect(states).toEqual([]);

    // Its session ends with its token.
    current = token;
    await eventually(() => states[0] === "away", { withinMs: 40_000 });
    coordinator = await started();
    await late.whenConnected(AbortSignal.timeout(20_000));
    await agent.whenConnected(AbortSignal.timeout(20_000));
    expect(await agent.publishEvent(subjectFor("notice", "gpu-8"), bytes("{}"), "again")).toMatchObject({
      duplicate: false,
    });
  }, 90_000);
});
