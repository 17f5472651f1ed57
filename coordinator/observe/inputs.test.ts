import { describe, expect, test } from "vitest";

import type { Node, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { observed, podObject, unasked, unaskedWatch } from "../../test/build/observed.ts";
import { createGangObjects } from "./gang-objects.ts";
import { createInputs } from "./inputs.ts";
import type { Problem } from "./inputs.ts";
import { createStorage } from "./storage.ts";

function aPod(
  overrides: {
    readonly spec?: Partial<Pod["spec"]>;
    readonly status?: Pod["status"];
    readonly annotations?: Record<string, string>;
  } = {},
): Pod {
  const containers = [{ name: "main", resources: { requests: { cpu: "500m", [GPU_RESOURCE]: "2" } } }];
  return podObject({ ...overrides, spec: { containers, ...overrides.spec } });
}

function setup() {
  const problems: Problem[] = [];
  const watch = unaskedWatch();
  const inputs = createInputs({
    storage: createStorage(watch, () => {}),
    gangs: createGangObjects({ watch, discover: unasked, onChange: () => {} }),
    volumeLimits: () => undefined,
    onProblem: (problem) => problems.push(problem),
  });
  return { problems, inputs };
}

const BAD = { containers: [{ name: "main", resources: { requests: { cpu: "much" } } }] };

describe("pod()", () => {
  test("gives amounts in whole units with the pod's own slot", () => {
    expect(setup().inputs.pod(aPod())?.requests).toEqual({ cpu: 500, [GPU_RESOURCE]: 2, pods: 1 });
  });

  test("ages a waiting pod from the scheduler's verdict, not from its creation", () => {
    const status = {
      conditions: [
        {
          type: "PodScheduled",
          status: "False",
          reason: "Unschedulable",
          lastTransitionTime: "2026-06-01T05:00:00Z",
        },
      ],
    };
    expect(setup().inputs.pod(aPod({ status }))?.waiting).toEqual({
      kind: "unschedulable",
      since: Date.UTC(2026, 5, 1, 5),
    });
  });

  test.each([
    ["gated", [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }]],
    ["undecided", []],
    ["undecided", [{ type: "PodScheduled", status: "False", reason: "SchedulerError" }]],
  ])("calls a pod %s with conditions %j", (kind, conditions) => {
    expect(setup().inputs.pod(aPod({ status: { conditions } }))?.waiting).toEqual({ kind });
  });

  test("knows a pod that Volcano would place and that waits for its gang", () => {
    const lastTransitionTime = "2026-06-01T05:00:00Z";
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Schedulable", lastTransitionTime }];
    expect(setup().inputs.pod(aPod({ status: { conditions } }))?.waiting).toEqual({
      kind: "gang",
      since: Date.UTC(2026, 5, 1, 5),
    });
  });

  test("has no field for what the pod does not have", () => {
    const input = setup().inputs.pod(aPod()) ?? {};
    const optional = [
      "labels",
      "nodeTerms",
      "podAffinity",
      "podAntiAffinity",
      "spread",
      "hostPorts",
      "volumes",
    ];
    const rest = [
      "gang",
      "resourceClaims",
      "provisioningRequest",
      "gpuModel",
      "localStorage",
      "startedAt",
      "ready",
      "endsAt",
      "endingSince",
    ];
    for (const field of [...optional, ...rest]) expect(input).not.toHaveProperty(field);
  });

  test("says when a pod began, when one that ends will be gone, and that one is not ready", () => {
    const pod = podObject({
      deletionTimestamp: "2026-06-01T02:00:30Z",
      deletionGracePeriodSeconds: 20,
      spec: { nodeName: "n1" },
      status: { startTime: "2026-06-01T01:00:00Z", conditions: [{ type: "Ready", status: "False" }] },
    });
    expect(setup().inputs.pod(pod)).toMatchObject({
      terminating: true,
      startedAt: Date.UTC(2026, 5, 1, 1),
      endsAt: Date.UTC(2026, 5, 1, 2, 0, 30),
      endingSince: Date.UTC(2026, 5, 1, 2, 0, 10),
      ready: false,
    });
    const ready = aPod({
      spec: { nodeName: "n1" },
      status: { conditions: [{ type: "Ready", status: "True" }] },
    });
    expect(setup().inputs.pod(ready)).not.toHaveProperty("ready");
  });

  test.each([[undefined], [-1], [Number.NaN], [1e12]])(
    "does not know when an end began whose grace is %s",
    (deletionGracePeriodSeconds) => {
      const deletionTimestamp = "2026-06-01T02:00:30Z";
      const grace = deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds };
      const input = setup().inputs.pod(podObject({ deletionTimestamp, ...grace })) ?? {};
      expect(input).toHaveProperty("endsAt", Date.UTC(2026, 5, 1, 2, 0, 30));
      expect(input).not.toHaveProperty("endingSince");
    },
  );

  test.each([
    ["autoscaling.x-k8s.io/consume-provisioning-request"],
    ["cluster-autoscaler.kubernetes.io/consume-provisioning-request"],
  ])("names what is not understood yet: %s, and claims for devices", (annotation) => {
    const resourceClaims = [{ name: "gpu", resourceClaimName: "gpu-a" }, { name: "nic" }];
    const pod = aPod({ annotations: { [annotation]: "training" }, spec: { resourceClaims } });
    expect(setup().inputs.pod(pod)).toMatchObject({
      provisioningRequest: "training",
      resourceClaims: ["gpu-a", "nic"],
    });
  });

  test.each([
    ["H100", "H100"],
    [" a100-80gb ", "a100-80gb"],
    ["", undefined],
  ])("says by the annotation %j that it wants GPU %s", (written, gpuModel) => {
    const pod = aPod({ annotations: { "gpu-autoscaler.io/gpu-model": written } });
    expect(setup().inputs.pod(pod)?.gpuModel).toBe(gpuModel);
  });

  test.each<[boolean, string, NonNullable<Pod["spec"]["volumes"]>, Record<string, string>]>([
    [true, "a directory on the node's disk", [{ name: "a", emptyDir: {} }], {}],
    [true, "a path of the host", [{ name: "a", hostPath: { path: "/data" } }], {}],
    [false, "memory", [{ name: "a", emptyDir: { medium: "Memory" } }], {}],
    [false, "a claim", [{ name: "a", persistentVolumeClaim: { claimName: "c" } }], {}],
    [
      false,
      "only what it names as no loss",
      [
        { name: "a", emptyDir: {} },
        { name: "b", emptyDir: {} },
      ],
      { "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": "a, b" },
    ],
    [
      true,
      "one that it does not name as no loss",
      [
        { name: "a", emptyDir: {} },
        { name: "b", emptyDir: {} },
      ],
      { "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes": "a" },
    ],
  ])("has local storage (%s) with %s", (expected, _, volumes, annotations) => {
    expect(setup().inputs.pod(aPod({ spec: { volumes }, annotations }))?.localStorage === true).toBe(
      expected,
    );
  });

  test("leaves finished pods out", () => {
    expect(setup().inputs.pod(aPod({ status: { phase: "Succeeded" } }))).toBeNull();
  });

  test("leaves out a waiting pod whose requests cannot be read, and says so once", () => {
    const { inputs, problems } = setup();
    const pod = aPod({ spec: BAD });
    expect(inputs.pod(pod)).toBeNull();
    expect(inputs.pod(pod)).toBeNull();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ kind: "pod", name: "team/p" });
    expect(problems[0]?.detail).toContain("much");
  });

  test("keeps such a pod when it stands on a node, so that the node does not look empty", () => {
    expect(setup().inputs.pod(aPod({ spec: { ...BAD, nodeName: "n1" } }))).toMatchObject({
      node: "n1",
      requests: { pods: 1 },
    });
  });

  test("takes a pod with an unknown eviction priority for medium", () => {
    expect(
      setup().inputs.pod(aPod({ annotations: { "gpu-autoscaler.io/eviction-priority": "urgent" } }))?.class,
    ).toBe("medium");
  });

  test("gives the same frozen input as long as the object is the same", () => {
    const { inputs } = setup();
    const pod = aPod();
    const input = inputs.pod(pod);
    expect(inputs.pod(pod)).toBe(input);
    expect(Object.isFrozen(input?.requests)).toBe(true);
  });
});

describe("node()", () => {
  test("offers nothing when what is allocatable cannot be read", () => {
    const { inputs, problems } = setup();
    const node = inputs.node({ metadata: { name: "n1" }, status: { allocatable: { cpu: "8x" } } });
    expect(node).toMatchObject({ name: "n1", allocatable: {}, ready: "unknown" });
    expect(problems).toMatchObject([{ kind: "node", name: "n1" }]);
  });

  test("gives what the machine has, since when it is as ready as it is, and its agent's verdict", () => {
    const node: Node = {
      metadata: { name: "n1", creationTimestamp: "2026-06-01T00:00:00Z" },
      status: {
        capacity: { cpu: "8", memory: "1Gi" },
        conditions: [
          { type: "Ready", status: "False", lastTransitionTime: "2026-06-01T01:00:00Z" },
          {
            type: "GpuHealthy",
            status: "False",
            reason: "XidError",
            message: "GPU 3: Xid 79",
            lastTransitionTime: "2026-06-01T02:00:00Z",
          },
        ],
      },
    };
    expect(setup().inputs.node(node)).toMatchObject({
      capacity: { cpu: 8_000, memory: 2 ** 30 },
      readyChangedAt: Date.UTC(2026, 5, 1, 1),
      gpuHealth: { verdict: "ill", since: Date.UTC(2026, 5, 1, 2), detail: "XidError: GPU 3: Xid 79" },
    });
  });

  test.each([
    ["True", "healthy"],
    ["False", "ill"],
    ["Unknown", "unknown"],
  ])("reads GpuHealthy %s as %s", (status, verdict) => {
    const conditions = [{ type: "GpuHealthy", status, lastTransitionTime: "2026-06-01T02:00:00Z" }];
    const node = setup().inputs.node({ metadata: { name: "n1" }, status: { conditions } });
    expect(node.gpuHealth?.verdict).toBe(verdict);
  });

  test("does not take a node for ill of which nobody says since when", () => {
    const conditions = [{ type: "GpuHealthy", status: "False" }];
    const metadata = { name: "n1", creationTimestamp: "2026-06-01T00:00:00Z" };
    expect(setup().inputs.node({ metadata, status: { conditions } }).gpuHealth?.verdict).toBe("unknown");
  });

  test("does not know what nobody said", () => {
    const node = setup().inputs.node({ metadata: { name: "n1" }, status: { capacity: { cpu: "8x" } } });
    for (const field of ["capacity", "readyChangedAt", "gpuHealth", "volumeLimits"])
      expect(node).not.toHaveProperty(field);
  });

  test("takes the volumes that a node's drivers allow, and notices a new driver", () => {
    const driver = (name: string, count?: number) => ({
      name,
      ...(count === undefined ? {} : { allocatable: { count } }),
    });
    const csiNode = (...drivers: ReturnType<typeof driver>[]) => ({
      metadata: { name: "n1" },
      spec: { drivers },
    });
    const { cluster, news } = observed({
      nodes: [{ metadata: { name: "n1" } }, { metadata: { name: "n2" } }],
      csiNodes: [csiNode(driver("ebs", 25), driver("nfs"))],
    });
    const before = cluster.nodes();
    expect(before.map(({ volumeLimits }) => volumeLimits)).toEqual([{ ebs: 25 }, undefined]);
    expect(cluster.nodes()[0]).toBe(before[0]);
    cluster.watches[6].store.apply({ kind: "put", object: csiNode(driver("ebs", 127)) });
    expect(cluster.nodes()[0]?.volumeLimits).toEqual({ ebs: 127 });
    expect(cluster.nodes()[1]).toBe(before[1]);
    expect(news).toEqual(["other"]);
  });

  test("hands on marks that cannot be read as such", () => {
    const node = setup().inputs.node({
      metadata: { name: "n1", annotations: { "gpu-autoscaler.io/drain-state": "{" } },
    });
    expect(node.drainState).toEqual({ kind: "malformed", why: "not JSON" });
  });
});
