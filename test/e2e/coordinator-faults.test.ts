// What a coordinator that dies, or an API server that fails, leaves behind: nothing. Killed before, in and after a
// call, cut off, or told nothing, it settles what was begun, adds nothing twice and leaves no mark on a node.

import { describe, expect, test } from "vitest";

import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { feedReports } from "../build/reports.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

const SCALE_WRITE = { method: "PATCH", pathIncludes: "/scale", userAgentIncludes: "coordinator" } as const;
const PLACE_FOR_CPU = aQuickPool({
  name: "cpu",
  capacityType: "on-demand",
  replicas: 0,
  allocatable: { cpu: "16", memory: "64Gi", pods: "110" },
});

function submit(scene: Scene, gpus = 8): void {
  scene.server.change((world) => world.submitJob({ id: `train-${gpus}`, gpus, durationMs: millis(600_000) }));
}

function sizes(scene: Scene): readonly (readonly [number, number])[] {
  return scene.world.ledger.flatMap((fact) =>
    fact.kind === "size-changed" ? [[fact.from, fact.to] as const] : [],
  );
}

/** Writes of a size that were answered with this code. */
function answered(scene: Scene, code: number) {
  return scene.server.audit.filter(({ subresource, status }) => subresource === "scale" && status === code);
}

function running(scene: Scene): number {
  return scene.world.list("pods").filter(({ status }) => status?.phase === "Running").length;
}

function unmarked(scene: Scene): boolean {
  return scene.world
    .list("nodes")
    .every(
      ({ metadata, spec }) =>
        spec?.unschedulable !== true &&
        (spec?.taints ?? []).length === 0 &&
        metadata.annotations?.[NODE_ANNOTATION.drainRequest] === undefined,
    );
}

/** An idle node with a CPU pod, and an agent that reports and never answers requests. */
async function sceneWithSilentAgent(): Promise<{ readonly scene: Scene; readonly node: string }> {
  const scene = await openScene({ pools: [aQuickPool({ replicas: 1 }), PLACE_FOR_CPU] });
  await scene.until(() => scene.world.list("nodes").length === 1);
  const node = scene.world.list("nodes")[0]?.metadata.name ?? "";
  scene.server.change((world) => world.submitService({ name: "web", replicas: 1 }));
  await scene.until(() => running(scene) === 1);
  scene.server.change((world) => world.scale({ namespace: "default", name: "cpu" }, 1));
  await scene.until(() => scene.world.list("nodes").length === 2);
  const feed = feedReports(scene.nats.url, () => [node]);
  scene.also(async () => await feed.stop());
  scene.policy(policySpec([poolSpec("spot-a")]));
  return { scene, node };
}

describe("a coordinator that is killed", () => {
  test("after its intent and before the call adds the node after its restart, once", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const heal = scene.server.faults.set({ kind: "silence", match: SCALE_WRITE });
    const first = await scene.coordinator();
    submit(scene);
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "intended"));
    await first.kill();
    heal();
    expect(scene.size("spot-a")).toBe(0);

    await scene.coordinator();
    await scene.until(() => running(scene) === 1);
    expect(sizes(scene)).toEqual([[0, 1]]);
    await scene.until(() =>
      scene.status()?.moves.every(({ phase }) => phase === "applied" || phase === "failed"),
    );
  });

  test("after the call and before its outcome is written does not add a second node", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ bootMs: millis(4_000) })] });
    scene.policy(policySpec([poolSpec("spot-a")]));
    // The group is written late, and by then nothing can be written of the outcome.
    scene.server.faults.set({ kind: "slow", ms: millis(400), match: SCALE_WRITE });
    const first = await scene.coordinator();
    submit(scene);
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "intended"));
    scene.server.faults.set({
      kind: "silence",
      match: { method: "PUT", pathIncludes: "/status", userAgentIncludes: "coordinator" },
    });
    await scene.until(() => scene.size("spot-a") === 1);
    await first.kill();
    scene.server.faults.clear();
    expect(scene.status()?.moves).toMatchObject([{ phase: "intended", from: 0, to: 1 }]);

    await scene.coordinator();
    await scene.until(() => running(scene) === 1);
    expect(sizes(scene)).toEqual([[0, 1]]);
    const status = await scene.until(() =>
      scene.status()?.moves.every(({ phase }) => phase === "applied") === true ? scene.status() : null,
    );
    expect(status.moves).toMatchObject([{ kind: "grow", from: 0, to: 1 }]);
    expect(status.additions).toMatchObject([{ nodes: 1 }]);
  });

  test("between closing an empty node and taking it leaves no cordon behind", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ replicas: 1 })] });
    await scene.until(() => scene.world.list("nodes").length === 1);
    scene.policy(policySpec([poolSpec("spot-a")]));
    // The last look before the removal, at the member itself, is never answered.
    scene.server.faults.set({
      kind: "silence",
      match: { method: "GET", pathIncludes: "/machines/", userAgentIncludes: "coordinator" },
    });
    const first = await scene.coordinator();
    await scene.until(() => !unmarked(scene));
    await first.kill();
    scene.server.faults.clear();
    expect(scene.status()?.moves).toMatchObject([{ kind: "shrink", phase: "intended" }]);

    // Meanwhile the node is wanted again.
    scene.policy(policySpec([poolSpec("spot-a", { minSize: 1 })]));
    await scene.coordinator();
    await scene.until(() => unmarked(scene));
    await scene.until(() => scene.status()?.moves[0]?.phase === "failed");
    expect(scene.size("spot-a")).toBe(1);
    expect(scene.world.list("machines").map(({ metadata }) => metadata.annotations ?? {})).toEqual([{}]);
  });

  test("while an agent is asked to drain goes on waiting, and takes the request back at its deadline", async () => {
    const { scene, node } = await sceneWithSilentAgent();
    await using _scene = scene;
    const env = { GPUAS_DRAIN_TIMEOUT: "6s" };
    const first = await scene.coordinator({ env });
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "draining"));
    await first.kill();
    expect(
      scene.world.get("nodes", { name: node })?.metadata.annotations?.[NODE_ANNOTATION.drainRequest],
    ).toBeDefined();

    await scene.coordinator({ env });
    const failed = await scene.until(() => scene.status()?.moves.find(({ phase }) => phase === "failed"), {
      withinMs: 40_000,
    });
    expect(failed.detail).toBe("no agent answered by the deadline");
    await scene.until(() => unmarked(scene));
    expect(scene.size("spot-a")).toBe(1);
    // One request, kept over the restart.
    const asked = scene
      .writesBy("coordinator")
      .filter(({ resource, body }) => resource === "nodes" && JSON.stringify(body).includes("deadline"));
    expect(asked).toHaveLength(1);
  });
});

describe("a coordinator that starts before its NATS", () => {
  test("takes up what a pool at zero looked like as soon as it can read it, and grows the pool", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ replicas: 1 })] });
    await scene.until(() => scene.world.list("nodes").length === 1);
    const { template: _template, ...pool } = poolSpec("spot-a");
    scene.policy(policySpec([pool]));
    const first = await scene.coordinator();
    await scene.until(() => scene.size("spot-a") === 0);
    await scene.until(() => scene.world.list("nodes").length === 0);
    expect(await first.stop()).toBe(0);

    await scene.nats.stop();
    await scene.coordinator();
    submit(scene);
    await scene.until(() =>
      scene.status()?.pools[0]?.because?.some(({ code }) => code === "template-unknown"),
    );
    await scene.nats.restart();
    await scene.until(() => running(scene) === 1, { withinMs: 40_000 });
  });
});

describe("a policy that is taken back while an agent is asked to drain", () => {
  test.each([
    [
      "disabled",
      (scene: Scene) => scene.policy(policySpec([poolSpec("spot-a")], { enabled: false })),
      "the policy is disabled",
    ],
    [
      "made to recommend only",
      (scene: Scene) => scene.policy(policySpec([poolSpec("spot-a")], { mode: "Recommend" })),
      "the policy only recommends",
    ],
    [
      "frozen",
      (scene: Scene) => scene.policy(policySpec([poolSpec("spot-a")], { disruption: { freeze: true } })),
      "disruption.freeze is set",
    ],
    ["made invalid", (scene: Scene) => scene.policy({ provider: "nobody" }), "the policy is not valid"],
  ])("takes the request back when it is %s", async (_, takeBack, detail) => {
    const { scene } = await sceneWithSilentAgent();
    await using _scene = scene;
    await scene.coordinator();
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "draining"));
    takeBack(scene);
    await scene.until(() => unmarked(scene));
    await scene.until(() =>
      scene.status()?.moves.some((move) => move.phase === "failed" && move.detail === detail),
    );
    expect(scene.size("spot-a")).toBe(1);
  });

  test("takes the request back when it is deleted", async () => {
    const { scene } = await sceneWithSilentAgent();
    await using _scene = scene;
    await scene.coordinator();
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "draining"));
    scene.server.change((world) => world.remove("autoscalingpolicies", { name: "gpus" }));
    await scene.until(() => unmarked(scene));
    expect(scene.size("spot-a")).toBe(1);
  });
});

describe("an API server", () => {
  test("that was gone for a while is found again, and what came meanwhile is answered once", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const coordinator = await scene.coordinator();
    await scene.until(() => scene.status()?.pools.length === 1);
    scene.server.refuse(true);
    scene.server.cutAll();
    submit(scene);
    await coordinator.line(({ message }) => message === "watch is stale");
    await coordinator.line(({ message }) => message === "leadership is lost");
    expect(scene.size("spot-a")).toBe(0);

    scene.server.refuse(false);
    await scene.until(() => running(scene) === 1, { withinMs: 40_000 });
    expect(sizes(scene)).toEqual([[0, 1]]);
  });

  test("that loses the answer to a size does not get a second node out of us", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ bootMs: millis(2_000) })] });
    scene.policy(policySpec([poolSpec("spot-a")]));
    scene.server.faults.set({ kind: "cut", when: "after", match: SCALE_WRITE, times: 2 });
    await scene.coordinator();
    submit(scene);
    await scene.until(() => running(scene) === 1);
    expect(sizes(scene)).toEqual([[0, 1]]);
    expect(scene.status()?.moves).toMatchObject([{ kind: "grow", phase: "applied" }]);
  });

  test("that refuses a size for lack of rights is not pressed, and the status says what it said", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    scene.server.faults.set({ kind: "status", code: 403, match: SCALE_WRITE });
    const coordinator = await scene.coordinator();
    submit(scene);
    const failed = await scene.until(() => scene.status()?.moves.find(({ phase }) => phase === "failed"));
    expect(failed).toMatchObject({ failure: "denied", detail: expect.stringContaining("403") as string });
    const held = await scene.until(() =>
      scene.status()?.pools[0]?.because?.find(({ code }) => code === "not-permitted"),
    );
    expect(held.sentence).toMatch(/403.*tried again in/);
    // What a launch failure means is remembered for minutes, so that cycles that pass ask for nothing.
    const count = "gpu_autoscaler_reconcile_duration_seconds_count";
    const before = (await coordinator.metric(count)) ?? 0;
    await scene.until(async () => ((await coordinator.metric(count)) ?? 0) >= before + 5);
    expect(answered(scene, 403)).toHaveLength(1);
    expect(scene.status()?.lastScaleUpTime).toBeUndefined();
    expect(sizes(scene)).toEqual([]);
  });

  test("whose scale another hand writes each time is asked with growing pauses until that ends", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const heal = scene.server.faults.set({ kind: "status", code: 409, match: SCALE_WRITE });
    await scene.coordinator();
    submit(scene);
    // Three attempts make one move, and a pause of at least half a second follows each that failed.
    await scene.until(() => answered(scene, 409).length >= 9);
    const failed = await scene.until(() => scene.status()?.moves.find(({ phase }) => phase === "failed"));
    expect(failed.detail).toContain("changed at each of 3 attempts");
    const times = answered(scene, 409).map(({ at }) => at);
    expect((times[3] ?? 0) - (times[2] ?? 0)).toBeGreaterThanOrEqual(450);
    expect((times[6] ?? 0) - (times[5] ?? 0)).toBeGreaterThanOrEqual(450);
    heal();
    await scene.until(() => running(scene) === 1);
    expect(sizes(scene)).toEqual([[0, 1]]);
  });

  test("whose scale moves under the coordinator's hand is read again, and the node is added once", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    scene.server.faults.set({ kind: "status", code: 409, match: SCALE_WRITE, times: 1 });
    await scene.coordinator();
    submit(scene);
    await scene.until(() => running(scene) === 1);
    expect(sizes(scene)).toEqual([[0, 1]]);
  });
});
