// `gpuasctl doctor` as people run it, with the shipped coordinator behind the API server's proxy: what it says of the leader
// and of NATS, and that it goes on while much of the cluster answers with errors.

import { expect, test } from "vitest";

import { gpuasctl } from "../build/coordinator.ts";
import { openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { awsStand } from "../crash/stands.ts";

const SERVICE = "services/default/scaler:9403";

interface Row {
  readonly call: string;
  readonly outcome: string;
}

interface Report {
  readonly verdict: string;
  readonly checks: readonly { readonly check: string; readonly verdict: string; readonly evidence: string }[];
}

async function doctor(scene: Scene) {
  const args = ["doctor", "-o", "json", "--service", "default/scaler:9403", "--kubeconfig", scene.kubeconfig];
  const { code, out, err } = await gpuasctl(args);
  if (out === "") throw new Error(err);
  const report = JSON.parse(out) as Report;
  return { code, ...report, of: (name: string) => report.checks.find(({ check }) => check === name) };
}

test("hears the leader and its NATS, and tells when NATS is gone and when the coordinator is", async () => {
  await using scene = await openScene();
  scene.policy(policySpec([poolSpec("spot-a", { maxSize: 1 })]));
  const { url } = await scene.coordinator();
  scene.server.proxy(SERVICE, url);
  const holder = await scene.until(() => {
    const [lease] = scene.world.list("leases");
    return lease?.spec?.holderIdentity?.split("_")[0] ?? "";
  });
  scene.server.proxy(`pods/default/${holder}:9403`, url);

  await scene.until(async () => {
    const report = await doctor(scene);
    return report.of("leader-page")?.verdict === "ok" && report.of("nats")?.verdict === "ok" ? report : null;
  });
  // The table of what dashboards ask for is that of the program that ships with it.
  expect((await doctor(scene)).of("coordinator-metrics")).toMatchObject({ verdict: "ok" });

  await scene.nats.stop();
  const silent = await scene.until(async () => {
    const report = await doctor(scene);
    return report.of("nats")?.verdict === "fail" ? report : null;
  });
  expect(silent.of("nats")?.evidence).toContain("no idle node is removed");
  expect(silent.of("leader-page")).toMatchObject({ verdict: "ok" });

  scene.server.proxy(SERVICE, null);
  scene.server.proxy(`pods/default/${holder}:9403`, null);
  const alone = await doctor(scene);
  expect(alone.of("leader-page")).toMatchObject({ verdict: "fail" });
  expect(alone.of("nats")).toMatchObject({ verdict: "unknown" });
  expect(alone.code).toBe(1);
});

test("tells by the coordinator's own words what a cloud lets it do, and changes nothing there", async () => {
  await using scene = await openScene();
  const stand = await awsStand(scene);
  stand.addGroup("gpus", { desired: 2, capacityType: "on-demand" });
  const { url } = await scene.coordinator({ env: stand.env });
  scene.server.proxy(SERVICE, url);
  const pool = poolSpec("gpus", { maxSize: 3, group: stand.groupOf("gpus") });
  scene.policy(policySpec([pool], { mode: "Recommend" }));
  const args = [
    "doctor",
    "clouds",
    "--json",
    "--service",
    "default/scaler:9403",
    "--kubeconfig",
    scene.kubeconfig,
  ];
  const told = await scene.until(async () => {
    const report = JSON.parse((await gpuasctl(args)).out) as Report & { readonly rows: readonly Row[] };
    const outcome = (call: string) => report.rows.find((row) => row.call === `autoscaling:${call}`)?.outcome;
    return outcome("DetachInstances") === "allowed" ? { ...report, outcome } : null;
  });
  expect(told.outcome("SetDesiredCapacity")).toBe("allowed");
  expect(told.outcome("DescribeAutoScalingGroups")).toBe("allowed");
  expect(told.checks.find(({ check }) => check === "cloud-rights")).toMatchObject({ verdict: "ok" });
  expect(stand.desired("gpus")).toBe(2);
});

test("goes on when half of the API answers with errors, and says of each thing why it is not known", async () => {
  await using scene = await openScene();
  scene.policy(policySpec([poolSpec("spot-a", { maxSize: 1 })]));
  const { faults } = scene.server;
  faults.set({ kind: "status", code: 500, match: { pathIncludes: "/api/v1/pods" } });
  faults.set({ kind: "status", code: 403, match: { pathIncludes: "/leases" } });
  faults.set({ kind: "cut", match: { pathIncludes: "/poddisruptionbudgets" } });
  faults.set({ kind: "malformed-line", match: { pathIncludes: "/autoscalingpolicies" } });
  const report = await doctor(scene);
  expect(report.code).toBe(1);
  expect(report.checks).toHaveLength(32);
  expect(report.of("api-version")).toMatchObject({ verdict: "ok" });
  for (const [check, words] of [
    ["agent-coverage", /500/],
    ["leader", /403/],
    ["clocks", /403/],
    ["budgets", /list poddisruptionbudgets/],
    ["policies", /no JSON/],
  ] as const) {
    expect(report.of(check)).toMatchObject({ check, verdict: "unknown" });
    expect(report.of(check)?.evidence).toMatch(words);
  }
  // What can still be read is still judged.
  expect(report.of("cordons")).toMatchObject({ verdict: "ok" });
});

test("says that nothing is known when nobody answers at all", async () => {
  await using scene = await openScene();
  scene.server.refuse(true);
  const report = await doctor(scene);
  expect([...new Set(report.checks.map(({ verdict }) => verdict))]).toEqual(["unknown"]);
  expect(report.verdict).toBe("unknown");
  expect(report.code).toBe(1);
});
