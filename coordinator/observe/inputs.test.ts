import { describe, expect, test } from "vitest";

import type { Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { createInputs } from "./inputs.ts";
import type { Problem } from "./inputs.ts";

function aPod(
  overrides: {
    readonly spec?: Partial<Pod["spec"]>;
    readonly status?: Pod["status"];
    readonly annotations?: Record<string, string>;
  } = {},
): Pod {
  return {
    metadata: {
      name: "p",
      namespace: "team",
      uid: "u",
      creationTimestamp: "2026-06-01T00:00:00Z",
      annotations: overrides.annotations ?? {},
    },
    spec: {
      containers: [{ name: "main", resources: { requests: { cpu: "500m", [GPU_RESOURCE]: "2" } } }],
      ...overrides.spec,
    },
    ...(overrides.status === undefined ? {} : { status: overrides.status }),
  };
}

function setup() {
  const problems: Problem[] = [];
  return { problems, inputs: createInputs((problem) => problems.push(problem)) };
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

  test("hands on marks that cannot be read as such", () => {
    const node = setup().inputs.node({
      metadata: { name: "n1", annotations: { "gpu-autoscaler.io/drain-state": "{" } },
    });
    expect(node.drainState).toEqual({ kind: "malformed", why: "not JSON" });
  });
});
