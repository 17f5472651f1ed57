// A node under notice: its replacement is asked for in another pool at once, whichever way the notice came, and
// the reports and notices that make no sense are refused and counted.

import { describe, expect, test } from "vitest";

import { encode } from "../../shared/contract/codec.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { aNotice, natsOf, publishNotice } from "../build/notices.ts";
import { aReport } from "../build/reports.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

const POOLS = [aQuickPool({ replicas: 1 }), aQuickPool({ name: "od-b", capacityType: "on-demand" })];
const POLICY = policySpec([poolSpec("spot-a"), poolSpec("od-b", { capacityType: "on-demand" })], {
  emptySeconds: 300,
  idleSeconds: 600,
});

async function sceneWithBusySpotNode(): Promise<{ readonly scene: Scene; readonly node: string }> {
  const scene = await openScene({ pools: POOLS });
  await scene.until(() => scene.world.list("nodes").length === 1);
  scene.server.change((world) => world.submitJob({ id: "train", gpus: 8, durationMs: millis(600_000) }));
  await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
  scene.policy(POLICY);
  await scene.coordinator();
  await scene.until(() => scene.status()?.pools.some(({ ready }) => ready === 1));
  return { scene, node: scene.world.list("nodes")[0]?.metadata.name ?? "" };
}

describe("a notice on a busy spot node", () => {
  test("brings a replacement in another pool within a second of its message", async () => {
    const { scene, node } = await sceneWithBusySpotNode();
    await using _scene = scene;
    const nats = await natsOf(scene);
    const notice = aNotice(node);
    const publishedAt = systemClock.now();
    await publishNotice(scene, nats, notice);
    await scene.until(() => scene.size("od-b") === 1);
    const fact = scene.world.ledger.find((entry) => entry.kind === "size-changed" && entry.pool === "od-b");
    expect((fact?.at ?? Infinity) - publishedAt).toBeLessThanOrEqual(1_000);
    expect(scene.size("spot-a")).toBe(1);
    await scene.until(() =>
      scene.status()?.moves.some(({ kind, phase }) => kind === "replace" && phase === "applied"),
    );
    await scene.until(() => scene.status()?.spotInterruptions === 1);

    // The same notice again is no second node.
    await nats.publishEvent(
      subjectFor("notice", node),
      encode<"notice">({ ...notice, phase: "superseded", deadline: notice.deadline - 30_000 }),
      "again",
    );
    await scene.until(() => scene.status()?.pools.some(({ name, ready }) => name === "od-b" && ready === 1));
    expect(scene.size("od-b")).toBe(1);
  });

  test("brings it by the agent's mark on the node alone when NATS is gone", async () => {
    const { scene, node } = await sceneWithBusySpotNode();
    await using _scene = scene;
    await scene.nats.stop();
    const seenAt = systemClock.now();
    const state = {
      v: 1,
      id: "aws-x",
      cause: "notice",
      source: "aws",
      phase: "started",
      seenAt,
      deadline: seenAt + 120_000,
      replace: true,
      cordonedByUs: true,
    };
    scene.server.change((world) => {
      const marked = world.get("nodes", { name: node });
      if (marked === null) throw new Error("the node is gone");
      world.put("nodes", {
        ...marked,
        metadata: {
          ...marked.metadata,
          annotations: {
            ...marked.metadata.annotations,
            [NODE_ANNOTATION.drainState]: JSON.stringify(state),
          },
        },
        spec: { ...marked.spec, unschedulable: true },
      });
    });
    await scene.until(() => scene.size("od-b") === 1);
    const fact = scene.world.ledger.find((entry) => entry.kind === "size-changed" && entry.pool === "od-b");
    expect((fact?.at ?? Infinity) - seenAt).toBeLessThanOrEqual(1_000);
  });

  test("of a drill that asks for none brings no replacement", async () => {
    const { scene, node } = await sceneWithBusySpotNode();
    await using _scene = scene;
    const nats = await natsOf(scene);
    const drill = aNotice(node, { id: "drill", source: "drill", replace: false });
    await publishNotice(scene, nats, drill);
    const coordinatorSaw = async (): Promise<boolean> =>
      scene
        .status()
        ?.pools.some(({ because }) => because?.some(({ code }) => code === "node-under-notice")) === true;
    await scene.until(coordinatorSaw);
    expect(scene.size("od-b")).toBe(0);
  });
});

describe("messages that make no sense", () => {
  test("are counted with the reason and change nothing", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const coordinator = await scene.coordinator();
    const nats = await natsOf(scene);
    const wrong: readonly (readonly [string, Uint8Array, string])[] = [
      [subjectFor("report", "n1"), new TextEncoder().encode("{"), "not-json"],
      [subjectFor("report", "n1"), encode<"report">(aReport("n2")), "wrong-sender"],
      [subjectFor("report", "n1"), new TextEncoder().encode('{"v":7}'), "unknown-version"],
      [subjectFor("report", "n1"), new TextEncoder().encode('{"v":1,"node":"n1"}'), "malformed"],
      [subjectFor("report", "n1"), new Uint8Array(70_000), "too-large"],
    ];
    for (const [subject, data, reason] of wrong) {
      await scene.until(async () => {
        nats.publishLatest(subject, data);
        return (
          (await coordinator.metric(
            "gpu_autoscaler_messages_refused_total",
            'kind="report"',
            `reason="${reason}"`,
          )) ?? 0
        );
      });
    }
    // It works on.
    scene.server.change((world) => world.submitJob({ id: "train", gpus: 8, durationMs: millis(600_000) }));
    await scene.until(() => scene.size("spot-a") === 1);
  });
});
