import { afterEach, beforeEach, describe, expect, test } from "vitest";

import type { GroupLook } from "../../coordinator/cloud/account.ts";
import { PERMISSIONS } from "../../coordinator/cloud/gcp/probe.ts";
import { faultsIn } from "../world/cloud/gcp-discovery.ts";
import type { GcpAnswer } from "../world/cloud/gcp.ts";
import { gcpHarness } from "./gcp-harness.ts";
import type { GcpHarness } from "./gcp-harness.ts";
import { calling } from "./harness.ts";

/** Of all tests here, in the order in which they ran. */
const answers: GcpAnswer[] = [];
let harness: GcpHarness;
beforeEach(async () => {
  harness = await gcpHarness({ groups: 1, size: 2 }, answers);
});
afterEach(async () => await harness[Symbol.asyncDispose]());

function accountOf({ account }: GcpHarness): NonNullable<GcpHarness["account"]> {
  if (account === null) throw new Error("the harness has no account");
  return account;
}

async function seen(): Promise<Extract<GroupLook, { kind: "seen" }>> {
  const { account, keys } = accountOf(harness);
  const look = (await account.look(keys, calling(harness))).get(keys[0] ?? "");
  if (look?.kind !== "seen") throw new Error(JSON.stringify(look));
  return look;
}

const AUTOSCALER = "compute.autoscalers.get";

const ON_GKE = {
  metadata: {
    items: [
      { key: "cluster-name", value: "prod" },
      { key: "cluster-location", value: "us-central1" },
      { key: "kube-labels", value: "cloud.google.com/gke-nodepool=spot-pool" },
    ],
  },
};

test.each([
  [{ provisioningModel: "SPOT" }, "spot"],
  [{ preemptible: true }, "spot"],
  [{ provisioningModel: "STANDARD", preemptible: false }, "on-demand"],
] as const)("a template with %j makes %s machines", async (scheduling, capacityType) => {
  harness.cloud.configure("group-0", { template: { scheduling } });
  expect(await seen()).toMatchObject({ capacityType });
});

describe("who else sizes the group", () => {
  test("nobody, as far as Google shows", async () => {
    expect(await seen()).not.toHaveProperty("rivals");
  });

  const BY_AUTOSCALER = [
    {
      rival: "mig-autoscaler",
      detail: "autoscaler group-0-autoscaler of instance group group-0 in us-central1-a",
    },
  ];

  test.each([
    ["ON", BY_AUTOSCALER],
    ["ONLY_SCALE_OUT", BY_AUTOSCALER],
    ["OFF", undefined],
  ])("an autoscaler of the group, where its mode is %s", async (mode, rivals) => {
    harness.cloud.configure("group-0", { autoscaler: { autoscalingPolicy: { mode, maxNumReplicas: 9 } } });
    expect((await seen()).rivals).toEqual(rivals);
    await seen();
    const asked = harness.cloud.calls.filter(({ action }) => action === AUTOSCALER);
    expect(asked, "asked again within 45 s").toHaveLength(1);
  });

  test("an autoscaler that cannot be read counts as on, and it is said", async () => {
    harness.cloud.trouble.set({ kind: "refuse", code: "forbidden", match: { action: AUTOSCALER } });
    harness.cloud.configure("group-0", { autoscaler: { autoscalingPolicy: { mode: "OFF" } } });
    const look = await seen();
    expect(look.rivals).toEqual(BY_AUTOSCALER);
    expect(look.mismatches.join()).toMatch(
      /whether autoscaler group-0-autoscaler sizes its group cannot be read/,
    );
  });

  test.each([
    [
      true,
      [{ rival: "gke-autoscaler", detail: "autoscaling of GKE node pool spot-pool of prod in us-central1" }],
    ],
    [false, undefined],
  ])("GKE, where autoscaling of the node pool is %s", async (enabled, rivals) => {
    harness.cloud.configure("group-0", {
      template: ON_GKE,
      nodePool: { name: "spot-pool", autoscaling: { enabled, minNodeCount: 0, maxNodeCount: 9 } },
    });
    expect((await seen()).rivals).toEqual(rivals);
    await seen();
    const asked = harness.cloud.calls.filter(({ action }) => action.endsWith("nodePools.get"));
    expect(asked, "asked again within 45 s").toHaveLength(1);
  });

  test("GKE, where that cannot be read: it is said, and the group goes on", async () => {
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "forbidden",
      match: { action: "container.projects.locations.clusters.nodePools.get" },
    });
    harness.cloud.configure("group-0", { template: ON_GKE });
    const look = await seen();
    expect(look).not.toHaveProperty("rivals");
    expect(look.mismatches.join()).toMatch(/whether GKE's autoscaler sizes node pool spot-pool of prod/);
  });
});

describe("a look", () => {
  test("asks for a template once, and for machines of a group that has none never", async () => {
    await using empty = await gcpHarness({ groups: 4, size: 0 }, answers);
    const { account, keys } = accountOf(empty);
    for (let time = 0; time < 3; time++) await account.look(keys, calling(empty));
    const count = (name: string): number =>
      empty.cloud.calls.filter(({ action }) => action.endsWith(name)).length;
    expect(count("instanceGroupManagers.list")).toBe(3);
    expect(count("listManagedInstances")).toBe(0);
    expect(count("instanceTemplates.get")).toBe(4);
  });

  test("reads all pages of a group's machines", async () => {
    await using many = await gcpHarness({ groups: 1, size: 7 }, answers, { pageMax: 3 });
    many.cloud.configure("group-0", { group: { listManagedInstancesResults: "PAGINATED" } });
    expect(await many.seen()).toHaveLength(7);
  });

  test("tells machines that are suspended on purpose apart from its members", async () => {
    const [id = ""] = await harness.instances();
    const name = id.split("/")[0] ?? "";
    const suspended = { currentAction: "NONE", instanceStatus: "SUSPENDED", targetStatus: "SUSPENDED" };
    harness.cloud.configure("group-0", { instances: { [name]: suspended } });
    const look = await seen();
    expect(look.members).toHaveLength(1);
    expect(look.aside).toEqual([`gce://gpu-project-1/us-central1-a/${name}`]);
    expect(look.mismatches).toEqual([`suspended or stopped on purpose and not counted: ${name}`]);
  });

  test("says what an operator should know", async () => {
    harness.cloud.configure("group-0", {
      group: {
        autoHealingPolicies: [{ healthCheck: "global/healthChecks/web", initialDelaySec: 300 }],
        instanceLifecyclePolicy: { defaultActionOnFailure: "DO_NOTHING" },
        status: { stateful: { hasStatefulConfig: true } },
      },
    });
    const said = (await seen()).mismatches.join("\n");
    for (const words of [/autohealing/, /repairs nothing/, /stateful/]) expect(said).toMatch(words);
  });

  test("a stopped machine that the group does not repair is a place that can be given back", async () => {
    const [id = "", other = ""] = await harness.instances();
    const name = id.split("/")[0] ?? "";
    harness.cloud.configure("group-0", { instances: { [name]: { instanceStatus: "TERMINATED" } } });
    const states = (await seen()).members.map((member) => [member.id, member.state]);
    expect(states).toEqual([
      [id, "leaving"],
      [`${name}/place`, "present"],
      [other, "present"],
    ]);
    const group = harness.group();
    await group.cancelUnfilled(1, await group.read(calling(harness)), calling(harness));
    await harness.advance();
    expect(await harness.instances()).toEqual([other]);
  });
});

describe("a probe of rights", () => {
  test("is one question that changes nothing", async () => {
    harness.cloud.allow(PERMISSIONS.filter((right) => right !== "compute.instanceGroupManagers.update"));
    const { account, keys } = accountOf(harness);
    const answers = await account.probe?.(keys, calling(harness));
    expect(answers?.map(({ call }) => call)).toEqual(PERMISSIONS);
    expect(answers?.filter(({ outcome }) => outcome !== "allowed")).toEqual([
      { call: "compute.instanceGroupManagers.update", outcome: "denied" },
    ]);
    expect(harness.cloud.calls.map(({ action }) => action)).toEqual([
      "cloudresourcemanager.projects.testIamPermissions",
    ]);
  });

  test("makes the reads where Google does not answer that, and says that of the writes nobody knows", async () => {
    harness.cloud.trouble.set({
      kind: "refuse",
      code: "accessNotConfigured",
      match: { action: "cloudresourcemanager.projects.testIamPermissions" },
    });
    const { account, keys } = accountOf(harness);
    const answers = (await account.probe?.(keys, calling(harness))) ?? [];
    const outcomeOf = new Map(answers.map(({ call, outcome }) => [call, outcome]));
    expect(outcomeOf.get("compute.instanceGroupManagers.get")).toBe("allowed");
    expect(outcomeOf.get("compute.instanceGroupManagers.list")).toBe("allowed");
    expect(outcomeOf.get("compute.instanceGroupManagers.update")).toBe("unknown");
    expect(await harness.writes()).toBe(0);
  });

  test("of an account that answers nothing is unknown, and no error", async () => {
    harness.cloud.trouble.set({ kind: "refuse", code: "backendError" });
    const { account, keys } = accountOf(harness);
    const answers = (await account.probe?.(keys, calling(harness))) ?? [];
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(["unknown"]));
  });
});

test("Google's own description finds nothing wrong with any answer above", () => {
  const methods = new Set(answers.map(({ method }) => method));
  for (const method of [AUTOSCALER, "container.projects.locations.clusters.nodePools.get"])
    expect(methods).toContain(method);
  const faults = answers.flatMap(({ method, body }) =>
    faultsIn(method, "response", body).map((fault) => `${method}: ${fault}`),
  );
  expect([...new Set(faults)]).toEqual([]);
});
