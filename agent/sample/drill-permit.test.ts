import { describe, expect, onTestFinished, test } from "vitest";

import type { DrillPermit } from "../../shared/contract/drill-permit.ts";
import { NODE_ANNOTATION, NODE_LABEL } from "../../shared/model/names.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import type { FakeClock } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { clientFor } from "../../test/build/kube-client.ts";
import { startScriptedServer } from "../../test/build/scripted-server.ts";
import { createDrillPermit } from "./drill-permit.ts";
import type { AskPermit } from "./drill-permit.ts";

const DRILL = { [NODE_ANNOTATION.interruptionWarning]: "true" };
const PATHS = { nodes: "/api/v1/nodes", policies: "/apis/gpu-autoscaler.io/v1alpha1/autoscalingpolicies" };

type Answer = { readonly code: number; readonly body: object };
const list = (...items: readonly object[]): Answer => ({
  code: 200,
  body: { metadata: { resourceVersion: "1" }, items },
});
const refusal = (code: number): Answer => ({ code, body: { kind: "Status", code, message: "no" } });
const node = (name: string, annotations: object = {}) => ({
  metadata: { name, annotations, labels: { [NODE_LABEL.pool]: "spot" } },
  spec: { providerID: "x" },
});

interface Stage {
  readonly permit: AskPermit;
  readonly clock: FakeClock;
  nodes: Answer;
  policies: Answer;
  readonly asked: () => number;
  readonly changes: () => number;
  answered(): Promise<DrillPermit>;
}

async function setUp(): Promise<Stage> {
  const clock = createFakeClock();
  const over = new AbortController();
  let changes = 0;
  const waiters: (() => void)[] = [];
  const stage = { nodes: list(node("mine", DRILL)), policies: list() };
  const server = await startScriptedServer(({ path }, reply) => {
    const { code, body } = path.startsWith(PATHS.nodes) ? stage.nodes : stage.policies;
    reply.json(code, body);
  });
  const client = clientFor(server.url, clock);
  onTestFinished(async () => {
    over.abort();
    client.close();
    await server[Symbol.asyncDispose]();
  });
  const permit = createDrillPermit({
    client,
    node: "mine",
    clock,
    onChange: () => {
      changes++;
      for (const wake of waiters.splice(0)) wake();
    },
    signal: over.signal,
  });
  return Object.assign(stage, {
    permit,
    clock,
    asked: () => server.requests.filter(({ path }) => path.startsWith(PATHS.nodes)).length,
    changes: () => changes,
    answered: async () => {
      const before = changes;
      await new Promise<void>((resolve) => {
        if (changes > before) resolve();
        else waiters.push(resolve);
      });
      const answer = permit("key");
      if (answer === null) throw new Error("no answer after a change");
      return answer;
    },
  });
}

describe("createDrillPermit()", () => {
  test("looks once for a drill and keeps the answer for as long as it is asked for", async () => {
    const stage = await setUp();
    expect(stage.permit("key")).toBeNull();
    expect(await stage.answered()).toEqual({ kind: "allowed" });
    stage.nodes = list(node("mine", DRILL), node("other", DRILL));
    await stage.clock.advance(60_000);
    expect(stage.permit("key")).toEqual({ kind: "allowed" });
    expect(stage.asked()).toBe(1);

    // The same drill asked for again later is another one.
    stage.permit(null);
    expect(stage.permit("key")).toBeNull();
    expect(await stage.answered()).toMatchObject({ kind: "refused", code: "another-drill" });
    expect(stage.changes()).toBe(2);
  });

  test("gives no leave while the node itself asks for none, since a watch may be late", async () => {
    const stage = await setUp();
    stage.nodes = list(node("mine"));
    expect(stage.permit("key")).toBeNull();
    await eventually(() => stage.asked() === 1 && stage.clock.sleeping(2_000) === 1);
    expect(stage.permit("key")).toBeNull();
    stage.nodes = list(node("mine", DRILL));
    await stage.clock.advance(2_000);
    await eventually(() => stage.permit("key") !== null);
    expect(stage.permit("key")).toEqual({ kind: "allowed" });
  });

  test("asks the policies, and takes a cluster without their definition as one without policies", async () => {
    const stage = await setUp();
    stage.policies = list({
      metadata: { name: "gpus" },
      spec: { drills: "Disabled", nodePools: [{ name: "spot" }] },
    });
    stage.permit("key");
    expect(await stage.answered()).toMatchObject({ kind: "refused", code: "policy-disabled" });
    stage.permit(null);
    stage.policies = refusal(404);
    stage.permit("key");
    expect(await stage.answered()).toEqual({ kind: "allowed" });
  });

  test.each([
    [
      "nodes are denied",
      "nodes",
      403,
      /list nodes[\s\S]*needs the verb list on nodes and autoscalingpolicies/,
    ],
    ["policies are denied", "policies", 403, /list autoscalingpolicies[\s\S]*needs the verb list/],
    ["the server is away", "nodes", 503, /503[\s\S]*the drill waits/],
  ] as const)("waits while %s, says so once, and looks each 2 s", async (_, of, code, detail) => {
    const stage = await setUp();
    const good = stage[of];
    stage[of] = refusal(code);
    stage.permit("key");
    const answer = await stage.answered();
    expect(answer).toMatchObject({ kind: "unknown", code: "cannot-look" });
    expect(answer.kind === "unknown" ? answer.detail : "").toMatch(detail);

    await stage.clock.untilSleeping(2_000);
    await stage.clock.advance(2_000);
    await stage.clock.untilSleeping(2_000);
    expect(stage.changes()).toBe(1);
    stage[of] = good;
    const then = stage.answered();
    await stage.clock.advance(2_000);
    expect(await then).toEqual({ kind: "allowed" });
  });

  test("ends its looks when the drill goes", async () => {
    const stage = await setUp();
    stage.nodes = refusal(503);
    stage.permit("key");
    await stage.answered();
    await stage.clock.untilSleeping(2_000);
    const before = stage.asked();
    stage.permit(null);
    await stage.clock.advance(20_000);
    await settle();
    expect(stage.clock.sleeping(2_000)).toBe(0);
    expect(stage.asked()).toBe(before);
  });
});
