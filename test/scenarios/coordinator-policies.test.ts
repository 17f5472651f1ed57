// Policies that cannot be carried out, wholly or in part: each says why in its conditions and changes nothing;
// and gpuasctl, which shows it.

import { describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { gpuasctl } from "../build/coordinator.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

function condition(scene: Scene, type: string, policy = "gpus") {
  return scene.status(policy)?.conditions.find((candidate) => candidate.type === type);
}

function changes(scene: Scene): readonly string[] {
  return scene
    .writesBy("coordinator")
    .map(({ resource, subresource }) => [resource, subresource].filter(Boolean).join("/"));
}

function submit(scene: Scene, gpus = 8): void {
  scene.server.change((world) => world.submitJob({ id: `train-${gpus}`, gpus, durationMs: millis(600_000) }));
}

describe("a policy", () => {
  test("that does not validate says which field and why, and works once it is corrected", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a", { minSize: 9, maxSize: 2 })]));
    await scene.coordinator();
    submit(scene);

    const invalid = await scene.until(() => condition(scene, "Valid"));
    expect(invalid).toMatchObject({ status: "False", observedGeneration: 1 });
    expect(invalid.message).toContain("spec.nodePools.0.minSize: 9 is above maxSize 2");
    expect(scene.size("spot-a")).toBe(0);

    scene.policy(policySpec([poolSpec("spot-a")]));
    await scene.until(() => scene.size("spot-a") === 1);
    await scene.until(() => condition(scene, "Valid")?.status === "True");
  });

  test("with a misspelt field is refused rather than half read", async () => {
    await using scene = await openScene();
    scene.policy({ ...policySpec([poolSpec("spot-a")]), maxNode: 1 });
    await scene.coordinator();
    submit(scene);
    const invalid = await scene.until(() => condition(scene, "Valid"));
    expect(invalid.message).toContain("spec.maxNode: unknown field");
    expect(scene.size("spot-a")).toBe(0);
  });

  test("with a pool without a group holds that pool and sizes the other", async () => {
    await using scene = await openScene();
    const { group: _group, ...without } = poolSpec("older");
    scene.policy(policySpec([without, poolSpec("spot-a")]));
    await scene.coordinator();
    submit(scene);

    await scene.until(() => scene.size("spot-a") === 1);
    expect(await scene.until(() => condition(scene, "NoGroup"))).toMatchObject({
      status: "True",
      reason: "PoolWithoutGroup",
      message: "nodePools without group: older",
    });
    expect(scene.status()?.pools.find(({ name }) => name === "older")).toMatchObject({
      decision: "hold",
      because: [{ code: "no-group" }],
    });
  });

  test("whose group is missing says so, and grows it once it is there", async () => {
    await using scene = await openScene({ pools: [] });
    scene.policy(policySpec([poolSpec("spot-a")]));
    await scene.coordinator();
    submit(scene);
    const missing = await scene.until(() =>
      condition(scene, "NoGroup")?.status === "True" ? condition(scene, "NoGroup") : null,
    );
    expect(missing.message).toContain("there is no MachineDeployment default/spot-a");

    scene.server.change((world) => world.addPool(aQuickPool()));
    await scene.until(() => scene.size("spot-a") === 1);
    await scene.until(() => condition(scene, "NoGroup")?.status === "False");
  });

  test("whose kind of group the API server does not serve says so", async () => {
    await using scene = await openScene();
    scene.policy(
      policySpec([
        poolSpec("spot-a", {
          group: { scale: { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "spot-a" } },
        }),
      ]),
    );
    await scene.coordinator();
    submit(scene);
    const missing = await scene.until(() =>
      condition(scene, "NoGroup")?.status === "True" ? condition(scene, "NoGroup") : null,
    );
    expect(missing.reason).toBe("GroupMissing");
    expect(scene.size("spot-a")).toBe(0);
  });

  test("that shares its group with another one removes nothing, and both say so", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ replicas: 1 })] });
    await scene.until(() => scene.world.list("nodes").length === 1);
    scene.policy(policySpec([poolSpec("spot-a")]), "one");
    scene.policy(policySpec([poolSpec("spot-a")]), "two");
    await scene.coordinator();
    for (const policy of ["one", "two"]) {
      await scene.until(() => condition(scene, "NodesOverlap", policy)?.status === "True");
    }
    expect(changes(scene).filter((change) => !/^(leases|autoscalingpolicies\/status)$/.test(change))).toEqual(
      [],
    );
    expect(scene.size("spot-a")).toBe(1);
  });

  test("in Recommend mode decides and reports, and touches nothing", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")], { mode: "Recommend" }));
    await scene.coordinator();
    submit(scene);

    const pool = await scene.until(() => scene.status()?.pools.find(({ decision }) => decision === "grow"));
    expect(pool.because?.map(({ code }) => code)).toContain("pending-pods");
    expect(condition(scene, "Active")).toMatchObject({ status: "False", reason: "Recommend" });
    // Several cycles later still nothing but its own status and the lease has been written.
    await scene.until(() => changes(scene).filter((change) => change === "leases").length > 6);
    expect([...new Set(changes(scene))].toSorted()).toEqual(["autoscalingpolicies/status", "leases"]);
    expect(scene.size("spot-a")).toBe(0);
    expect(scene.status()?.moves).toEqual([]);
  });

  test("with nothing in the cluster at rest is written once and then left alone", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    await scene.coordinator();
    await scene.until(() => scene.status()?.pools[0]?.because?.[0]?.code === "nothing-to-do");
    const written = changes(scene).filter((change) => change === "autoscalingpolicies/status").length;
    await scene.until(() => changes(scene).filter((change) => change === "leases").length > 8);
    expect(changes(scene).filter((change) => change === "autoscalingpolicies/status")).toHaveLength(written);
  });
});

describe("gpuasctl status", () => {
  test("shows pools, limits and the decision with its sentence", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a", { maxSize: 1 })]));
    await scene.coordinator();
    submit(scene, 16);
    await scene.until(
      () => scene.status()?.pools[0]?.because?.some(({ code }) => code === "at-maximum") === true,
    );

    const { code, out } = await gpuasctl(["status", "gpus", "--kubeconfig", scene.kubeconfig]);
    expect(code).toBe(0);
    expect(out).toContain("Policy gpus  Valid=True Active=True");
    expect(out).toMatch(/^ {2}spot-a +scale +1 +[01] +[01] +0 +1 +- +- +- +- +hold$/m);
    expect(out).toContain("[at-maximum]");

    const json = await gpuasctl(["status", "--json", "--kubeconfig", scene.kubeconfig]);
    const printed = JSON.parse(json.out) as { readonly policies: readonly { readonly name: string }[] };
    expect(printed.policies.map(({ name }) => name)).toEqual(["gpus"]);
  });

  test("names the policies that there are when asked for another", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const { code, err } = await gpuasctl(["status", "other", "--kubeconfig", scene.kubeconfig]);
    expect(code).toBe(1);
    expect(err).toBe("gpuasctl: there is no AutoscalingPolicy other; known are gpus\n");
  });

  test("says in one line that the API server is away", async () => {
    await using scene = await openScene();
    scene.server.refuse(true);
    const { code, err } = await gpuasctl(["status", "--kubeconfig", scene.kubeconfig]);
    expect(code).toBe(69);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(err).toContain("cannot list");
  });

  test.each([
    [["stauts"], "unknown word stauts"],
    [[], "no word is given"],
    [["status", "--jsn"], "--jsn"],
  ])("answers %j with the usage that names the known words", async (args, problem) => {
    const { code, err } = await gpuasctl(args);
    expect(code).toBe(64);
    expect(err).toContain(problem);
    for (const word of ["status", "explain", "decide"])
      expect(err).toMatch(new RegExp(`^  ${word} {2,}\\w`, "m"));
  });
});
