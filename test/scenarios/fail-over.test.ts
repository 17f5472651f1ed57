// Two replicas: one leads, the other watches, and when the first is gone the second goes on where it was.

import { describe, expect, test } from "vitest";

import { LEASE_NAME } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import type { CoordinatorProcess } from "../build/coordinator.ts";
import { openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

function submit(scene: Scene, id: string): void {
  scene.server.change((world) => world.submitJob({ id, gpus: 8, durationMs: millis(600_000) }));
}

const LEASE = { namespace: "default", name: LEASE_NAME };

function holder(scene: Scene): string {
  return scene.world.get("leases", LEASE)?.spec?.holderIdentity ?? "";
}

/** Leaders whose mark the accepted writes of the policy's status bore, in the order in which they first appear. */
function writers(scene: Scene): readonly string[] {
  const leaders = scene
    .writesBy("coordinator")
    .filter(({ resource, subresource }) => resource === "autoscalingpolicies" && subresource === "status")
    .map(({ body }) => {
      const { status } = body as { readonly status?: { readonly leader?: string } };
      return status?.leader?.replace(/_.*/, "") ?? "nobody";
    });
  return leaders.filter((leader, index) => leader !== leaders[index - 1]);
}

function sizes(scene: Scene): readonly (readonly [number, number])[] {
  return scene.world.ledger.flatMap((fact) => (fact.kind === "size-changed" ? [[fact.from, fact.to]] : []));
}

/** Two replicas, of which the first leads. `env`: of the first alone. */
async function twoReplicas(scene: Scene, env: Readonly<Record<string, string>> = {}) {
  const first = await scene.coordinator({ env: { POD_NAME: "first", ...env } });
  const second = await scene.coordinator({ env: { POD_NAME: "second" }, waitFor: "listening" });
  await scene.until(async () => (await fetch(new URL("/readyz", second.url))).ok);
  await scene.until(() => scene.status()?.term === 1);
  return { first, second };
}

const leading = async (coordinator: CoordinatorProcess) =>
  await coordinator.line(({ message }) => message === "leading");

describe("two coordinators", () => {
  test("act as one: the second writes nothing while the first leads, and takes over when it is killed", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const first = await scene.coordinator({ env: { POD_NAME: "first" } });
    const second = await scene.coordinator({ env: { POD_NAME: "second" }, waitFor: "listening" });
    submit(scene, "one");
    await scene.until(() => scene.size("spot-a") === 1);
    expect(holder(scene)).toMatch(/^first_/);
    expect(await second.metric("gpu_autoscaler_leader")).toBe(0);
    expect(await first.metric("gpu_autoscaler_leader")).toBe(1);
    await scene.until(async () => (await fetch(new URL("/readyz", second.url))).ok);

    await first.kill();
    submit(scene, "two");
    await scene.until(() => scene.size("spot-a") === 2);
    expect(holder(scene)).toMatch(/^second_/);
    expect(sizes(scene)).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(scene.status()?.term).toBe(2);
    expect(writers(scene)).toEqual(["first", "second"]);
  });

  test("keep an old leader's hands off who was asleep while the other took over", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const { first, second } = await twoReplicas(scene);
    process.kill(first.pid, "SIGSTOP");
    submit(scene, "one");
    await leading(second);
    await scene.until(() => scene.size("spot-a") === 1);

    // It wakes up believing what it believed, with a pod before it that waited when it fell asleep.
    process.kill(first.pid, "SIGCONT");
    submit(scene, "two");
    // By the lease or by the policy, whichever it reads first.
    await first.line(
      ({ message }) => message === "leadership is lost" || message === "leadership is given up",
    );
    await scene.until(() => scene.size("spot-a") === 2);
    await scene.until(() => scene.status()?.moves.every(({ phase }) => phase === "applied"));
    expect(writers(scene)).toEqual(["first", "second"]);
    expect(scene.status()?.moves.map(({ term }) => term)).toEqual([2, 2]);
    expect(sizes(scene)).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  test("refuse an old leader by his term who still has his lease, and make him step down", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    // By his own clock he leads for a minute, and looks at the lease only after half of it.
    const { first, second } = await twoReplicas(scene, {
      GPUAS_LEASE_DURATION: "60s",
      GPUAS_LEASE_RENEW: "40s",
      GPUAS_LEASE_RETRY: "30s",
    });
    scene.server.change((world) => world.remove("leases", LEASE));
    await leading(second);
    submit(scene, "one");
    const given = await first.line(({ message }) => message === "leadership is given up");
    expect(JSON.stringify(given)).toMatch(/policy gpus is led by second_[^ ]+ \(term 2\), ours was 1/);
    await scene.until(() => scene.size("spot-a") === 1);
    await scene.until(() => scene.status()?.moves.every(({ phase }) => phase === "applied"));
    expect(writers(scene)).toEqual(["first", "second"]);
    expect(sizes(scene)).toEqual([[0, 1]]);
    expect(await first.metric("gpu_autoscaler_leader")).toBe(0);
  });

  test("finish once what the old leader had begun", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const { first, second } = await twoReplicas(scene);
    // His last word is the intent: the call that follows it takes effect, if it was sent, when he is dead.
    scene.server.faults.set({
      kind: "slow",
      ms: millis(300),
      match: { method: "PATCH", pathIncludes: "/scale" },
    });
    submit(scene, "one");
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "intended"));
    await first.kill();
    scene.server.faults.clear();
    await leading(second);
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "applied"));
    await scene.until(() => scene.world.list("nodes").length === 1);
    const { moves = [], additions = [] } = scene.status() ?? {};
    expect(moves.filter(({ phase }) => phase === "intended")).toEqual([]);
    expect(additions.reduce((sum, { nodes }) => sum + nodes, 0)).toBe(1);
    expect(sizes(scene)).toEqual([[0, 1]]);
  });

  test("wait for the call that is on its way before the lease is given back", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const { first, second } = await twoReplicas(scene);
    scene.server.faults.set({
      kind: "slow",
      ms: millis(400),
      match: { method: "PATCH", pathIncludes: "/scale" },
    });
    submit(scene, "one");
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "intended"));
    await scene.until(() => scene.server.audit.some(({ verb, name }) => verb === "get" && name === "spot-a"));
    expect(await first.stop()).toBe(0);
    await leading(second);
    await scene.until(() => scene.status()?.moves.some(({ phase }) => phase === "applied"));
    await scene.until(() => scene.world.list("nodes").length === 1);
    const calls = scene.server.audit.filter(
      ({ method, subresource }) => method === "PATCH" && subresource === "scale",
    );
    expect(calls.map(({ status }) => status)).toEqual([200]);
    expect(sizes(scene)).toEqual([[0, 1]]);
  });

  test("hand over at once when the leader is stopped in order", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const long = { GPUAS_LEASE_DURATION: "60s", GPUAS_LEASE_RENEW: "40s" };
    const first = await scene.coordinator({ env: { POD_NAME: "first", ...long } });
    const second = await scene.coordinator({ env: { POD_NAME: "second", ...long }, waitFor: "listening" });
    expect(await first.stop()).toBe(0);
    await second.line(({ message }) => message === "leading");
    submit(scene, "one");
    await scene.until(() => scene.size("spot-a") === 1);
  });
});
